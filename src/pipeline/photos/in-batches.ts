/** Gathers 500 at a time: as rows of one transaction, a few milliseconds under the write lock. */
export async function* inBatches<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    if (batch.push(item) < 500) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
