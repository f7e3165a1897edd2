import { isOutOfMemory } from "./out-of-memory.ts";

/**
 * The number of pictures that a run may take. When memory runs out, a batch is halved and tried
 * again, and the size is remembered: no later batch is larger.
 */
export class BatchLimit {
  #largest: number;

  constructor(largest: number) {
    this.#largest = largest;
  }

  /** The most pictures that one run takes, as far as is known. */
  get largest(): number {
    return this.#largest;
  }

  /**
   * Runs all items in batches, one after the other, and returns their results in order.
   *
   * @param onHalved Awaited before a smaller batch is tried: the time to give memory back.
   * @throws what `run` throws, when it is not about memory or happens with a single item
   */
  async run<Item, Result>(
    items: readonly Item[],
    run: (batch: readonly Item[]) => Promise<readonly Result[]>,
    onHalved: (largest: number) => Promise<void> = async () => {},
  ): Promise<Result[]> {
    const results: Result[] = [];
    while (results.length < items.length) {
      const batch = items.slice(results.length, results.length + this.#largest);
      try {
        results.push(...(await run(batch)));
      } catch (error) {
        if (batch.length === 1 || !isOutOfMemory(error)) throw error;
        // Of batches that ran beside this one, another may have found a lower limit.
        this.#largest = Math.min(this.#largest, batch.length >> 1);
        await onHalved(this.#largest);
      }
    }
    return results;
  }
}
