import type { Ledger } from "../../ledger/ledger.ts";
import type { StoredRecipe } from "../../ledger/results/stored-results.ts";
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import { makeThumbnail } from "./pictures/thumbnail.ts";
import { gatherReportData, reportLimits } from "./report-data.ts";
import type { Shot } from "./report-gallery.ts";
import { reportPage } from "./report-page.ts";

export interface ReportOptions {
  readonly recipe: StoredRecipe;
  /** The results file as the page names it. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo that was read, and for each picture that was made. */
  readonly onPhoto?: (() => void) | undefined;
}

/** Wide enough for a screen; all pictures together stay below what a mail takes. */
const pictureSidePx = 1280;
const allPicturesBytes = 6_500_000;

/**
 * Everything about the results of one recipe as one HTML page. The same results and photos always
 * give the same page, byte for byte.
 */
export async function createReport(
  ledger: Ledger,
  { recipe, file, signal, onPhoto }: ReportOptions,
): Promise<string> {
  const facts = await gatherReportData(ledger, { recipe, signal, onPhoto });
  const maxBytes = allPicturesBytes / Math.max(reportLimits.pictures / 2, facts.chosen.length);
  // A report does without a picture rather than wait for it.
  using sources = new PhotoReader({ attempts: 1, timeoutMs: 20_000 });
  const shots: Shot[] = [];
  for (const photo of facts.chosen) {
    const { source, contentSha256 } = photo.result;
    const options = { sources, contentSha256, maxSidePx: pictureSidePx, maxBytes, signal };
    shots.push({ ...photo, thumbnail: await makeThumbnail(source, options) });
  }
  return reportPage({ file, facts, shots });
}
