import { formatBytes, formatDuration, formatPlural } from "../../base/quantities.ts";
import type { RunChoice } from "../../models/runs/choose-runs.ts";
import { green, type Observation, yellow } from "../finding.ts";
import type { MeasuredLoad, MeasuredPredictions } from "../measured/measuring-messages.ts";

/** The model, by what its file says. */
export function describeMeasured(file: string, load: MeasuredLoad): Observation {
  const { description, classes, format, fileBytes, sha256 } = load;
  const { task, imageSizeHw, gflops } = description;
  const kind = format === "checkpoint" ? "checkpoint" : "ONNX model";
  const work = gflops === undefined ? "" : `, ${gflops.toFixed(1)} GFLOPs`;
  const verb = task === "segment" ? "segments" : "detects";
  const what = `${verb} ${formatPlural(classes, "class", "classes")} at ${imageSizeHw.join(" × ")}`;
  return green(`${file}: ${kind} of ${formatBytes(fileBytes)}, ${what}${work}.`, {
    file,
    format,
    bytes: fileBytes,
    sha256,
    task,
    classes,
    heightPx: imageSizeHw[0],
    widthPx: imageSizeHw[1],
    gflops,
  });
}

/** The time of a first load, and of later ones from the artifact. */
export function describeLoads(
  { loadMs: coldMs }: MeasuredLoad,
  { loadMs: warmMs }: MeasuredPredictions,
): Observation {
  const [cold, warm] = [formatDuration(coldMs), formatDuration(warmMs)];
  return green(`The first load took ${cold}, a later one ${warm}.`, { coldMs, warmMs });
}

/** How long predictions take, and on what. */
export function describePredictions(
  { device, fallbackReason, firstMs, medianMs, predictions }: MeasuredPredictions,
  gflops: number | undefined,
): Observation {
  const speed = gflops === undefined ? "" : `, ${Math.round((1000 * gflops) / medianMs)} GFLOP/s`;
  const figures = { device, fallbackReason, firstMs, medianMs, predictions };
  return green(
    `On ${device} the first took ${formatMs(firstMs)}, later ones ${formatMs(medianMs)}${speed}.`,
    figures,
  );
}

/** How runs of photos that are predicted side by side share the cores, and why. */
export function describeRuns(choice: RunChoice): Observation {
  const { runs, threads, spinning, isMeasuring, reason } = choice;
  if (isMeasuring) {
    return green("Too few predictions fit in the time to choose how runs share the cores.", {
      ...choice,
    });
  }
  const own = `with ${formatPlural(threads, "thread")} each`;
  const many = `${formatPlural(runs, "run")} at a time ${own} for many photos`;
  const alone = spinning ? "all cores, and threads that spin" : "all cores";
  return green(`${many}; one alone has ${alone}. Why: ${reason}.`, { ...choice });
}

function formatMs(ms: number): string {
  return ms < 9.95 ? `${ms.toFixed(1)} ms` : formatDuration(ms);
}

/** Smaller growth may come from the timing of garbage collection. */
const fairShare = 0.05;
const fairBytes = 16e6;
/** Before that, memory has not settled. */
const fewestPredictions = 60;

/** Whether the process grows while it predicts. */
export function describeGrowth(measured: MeasuredPredictions): Observation {
  const { bytesBefore, bytesAfter, peakBytes, predictions } = measured;
  const grownBytes = bytesAfter - bytesBefore;
  const figures = { bytesBefore, bytesAfter, grownBytes, peakBytes, predictions };
  const over = `over ${formatPlural(predictions, "prediction")}`;
  const takes = `A process takes ${formatBytes(bytesAfter)} (${formatBytes(peakBytes)} at most)`;
  if (predictions < fewestPredictions) {
    return green(`${takes}; ${predictions} predictions are too few to see growth.`, figures);
  }
  if (grownBytes > Math.max(fairBytes, fairShare * bytesBefore)) {
    return yellow(
      `${takes} and grew by ${formatBytes(grownBytes)} ${over}.`,
      "Recycle workers (`--recycle-tasks`), and report it with this page.",
      figures,
    );
  }
  const change = grownBytes > 0 ? `grew by ${formatBytes(grownBytes)}` : "did not grow";
  return green(`${takes} and ${change} ${over}.`, figures);
}
