import { formatCount, formatDuration } from "../../../base/quantities.ts";
import type { Pause } from "../../../ledger/actions/pause-recipe.ts";
import type { WatchEvents, WatchOptions } from "../../../pipeline/photos/watch/watch-options.ts";
import type { CountOptions } from "../../../pipeline/recipe/count-recipe.ts";
import { PhotoJob } from "../../../pipeline/run/photo-job.ts";
import type { PhotoJobOptions } from "../../../pipeline/run/photo-job-options.ts";
import { pictureExtensions } from "../../../vision/photo/decode-picture.ts";
import { displayPath, fromCaller, photoFromCaller } from "../../options/caller-paths.ts";
import type { DeviceArguments, PrecisionArguments } from "../../options/detection-options.ts";
import { openPhotoList } from "../../options/photo-list-argument.ts";
import type { PhotoArguments } from "../../options/photo-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { type Interrupts, interruptible } from "../../output/interrupts.ts";
import { notePrecision, noteTrial } from "../../output/precision-notes.ts";
import { noteEmptyFolders, notePlaces, noteUnreadableFolders } from "../../output/problem-notes.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { noteSlices } from "../../output/slice-notes.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { printJsonPhotos, printJsonSummary } from "./run-json.ts";
import { printSummary } from "./run-summary.ts";

export interface RunArguments extends DeviceArguments, PhotoArguments, PrecisionArguments {
  readonly count: CountOptions;
  readonly out: string;
  readonly annotate?: string;
  readonly maxPixels?: number;
  readonly location?: boolean;
  readonly allowPrivateAddresses?: boolean;
  readonly dashboard?: boolean;
  readonly dashboardPort: number;
  readonly retry?: boolean;
  readonly watch?: WatchOptions | undefined;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** The failed photos that are printed at once; all are listed at the end. */
const printedFailures = 20;

/** The time between two looks at the work of other runs. */
const othersPeriodMs = 3_000;

/** Runs `orangery run`; resolves to the exit status. */
export async function run(
  output: StandardOutput,
  paths: readonly string[],
  options: RunArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet: options.quiet });
  const onInterrupt = (again: boolean) => {
    const gently = "Stopping after the photos in progress. Press Ctrl-C again to abort at once.";
    progress.note(again ? "Aborting." : gently);
  };
  return await interruptible(
    async (interrupts) => {
      const logger = warningLog((line) => progress.note(line));
      const list = await openPhotoList(options.fromFile, interrupts.stop);
      await using job = await PhotoJob.open({
        ...toJobOptions(paths, options),
        list,
        logger,
        onTrial: noteTrial(progress),
        signal: interrupts.stop,
      });
      notePrecision(progress, job.precision);
      await using room = options.dashboard ? await openDashboard(job, options) : undefined;
      if (room !== undefined) progress.note(`Control room: ${room.url}`);
      return await runJob(job, output, { options, progress, interrupts });
    },
    { onInterrupt },
  );
}

interface RunContext {
  readonly options: RunArguments;
  readonly progress: ProgressDisplay;
  readonly interrupts: Interrupts;
}

async function runJob(job: PhotoJob, output: StandardOutput, context: RunContext): Promise<number> {
  const { options, progress, interrupts } = context;
  const models = printModelEvents(job, progress);
  const unreadableFolders: string[] = [];
  const emptyFolders: string[] = [];
  const found = await addPhotos(job, { ...context, unreadableFolders, emptyFolders });
  const startedAtMs = performance.now();
  const maxDetections = options.count.detect.options!.maxDetections!;
  const { away, ...places } = notePlaces(progress);
  const printPhoto = (source: string) =>
    printJsonPhotos(output, job.view, { maxDetections, sources: [source] });
  const isLive = options.watch !== undefined;
  const { finished, moved } = await work(job, {
    ...context,
    events: { ...places, onUnreadable: noteUnreadableFolders(progress, unreadableFolders) },
    onFinished: isLive && options.json ? printPhoto : undefined,
  });
  progress[Symbol.dispose]();
  unreadableFolders.push(...away);

  if (options.json && !isLive) await printJsonPhotos(output, job.view, { maxDetections });
  const print = options.json ? printJsonSummary : printSummary;
  await print(output, job.view, {
    resultsFile: job.resultsFile,
    annotateFolder: options.annotate && fromCaller(options.annotate),
    device: models.device,
    loads: job.cache.info().loads,
    finished,
    moved,
    elapsedMs: performance.now() - startedAtMs,
    maxDetections,
    isInterrupted: interrupts.exitStatus !== undefined,
    unreadableFolders,
    emptyFolders,
    leftOut: job.leftOut,
  });
  const { failed } = await job.view.states();
  const isEmpty = (found === 0 || emptyFolders.length > 0) && !options.allowEmpty && !isLive;
  return failed === 0 && unreadableFolders.length === 0 && !isEmpty
    ? exitStatus.ok
    : exitStatus.incomplete;
}

