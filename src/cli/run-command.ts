import { Command } from "commander";
import { PhotoJob, type PhotoJobOptions } from "../pipeline/photo-job.ts";
import { pictureExtensions } from "../vision/picture.ts";
import { fromCaller } from "./caller-folder.ts";
import { exitStatus, exitStatusHelp } from "./exit-status.ts";
import { Interrupts } from "./interrupts.ts";
import { modelFromCaller } from "./model-argument.ts";
import {
  addPredictionOptions,
  type PredictionArguments,
  parseFraction,
  parseImageSize,
} from "./prediction-options.ts";
import { ProgressDisplay } from "./progress-display.ts";
import { formatCount, formatDuration } from "./quantities.ts";
import { displayPath, printJsonSummary, printSummary } from "./run-summary.ts";
import type { StandardOutput } from "./standard-output.ts";

/** How often the work of other runs is looked at. */
const othersPeriodMs = 3_000;

interface RunArguments extends PredictionArguments {
  readonly detect: string;
  readonly segment?: string;
  readonly segmentConfidence: number;
  readonly segmentImageSize?: number | [number, number];
  readonly out: string;
  readonly annotate?: string;
  readonly retry?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

const help = `
Examples:
  $ orangery run photos/ --detect plants.onnx
  $ orangery run photos/ --detect plants.onnx --segment beds.onnx --annotate annotated/
  $ orangery run examples/photos --detect sample:seedlings --segment sample:beds

Stopped in any way and started again with the same options, a run goes on where it was. Several runs
with the same results file share the work. Photos without a result are tried again when their file
changes, or with --retry.
${exitStatusHelp}`;

/** `orangery run`: the main job. */
export function createRunCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("run")
    .summary("count objects on many photos, resumable")
    .description(
      "Counts objects on photos, and in each bed of a photo, and records everything in a results file.",
    )
    .argument("<path...>", "photos, and folders of photos with all folders below them")
    .requiredOption("--detect <model>", "finds what is counted: an ONNX file, or sample:seedlings")
    .option("--segment <model>", "finds the beds to count in: an ONNX file, or sample:beds")
    .option("--out <file>", "the results file, made if it is missing", "results.db")
    .option("--annotate <folder>", "draw what was found on copies of the photos");
  addPredictionOptions(command, { maxDetections: 3000 })
    .option("--segment-confidence <score>", "least score of a bed, 0 to 1", parseFraction, 0.25)
    .option(
      "--segment-image-size <px>",
      "input of the bed network (default: its own)",
      parseImageSize,
    )
    .option("--retry", "try photos again that were set aside")
    .option("--json", "print one JSON line a photo and one for all, at the end")
    .option("--quiet", "no progress")
    .addHelpText("after", help);
  return command.action(async (paths: string[], options: RunArguments) => {
    setStatus(await run(output, paths, options));
  });
}

async function run(
  output: StandardOutput,
  paths: readonly string[],
  options: RunArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet: options.quiet });
  using interrupts = new Interrupts({
    onInterrupt: (again) =>
      progress.note(
        again
          ? "Aborting."
          : "Stopping after the photos in hand. Press Ctrl-C again to abort at once.",
      ),
  });
  await using job = await PhotoJob.open(toJobOptions(paths, options));
  const models = tellOfModels(job, progress);
  const unreadableFolders: string[] = [];
  try {
    await addPhotos(job, { progress, interrupts, unreadableFolders });
    const startedAt = performance.now();
    const finished = await work(job, { progress, interrupts });
    progress[Symbol.dispose]();

    const print = options.json ? printJsonSummary : printSummary;
    await print(output, job.report, {
      resultsFile: job.resultsFile,
      annotateFolder: options.annotate && fromCaller(options.annotate),
      device: models.device,
      loads: job.cache.info().loads,
      finished,
      elapsedMs: performance.now() - startedAt,
      maxDetections: options.maxDetections,
      isInterrupted: interrupts.exitStatus !== undefined,
      unreadableFolders,
    });
  } catch (error) {
    // What an interrupt ended is no failure.
    if (interrupts.exitStatus === undefined) throw error;
  }
  if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
  const isComplete =
    (await job.report.states())["set-aside"] === 0 && unreadableFolders.length === 0;
  return isComplete ? exitStatus.ok : exitStatus.incomplete;
}

