/** So many rows are formatted together. */
const rowsPerPage = 1_000;

export interface PagesOptions {
  /** The most items, 0 for all. */
  readonly limit: number;
}

/**
 * Shows items page by page, at most `limit`, in bounded memory; `show` returns whether to go on.
 * Returns whether there are more.
 */
export async function inPages<T>(
  items: AsyncIterable<T>,
  { limit }: PagesOptions,
  show: (page: readonly T[]) => Promise<boolean>,
): Promise<{ readonly hasMore: boolean }> {
  let page: T[] = [];
  let count = 0;
  let hasMore = false;
  for await (const item of items) {
    if (limit !== 0 && count === limit) {
      hasMore = true;
      break;
    }
    page.push(item);
    count++;
    if (page.length < rowsPerPage) continue;
    if (!(await show(page))) return { hasMore: true };
    page = [];
  }
  if (page.length > 0) await show(page);
  return { hasMore };
}
