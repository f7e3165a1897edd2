/** As rows of one transaction, a few milliseconds under the write lock. */
const defaultSize = 500;

/** Gathers items into lists of so many, by default 500; the last may be shorter. */
export async function* inBatches<T>(
  items: AsyncIterable<T>,
  size = defaultSize,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    if (batch.push(item) < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