interface Surroundings {
  readonly progress: ProgressDisplay;
  readonly interrupts: Interrupts;
}

/** Says on which device models are, and which one it is for the summary. */
function tellOfModels({ cache }: PhotoJob, progress: ProgressDisplay) {
  const models: { device: string | undefined } = { device: undefined };
  const told = new Set<string>();
  cache.on("model:load", ({ name, device, loadMs }) => {
    if (name === "detect") models.device = device;
    progress.note(`Loaded the ${name} model on ${device} in ${formatDuration(loadMs)}`);
  });
  cache.on("device:fallback", ({ to, reason }) => {
    // The same for every model.
    if (!told.has(reason)) progress.note(`Going on with ${to}, because of ${reason}`);
    told.add(reason);
  });
  return models;
}

async function addPhotos(
  job: PhotoJob,
  { progress, interrupts, unreadableFolders }: Surroundings & { unreadableFolders: string[] },
): Promise<void> {
  progress.setActivity("Looking for photos");
  const found = await job.add({
    signal: interrupts.stop,
    onFound: (found) => progress.setActivity(`Looking for photos: ${formatCount(found)}`),
    onUnreadable: (folder, error) => {
      unreadableFolders.push(folder);
      progress.note(`Cannot list ${displayPath(folder)}: ${String(error)}`);
    },
  });
  if (found === 0) {
    progress.note(`Found no photos. They end in ${pictureExtensions.join(", ")}.`);
  }
}

/** Gives how many photos this process finished. */
async function work(job: PhotoJob, { progress, interrupts }: Surroundings): Promise<number> {
  const setTotals = async () => {
    const { done, "set-aside": setAside, waiting, leased } = await job.report.states();
    progress.setTotals({ total: done + setAside + waiting + leased, done, setAside });
  };
  await setTotals();
  // Another run on the same results file moves the numbers too.
  // Another run on the same results file moves the numbers too.
  const lookAtOthers = async () => {
    if (await job.isShared()) await setTotals();
  };
  const othersTimer = setInterval(() => {
    // What fails here fails the work itself, which tells.
    lookAtOthers().catch(() => {});
  }, othersPeriodMs);
  let finished = 0;
  try {
    await job.run({
      stop: interrupts.stop,
      signal: interrupts.abort,
      onPhoto: ({ source, outcome, reason }) => {
        if (outcome === "failed") return;
        finished++;
        if (outcome !== "set-aside") return progress.photoDone();
        progress.photoSetAside();
        progress.note(`Set aside ${displayPath(source)}: ${reason?.code}`);
      },
    });
  } finally {
    clearInterval(othersTimer);
  }
  await setTotals();
  return finished;
}

function toJobOptions(paths: readonly string[], options: RunArguments): PhotoJobOptions {
  const { confidence, iou, maxDetections, imageSize } = options;
  const { segment, segmentConfidence, segmentImageSize } = options;
  return {
    paths: paths.map(fromCaller),
    resultsFile: fromCaller(options.out),
    detect: {
      file: modelFromCaller(options.detect),
      options: { confidence, iou, maxDetections, imageSize },
    },
    segment:
      segment === undefined
        ? undefined
        : {
            file: modelFromCaller(segment),
            options: { confidence: segmentConfidence, imageSize: segmentImageSize },
          },
    device: options.device,
    requireDevice: options.requireDevice,
    annotateFolder: options.annotate && fromCaller(options.annotate),
    maxPixels: options.maxPixels,
    retry: options.retry,
  };
}
