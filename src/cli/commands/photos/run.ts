import type { CountOptions } from "../../../pipeline/run/count-recipe.ts";
import { PhotoJob, type PhotoJobOptions } from "../../../pipeline/run/photo-job.ts";
import { pictureExtensions } from "../../../vision/photo/picture.ts";
import { displayPath, fromCaller, photoFromCaller } from "../../options/caller-folder.ts";
import type { PredictionArguments } from "../../options/prediction-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { formatCount, formatDuration } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { printUnreadableFolders } from "../../output/unreadable-folders.ts";
import { warningLog } from "../../output/warning-log.ts";
import { printJsonSummary } from "./run-json.ts";
import { printSummary } from "./run-summary.ts";

export interface RunArguments
  extends Pick<PredictionArguments, "device" | "requireDevice" | "maxPixels"> {
  readonly count: CountOptions;
  readonly out: string;
  readonly annotate?: string;
  readonly allowPrivateAddresses?: boolean;
  readonly retry?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Photos that are named the moment they are set aside. */
const namedFailures = 20;

/** How often the work of other runs is looked at. */
const othersPeriodMs = 3_000;

/** Does what `orangery run` was asked for; resolves to the exit status. */
export async function run(
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
  await using job = await PhotoJob.open({
    ...toJobOptions(paths, options),
    logger: warningLog((line) => progress.note(line)),
  });
  const models = printModelEvents(job, progress);
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
      maxDetections: options.count.detect.options!.maxDetections!,
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

/** Says which models are loaded, and on which device for the summary. */
function printModelEvents({ cache }: PhotoJob, progress: ProgressDisplay) {
  const models: { device: string | undefined } = { device: undefined };
  cache.on("model:load", ({ name, device, loadMs }) => {
    if (name === "detect") models.device = device;
    progress.info(`Loaded the ${name} model on ${device} in ${formatDuration(loadMs)}`);
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
    onUnreadable: printUnreadableFolders(progress, unreadableFolders),
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
  const lookAtOthers = async () => {
    if (await job.isShared()) await setTotals();
  };
  const othersTimer = setInterval(() => {
    // What fails here fails the work itself, which tells.
    lookAtOthers().catch(() => {});
  }, othersPeriodMs);
  let finished = 0;
  let setAside = 0;
  try {
    await job.run({
      stop: interrupts.stop,
      signal: interrupts.abort,
      onPhoto: ({ source, outcome, reason }) => {
        if (outcome === "failed") return;
        finished++;
        if (outcome !== "set-aside") return progress.photoDone();
        progress.photoFailed();
        if (++setAside > namedFailures) return;
        progress.note(`Set aside ${displayPath(source)}: ${reason?.code}`);
        if (setAside === namedFailures)
          progress.note("Others that are set aside are told at the end.");
      },
    });
  } finally {
    clearInterval(othersTimer);
  }
  await setTotals();
  return finished;
}

function toJobOptions(paths: readonly string[], options: RunArguments): PhotoJobOptions {
  return {
    ...options.count,
    paths: paths.map(photoFromCaller),
    allowPrivateAddresses: options.allowPrivateAddresses,
    resultsFile: fromCaller(options.out),
    device: options.device,
    requireDevice: options.requireDevice,
    annotateFolder: options.annotate && fromCaller(options.annotate),
    maxPixels: options.maxPixels,
    retry: options.retry,
  };
}
