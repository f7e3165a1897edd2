import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { makeThumbnail } from "../../report/pictures/thumbnail.ts";
import type { Comparison } from "../compare-results.ts";
import { comparePage, type DifferentShot } from "./compare-page.ts";

export interface CreateComparePageOptions {
  /** The results file and the truth as the page names them. */
  readonly files: readonly [results: string, truth: string];
  readonly signal?: AbortSignal | undefined;
}

/** Wide enough for a screen; all pictures together stay below what mail servers take. */
const pictureSidePx = 1280;
const maxBytes = 400_000;

/** Makes one HTML page of a comparison, with pictures of the photos that differ most. */
export async function createComparePage(
  comparison: Comparison,
  { files, signal }: CreateComparePageOptions,
): Promise<string> {
  // A picture that takes long is left out.
  using photos = new PhotoReader({ attempts: 1, timeoutMs: 20_000 });
  const shots: DifferentShot[] = [];
  for (const different of comparison.different) {
    const { source, contentSha256 } = different.result;
    const options = { photos, contentSha256, maxSidePx: pictureSidePx, maxBytes, signal };
    shots.push({ ...different, thumbnail: await makeThumbnail(source, options) });
  }
  return comparePage({ files, comparison, shots });
}
