import type { BulkJobOptions, Queue } from "bullmq";
import { tryAgain } from "../../base/try-again.ts";
import { inBatches } from "../../ledger/in-batches.ts";
import type { PhotoOutcome, ResultStore } from "../../ledger/results/result-store.ts";
import type { ListedPhoto } from "../../pipeline/photos/remote/remote-photo-reader.ts";
import { isBrokenOff, withQueueErrors } from "../queue/queue-errors.ts";
import { storeOf } from "../store/store-of.ts";
import { photoJobId, toPhotoJobData } from "./photo-job-data.ts";

export interface EnqueueOptions {
  readonly queue: Queue;
  /** The results of the recipe that is wanted. */
  readonly store: ResultStore;
  readonly photos: AsyncIterable<ListedPhoto>;
  /** Also photos that were recorded as failed. Default false. */
  readonly retry?: boolean | undefined;
  /** Photos that are looked up and added together. Default 500. */
  readonly batchSize?: number | undefined;
  readonly onProgress?: ((counts: EnqueueCounts) => void) | undefined;
  /** Ends it with its reason; what is added stays. */
  readonly signal?: AbortSignal | undefined;
}

/** The number of photos by what happened to them so far. */
export interface EnqueueCounts {
  readonly found: number;
  readonly added: number;
  /** Have a result of this recipe and have not changed since. */
  readonly done: number;
  /** Were recorded as failed, and have not changed since. */
  readonly failed: number;
  /** Were excluded by people. */
  readonly excluded: number;
  /** Are in the queue already. */
  readonly queued: number;
}

/** Succeeded jobs leave the queue: only the ledger knows what is done. */
const jobOptions: BulkJobOptions = { removeOnComplete: true };

/**
 * Adds photos to the queue that have neither a result nor a job. Takes any number of them in
 * bounded memory. Stopped half-way and started again, it resumes.
 *
 * @throws `QUEUE_…`, `LEDGER_…`, or the signal's reason
 */
export async function enqueuePhotos({
  queue,
  store,
  photos,
  retry = false,
  batchSize,
  onProgress = () => {},
  signal,
}: EnqueueOptions): Promise<EnqueueCounts> {
  const counts = { found: 0, added: 0, done: 0, failed: 0, excluded: 0, queued: 0 };
  for await (const batch of inBatches(photos, batchSize)) {
    signal?.throwIfAborted();
    const outcomes = await store.knownSources(batch, { signal });
    const wanted = batch.filter(({ source }) => isWanted(outcomes.get(source), retry));
    const { hash } = store.recipe;
    const added = await withQueueErrors(queue, () => addPhotos(queue, wanted, hash, signal));
    for (const { source } of batch) {
      const outcome = outcomes.get(source);
      if (outcome !== undefined && !isWanted(outcome, retry)) counts[outcome]++;
    }
    counts.found += batch.length;
    counts.added += added;
    counts.queued += wanted.length - added;
    onProgress(counts);
  }
  return counts;
}

function isWanted(outcome: PhotoOutcome | undefined, retry: boolean): boolean {
  return outcome === undefined || (outcome === "failed" && retry);
}

/** Returns how many were added: those that the queue did not have. */
async function addPhotos(
  queue: Queue,
  photos: readonly ListedPhoto[],
  recipe: string,
  signal: AbortSignal | undefined,
): Promise<number> {
  // The same photo may be named twice.
  const byId = new Map(photos.map((photo) => [photoJobId(photo.source, recipe), photo]));
  const states = await storeOf(queue).jobs.endings([...byId.keys()]);
  // The old job of a photo that has changed, or is wanted again, is replaced.
  const ended = [...byId.keys()].filter((id) => states.get(id) === "ended");
  await Promise.all(ended.map((id) => queue.remove(id)));
  const jobs = [...byId]
    .filter(([jobId]) => states.get(jobId) !== "left")
    .map(([jobId, photo]) => ({
      name: "photo",
      data: toPhotoJobData(photo, recipe),
      opts: { ...jobOptions, jobId },
    }));
  // A job that is there is not added again.
  const options = { isPassing: isBrokenOff, pauseMs: [50, 1000], signal } as const;
  if (jobs.length > 0) await tryAgain(options, () => queue.addBulk(jobs));
  return jobs.length;
}
