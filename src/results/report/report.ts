import type { Ledger } from "../../ledger/ledger.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import type { StoredRecipe } from "../../ledger/results/stored-results.ts";
import type { ReadChosenResultsOptions } from "../../ledger/review/counts/corrected-results.ts";
import type { ScaleOf } from "../scale/photo-scale.ts";
import { gatherReportData } from "./data/gather-report-data.ts";
import { reportLimits } from "./data/report-data.ts";
import { reportPage } from "./page/report-page.ts";
import { withThumbnails } from "./pictures/thumbnail.ts";

export interface ReportOptions
  extends PhotoSelection,
    Pick<ReadChosenResultsOptions, "question" | "counts"> {
  /** With the totals of the photos that are selected. */
  readonly recipe: StoredRecipe;
  /** Where scales come from. Default: none is known. */
  readonly scaleOf?: ScaleOf | undefined;
  /** The results file as the page names it. */
  readonly file: string;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo that was read. */
  readonly onPhoto?: (() => void) | undefined;
}

/** All pictures together stay below what mail servers take. */
const allPicturesBytes = 6_500_000;

/**
 * Makes one HTML page about the results of one recipe. The same results and photos always make the
 * same page, byte for byte.
 */
export async function createReport(
  ledger: Ledger,
  { file, signal, ...options }: ReportOptions,
): Promise<string> {
  const data = await gatherReportData(ledger, { ...options, signal });
  const maxBytes = allPicturesBytes / Math.max(reportLimits.pictures / 2, data.chosen.length);
  const shots = await withThumbnails(data.chosen, { maxBytes, signal });
  return reportPage({ file, data, shots });
}
