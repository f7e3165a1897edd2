import type { AccessOptions } from "../ledger.ts";
import type { EntryFilter } from "./entry-filter.ts";
import type { ListedEntry } from "./listed-entries.ts";

/**
 * By the bytes of the source, by the time of the result, by the count, by the score of the best
 * object or of the worst that is recorded. Of equal ones the order of the results decides, which is
 * the other way round where the greatest comes first.
 */
export type PhotoOrder = "name" | "newest" | TopOrder;

/** The orders by what was found. */
export type TopOrder = "most" | "fewest" | "surest" | "unsurest";

export interface PhotoPageOptions extends AccessOptions {
  readonly recipeId: number;
  readonly filter?: EntryFilter | undefined;
  readonly order?: PhotoOrder | undefined;
  /** Where the page before ended. Default: the first page. */
  readonly after?: string | undefined;
  readonly limit: number;
  /** Ends the search after this time, with what was found until then. */
  readonly budgetMs?: number | undefined;
}

export interface PhotoPage {
  readonly photos: readonly ListedEntry[];
  /** Where the next page begins; undefined where there is none. */
  readonly next: string | undefined;
}
