/** As rows of one transaction, a few milliseconds under the write lock. */
const defaultSize = 500;

/** Gathers items, by default 500 at a time. */
export async function* inBatches<T>(
  items: AsyncIterable<T>,
  size = defaultSize,
): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
