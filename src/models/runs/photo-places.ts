import { availableParallelism } from "node:os";
import { usualBatch } from "./usual-batch.ts";

/**
 * Bounds how many photos are in hand at a time, first come, first served: each takes its pixels and
 * an input of the network, which is tens of megabytes. Without it, a hundred requests at once would
 * take a hundred times as much memory, and be no quicker.
 */
export class PhotoPlaces {
  #free: number;
  readonly #waiting: PromiseWithResolvers<void>[] = [];

  constructor(places: number) {
    this.#free = places;
  }

  /** Does the work when there is a place. @throws what it throws, or the signal's reason */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next.resolve();
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const place = Promise.withResolvers<void>();
    const leave = () => {
      const at = this.#waiting.indexOf(place);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      place.reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    this.#waiting.push(place);
    try {
      await place.promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }
}

/**
 * Returns how many photos keep a device busy, with room to spare: on a CPU one more than there are
 * runs at most, elsewhere two full batches and what the cores decode meanwhile.
 */
export function photosInHand(
  { isOnCpu }: { readonly isOnCpu: boolean },
  cores = availableParallelism(),
): number {
  return isOnCpu ? cores + 2 : 2 * usualBatch.gpu + cores;
}