async function openDashboard({ cache, resultsFile }: PhotoJob, options: RunArguments) {
  const { dashboardPort: port, allowPrivateAddresses } = options;
  // Imported late: most runs serve no page.
  const { serveDashboard } = await import("../dashboard/serve-dashboard.ts");
  const { viewMachine } = await import("../../../dashboard/views/machine-view.ts");
  const machine = () => viewMachine(cache.info());
  return await serveDashboard({ results: resultsFile, port, allowPrivateAddresses, machine });
}

/** Prints which models are loaded; the device is for the summary. */
function printModelEvents({ cache }: PhotoJob, progress: ProgressDisplay) {
  const models: { device: string | undefined } = { device: undefined };
  cache.on("model:load", ({ name, device, loadMs }) => {
    if (name === "detect") models.device = device;
    progress.info(`Loaded the ${name} model on ${device} in ${formatDuration(loadMs)}`);
  });
  return models;
}

interface FoundFolders {
  readonly unreadableFolders: string[];
  readonly emptyFolders: string[];
}

async function addPhotos(
  job: PhotoJob,
  { options, progress, interrupts, unreadableFolders, emptyFolders }: RunContext & FoundFolders,
): Promise<number> {
  progress.setActivity("Looking for photos");
  const found = await job.add({
    signal: interrupts.stop,
    onFound: (found) => progress.setActivity(`Looking for photos: ${formatCount(found)}`),
    onUnreadable: noteUnreadableFolders(progress, unreadableFolders),
    onEmpty: noteEmptyFolders(progress, emptyFolders),
  });
  if (options.watch !== undefined) {
    progress.info("Watching for more photos. Press Ctrl-C to end.");
    progress.setWatching();
  } else if (found === 0) {
    progress.note(`Found no photos. They end in ${pictureExtensions.join(", ")}.`);
  }
  return found;
}

interface WorkEvents {
  readonly events: WatchEvents;
  /** Called when a photo is done or has failed. */
  readonly onFinished: ((source: string) => Promise<void>) | undefined;
}

/** Runs the job, and counts the photos that this process finished, and that have moved. */
async function work(
  job: PhotoJob,
  { options, progress, interrupts, events, onFinished }: RunContext & WorkEvents,
) {
  let hasNews = false;
  const setTotals = async () => {
    const { done, failed, waiting, leased } = await job.view.states();
    progress.setTotals({ total: done + failed + waiting + leased, done, failed });
  };
  await setTotals();
  // Another run on the same results file also changes the numbers, and so do changed photos.
  const lookAtOthers = async () => {
    if (!hasNews && !(await job.isShared())) return;
    hasNews = false;
    await setTotals();
  };
  const othersTimer = setInterval(() => {
    // A failure here also fails the run itself, which reports it.
    lookAtOthers().catch(() => {});
  }, othersPeriodMs);
  let finished = 0;
  let failed = 0;
  let moved = 0;
  try {
    await job.run({
      ...events,
      stop: interrupts.stop,
      signal: interrupts.abort,
      onMoved: () => {
        moved++;
      },
      onArrived: (photos) => {
        hasNews = true;
        progress.addTotal(photos);
      },
      onPause: (pause) => progress.note(describePause(pause, options.out)),
      onSlices: noteSlices(progress),
      onPhoto: async ({ source, outcome, reason }) => {
        hasNews ||= outcome === "gone";
        if (outcome === "retry" || outcome === "gone") return;
        finished++;
        await onFinished?.(source);
        if (outcome !== "failed") return progress.photoDone();
        progress.photoFailed();
        if (++failed > printedFailures) return;
        progress.note(`Failed: ${displayPath(source)} (${reason?.code})`);
        if (failed === printedFailures) progress.note("Further failures are listed at the end.");
      },
    });
  } finally {
    clearInterval(othersTimer);
  }
  await setTotals();
  return { finished, moved };
}

function describePause(pause: Pause | undefined, results: string): string {
  if (pause === undefined) return "Going on.";
  const { person, since } = pause;
  const command = `orangery photos resume --results ${results}`;
  return `${person} has paused it at ${since}. "${command}" lets it go on.`;
}

function toJobOptions(paths: readonly string[], options: RunArguments): PhotoJobOptions {
  return {
    ...options.count,
    paths: paths.map(photoFromCaller),
    exclude: options.exclude,
    include: options.include,
    allowPrivateAddresses: options.allowPrivateAddresses,
    resultsFile: fromCaller(options.out),
    device: options.device,
    requireDevice: options.requireDevice,
    annotateFolder: options.annotate && fromCaller(options.annotate),
    maxPixels: options.maxPixels,
    location: options.location,
    retry: options.retry,
    watch: options.watch,
    precision: options.precision,
  };
}
