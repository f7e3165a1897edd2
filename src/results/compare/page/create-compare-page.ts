import { withThumbnails } from "../../report/pictures/thumbnail.ts";
import type { Comparison } from "../compare-results.ts";
import { comparePage } from "./compare-page.ts";

export interface CreateComparePageOptions {
  /** The results file and the truth as the page names them. */
  readonly files: readonly [results: string, truth: string];
  readonly signal?: AbortSignal | undefined;
}

/** All pictures together stay below what mail servers take. */
const maxBytes = 400_000;

/** Makes one HTML page of a comparison, with pictures of the photos that differ most. */
export async function createComparePage(
  comparison: Comparison,
  { files, signal }: CreateComparePageOptions,
): Promise<string> {
  const shots = await withThumbnails(comparison.different, { maxBytes, signal });
  return comparePage({ files, comparison, shots });
}
