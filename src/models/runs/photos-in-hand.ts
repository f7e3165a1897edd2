import { availableParallelism } from "node:os";
import { processTurns } from "../../native/turns/process-turns.ts";
import { usualBatch } from "./usual-batch.ts";

interface PredictingDevice {
  readonly device: string;
  readonly isOnCpu: boolean;
}

/**
 * Takes a photo in hand when there is a place, first come, first served among all threads of the
 * process: its pixels and an input of the network are tens of megabytes. Without places, a hundred
 * requests at once, or ten threads, would take so many times as much memory, and be no quicker.
 *
 * @throws what the work throws, or the signal's reason
 */
export async function takeInHand<T>(
  model: PredictingDevice,
  work: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const places = await processTurns(`photos in hand for ${model.device}`);
  return await places.run(work, { places: photosInHand(model), signal });
}

/**
 * Returns how many photos keep a device busy, with room to spare: on a CPU one more than there are
 * runs at most, elsewhere two full batches and what the cores decode meanwhile.
 */
export function photosInHand(
  { isOnCpu }: Pick<PredictingDevice, "isOnCpu">,
  cores = availableParallelism(),
): number {
  return isOnCpu ? cores + 2 : 2 * usualBatch.gpu + cores;
}
