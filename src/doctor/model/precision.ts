import { mayHaveGpu } from "../../models/devices/device-survey.ts";
import { green, type Observation } from "../finding.ts";
import { hasInt8Instructions } from "../host/processor.ts";
import type { MeasuredPredictions } from "../measured/measuring-messages.ts";

/**
 * What `--precision auto` would take, as far as it is known without photos: on the CPU int8 is
 * tried on those of the run, on other devices float16.
 */
export async function describePrecision({
  device,
  precision,
}: Pick<MeasuredPredictions, "device" | "precision">): Promise<Observation> {
  const hasInstructions = await hasInt8Instructions();
  const figures = { precision, device, hasInt8Instructions: hasInstructions };
  if (precision !== "float32") {
    const auto = "`--precision auto` stays with";
    return green(`The network is of ${precision}, and ${auto} that.`, figures);
  }
  if (device !== "cpu" || mayHaveGpu()) {
    return green(`${tries("float16")}.`, figures);
  }
  return green(`${tries("int8")}; ${expectation(hasInstructions)}.`, figures);
}

function tries(precision: "float16" | "int8"): string {
  return (
    `\`--precision auto\` tries ${precision} on 12 or more photos of a run, and takes it where ` +
    "it counts the same and is faster"
  );
}

/** What docs/precision.md has measured. */
function expectation(hasInstructions: boolean | undefined): string {
  if (hasInstructions === undefined) return "how much faster is not known of this processor";
  return hasInstructions
    ? "this processor has instructions for it, with which YOLO11m was two to three times as fast"
    : "without VNNI, YOLO11m was 1.6 times as fast and YOLO11n 1.2 times";
}
