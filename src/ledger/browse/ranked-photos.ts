import type { AccessOptions, Ledger } from "../ledger.ts";
import { isSelected } from "../photos/selection.ts";
import { type EntryFilter, fits } from "./entry-filter.ts";
import { fromResults, readListedPhotos } from "./listed-entries.ts";
import type { PhotoPage, TopOrder } from "./photo-page.ts";
import { withScoresBetween } from "./score-range.ts";

/** A result, and what it is ordered by. */
export interface RankedResult {
  readonly id: number;
  readonly rank: number;
}

/** The next results in an order. */
export interface RankedPart {
  readonly results: readonly RankedResult[];
  /** Where to go on: no result before it is missing. Undefined at the end. */
  readonly next: RankedResult | undefined;
}

/** A photo of a result: photos of the same bytes share one. */
export interface RankedPhoto extends RankedResult {
  readonly photo_id: number;
}

/** Behind all photos of a result. */
export const behindAllPhotos = Number.MAX_SAFE_INTEGER;

/** Whether the greatest rank comes first. */
export function isDescending(order: TopOrder): boolean {
  return order === "most" || order === "surest";
}

/**
 * Of results of the same rank, the ids decide, then the photos: an index is read in one direction.
 */
export function comparison(order: TopOrder) {
  const direction = isDescending(order) ? -1 : 1;
  return (a: RankedPhoto, b: RankedPhoto) =>
    direction * (a.rank - b.rank) || direction * (a.id - b.id) || a.photo_id - b.photo_id;
}

/** Reads the key of a page. */
export function toRanked(after: string | undefined): RankedPhoto | undefined {
  if (after === undefined) return undefined;
  const [rank, id, photo_id] = after.split("_").map(Number) as [number, number, number];
  return { rank, id, photo_id };
}

/** The key of the page behind a photo. */
export function keyOf({ rank, id, photo_id }: RankedPhoto): string {
  return `${rank}_${id}_${photo_id}`;
}

interface SelectPhotosOptions extends AccessOptions {
  readonly recipeId: number;
  readonly filter: EntryFilter;
}

/** Reads the photos of results, and leaves out those that do not fit. */
export async function readPhotosOf(
  ledger: Ledger,
  candidates: readonly RankedResult[],
  { recipeId, filter, signal }: SelectPhotosOptions,
): Promise<RankedPhoto[]> {
  if (candidates.length === 0) return [];
  const ranks = new Map(candidates.map(({ id, rank }) => [id, rank]));
  const rows = await ledger.read(
    (db) =>
      fromResults(db, recipeId)
        .select(["result.id", "entry.photo_id"])
        .where("result.id", "in", [...ranks.keys()])
        .where(isSelected(filter))
        .where(fits(filter))
        .execute(),
    { signal },
  );
  const fitting = await withScoresBetween(ledger, { rows, filter, signal });
  return fitting.map(({ id, photo_id }) => ({ id, photo_id, rank: ranks.get(id)! }));
}

/** Reads what is listed of some photos, in their order. */
export async function toPage(
  ledger: Ledger,
  page: readonly RankedPhoto[],
  { recipeId, next, signal }: AccessOptions & { recipeId: number; next: string | undefined },
): Promise<PhotoPage> {
  const photoIds = page.map(({ photo_id }) => photo_id);
  const photos = await readListedPhotos(ledger, { recipeId, photoIds, signal });
  const places = new Map(photoIds.map((id, i) => [id, i]));
  return { photos: photos.sort((a, b) => places.get(a.photoId)! - places.get(b.photoId)!), next };
}
