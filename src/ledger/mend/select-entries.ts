import { sql } from "kysely";
import { type EntryFilter, fits } from "../browse/entry-filter.ts";
import { withScoresInRange } from "../browse/score-range.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { isSelected, isUnder } from "../photos/selection.ts";
import type { EntryState } from "../schema/tables.ts";

/** Photos of one recipe that something is to be done with; all that is given has to fit. */
export interface EntrySelection {
  readonly recipeId: number;
  readonly filter?: EntryFilter | undefined;
  /** Only these: 1,000 at most. */
  readonly photoIds?: readonly number[] | undefined;
  /** Only photos at or below one of these files, folders or URLs. */
  readonly places?: readonly string[] | undefined;
  /** Only in these states. */
  readonly states: readonly EntryState[];
}

/** A photo that was selected. */
export interface SelectedEntry {
  readonly entryId: number;
  readonly photoId: number;
  readonly source: string;
}

/** Entries that one query looks at: more where queries are quick, fewer where they are slow. */
const size = { first: 2000, least: 500, most: 20_000, quickMs: 15, slowMs: 50 };

/**
 * Selects photos in parts, so that no query takes long, however many there are. What is changed
 * meanwhile may be missed.
 */
export async function* chosenEntries(
  ledger: Ledger,
  { recipeId, filter = {}, photoIds, places, states }: EntrySelection,
  { signal }: AccessOptions = {},
): AsyncGenerator<readonly SelectedEntry[]> {
  const { min, max } = await ledger.read(
    (db) =>
      db
        .selectFrom("entry")
        .select(({ fn }) => [fn.min<number | null>("id").as("min")])
        .select(({ fn }) => [fn.max<number | null>("id").as("max")])
        .$if(photoIds !== undefined, (query) => query.where("photo_id", "in", photoIds!))
        .executeTakeFirstOrThrow(),
    { signal },
  );
  if (min === null || max === null) return;
  const isAtPlace =
    places === undefined
      ? sql<boolean>`true`
      : sql<boolean>`(${sql.join(
          places.map((place) => isUnder("photo.source", place)),
          sql` or `,
        )})`;
  for (let [from, part]: [number, number] = [min, size.first]; from <= max; ) {
    signal?.throwIfAborted();
    const startedAtMs = performance.now();
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("entry")
          .innerJoin("photo", "photo.id", "entry.photo_id")
          .leftJoin("result", "result.id", "entry.result_id")
          .leftJoin("placement", "placement.id", "result.placement_id")
          .select(["entry.id as entryId", "photo.id as photoId", "photo.source", "result.id"])
          .where("entry.id", ">=", from)
          .where("entry.id", "<", from + part)
          .where("entry.recipe_id", "=", recipeId)
          .where("entry.state", "in", states)
          .$if(photoIds !== undefined, (query) => query.where("entry.photo_id", "in", photoIds!))
          .where(isAtPlace)
          .where(isSelected({ under: filter.under }))
          .where(fits(filter))
          .orderBy("entry.id")
          .execute(),
      { signal },
    );
    const selected = await withScoresInRange(ledger, { rows, filter, signal });
    from += part;
    if (selected.length > 0) yield selected;
    const ms = performance.now() - startedAtMs;
    if (ms < size.quickMs) part = Math.min(size.most, 2 * part);
    else if (ms > size.slowMs) part = Math.max(size.least, part >> 1);
    // Others get their turn, whatever the database is.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Counts the photos of a selection. */
export async function countEntries(
  ledger: Ledger,
  selection: EntrySelection,
  access: AccessOptions = {},
): Promise<number> {
  let photos = 0;
  for await (const part of chosenEntries(ledger, selection, access)) photos += part.length;
  return photos;
}
