import type { WorklistPhoto, WorklistView } from "../../../ledger/worklist/worklist-view.ts";
import { describeCounts } from "../../../results/describe-counts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** Which photos are printed, and how many objects make one that may have more. */
export interface JsonPhotosOptions {
  readonly maxDetections: number;
  /** Default all. */
  readonly sources?: readonly string[];
}

/** Prints one JSON line for each photo that is done or has failed: see docs/cli.md. */
export async function printJsonPhotos(
  output: StandardOutput,
  view: WorklistView,
  { maxDetections, ...which }: JsonPhotosOptions,
): Promise<void> {
  for await (const photo of view.photos(which)) {
    if (output.isClosed) return;
    if (photo.state === "done" || photo.state === "failed") {
      await output.writeJson(toJson(photo, maxDetections));
    }
  }
}

/** Prints one JSON line for all photos. */
export async function printJsonSummary(
  output: StandardOutput,
  view: WorklistView,
  outcome: RunOutcome,
): Promise<void> {
  if (output.isClosed) return;
  const states = await view.states();
  const { countByName } = await view.totals();
  const warnings = await view.warnings();
  await output.writeJson({
    type: "summary",
    photos: states.done + states.failed + states.waiting + states.leased,
    done: states.done,
    failed: states.failed,
    left: states.waiting + states.leased,
    counts: Object.fromEntries(countByName),
    results: outcome.resultsFile,
    pictures: outcome.annotateFolder,
    ...(outcome.unreadableFolders.length > 0 && { notListed: outcome.unreadableFolders }),
    ...(outcome.emptyFolders.length > 0 && { withoutPhotos: outcome.emptyFolders }),
    leftOut: outcome.leftOut,
    ...(warnings.size > 0 && { warnings: Object.fromEntries(warnings) }),
    run: {
      photos: outcome.finished,
      ...(outcome.moved > 0 && { moved: outcome.moved }),
      seconds: Math.round(outcome.elapsedMs) / 1000,
      photosPerSecond:
        outcome.finished === 0 ? 0 : Math.round((1e5 * outcome.finished) / outcome.elapsedMs) / 100,
      modelLoads: outcome.loads,
      device: outcome.device ?? null,
      interrupted: outcome.isInterrupted,
    },
  });
}

function toJson(photo: WorklistPhoto, maxDetections: number): object {
  const { source, reason, result } = photo;
  if (result === undefined) return { type: "failed", image: source, ...reason };
  return { type: "photo", ...describeCounts(result, { source, maxDetections }) };
}
