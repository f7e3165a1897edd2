import { mayHaveGpu } from "../../models/devices/device-survey.ts";
import { green, type Observation } from "../finding.ts";
import { hasInt8Instructions } from "../host/processor.ts";
import type { MeasuredLoad, MeasuredPredictions } from "../measured/measuring-messages.ts";

/**
 * What `--precision auto` would take, as far as it is known without photos: on the CPU int8 is
 * tried on those of the run, on other devices float16.
 */
export async function describePrecision(
  {
    device,
    precision,
    whyNoInt8,
  }: Pick<MeasuredPredictions, "device" | "precision"> & Pick<MeasuredLoad, "whyNoInt8">,
  cpuinfo?: string,
): Promise<Observation> {
  const hasInstructions = await hasInt8Instructions(cpuinfo);
  const figures = { precision, device, hasInt8Instructions: hasInstructions };
  if (precision !== "float32") {
    const auto = "`--precision auto` stays with";
    return green(`The network is of ${precision}, and ${auto} that.`, figures);
  }
  if (device !== "cpu" || mayHaveGpu()) {
    return green(`${tries("float16")}.`, figures);
  }
  if (whyNoInt8 !== undefined) {
    return green(`\`--precision auto\` stays with float32. ${whyNoInt8}`, figures);
  }
  return green(`${tries("int8")}; ${expectation(hasInstructions)}.`, figures);
}

function tries(precision: "float16" | "int8"): string {
  return (
    `\`--precision auto\` tries ${precision} on 12 or more photos of a run, and takes it where ` +
    "it counts the same and is faster"
  );
}

/** What docs/precision.md and docs/benchmarks.md have measured. */
function expectation(hasInstructions: boolean | undefined): string {
  if (hasInstructions === undefined) return "how much faster is not known of this processor";
  return hasInstructions
    ? "this processor has instructions for it, with which YOLO11m was two to three times as fast"
    : "on an AMD EPYC without VNNI, YOLO11m and YOLOv8m were 1.5 times as fast";
}
