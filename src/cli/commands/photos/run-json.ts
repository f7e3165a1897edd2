import type { WorklistPhoto, WorklistView } from "../../../ledger/worklist/worklist-view.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** Prints one JSON line a photo, then one for all: see docs/cli.md. */
export async function printJsonSummary(
  output: StandardOutput,
  report: WorklistView,
  facts: RunOutcome,
): Promise<void> {
  for await (const photo of report.photos()) {
    if (output.isClosed) return;
    if (photo.state === "done" || photo.state === "set-aside")
      await output.writeJson(toJson(photo, facts.maxDetections));
  }
  const states = await report.states();
  const { countByName } = await report.totals();
  await output.writeJson({
    type: "summary",
    photos: states.done + states["set-aside"] + states.waiting + states.leased,
    done: states.done,
    setAside: states["set-aside"],
    left: states.waiting + states.leased,
    counts: Object.fromEntries(countByName),
    results: facts.resultsFile,
    ...(facts.annotateFolder !== undefined && { pictures: facts.annotateFolder }),
    ...(facts.unreadableFolders.length > 0 && { notListed: facts.unreadableFolders }),
    run: {
      photos: facts.finished,
      seconds: Math.round(facts.elapsedMs) / 1000,
      photosPerSecond:
        facts.finished === 0 ? 0 : Math.round((1e5 * facts.finished) / facts.elapsedMs) / 100,
      modelLoads: facts.loads,
      device: facts.device ?? null,
      interrupted: facts.isInterrupted,
    },
  });
}

function toJson(photo: WorklistPhoto, maxDetections: number): object {
  const { source, reason, result } = photo;
  if (result === undefined) return { type: "set-aside", image: source, ...reason };
  const countsOf = (region: number) =>
    Object.fromEntries(
      result.counts
        .filter((count) => count.region === region)
        .map(({ name, count }) => [name, count]),
    );
  return {
    type: "photo",
    image: source,
    width: result.widthPx,
    height: result.heightPx,
    sha256: result.contentSha256,
    device: result.device,
    detections: result.objectCount,
    ...(result.objectCount >= maxDetections && { reachedMaxDetections: true }),
    counts: countsOf(0),
    ...(result.regionCount !== undefined && {
      regions: Array.from({ length: result.regionCount }, (_, i) => ({
        region: i + 1,
        counts: countsOf(i + 1),
      })),
    }),
  };
}
