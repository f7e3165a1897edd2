import { type Kysely, sql } from "kysely";
import { checkClassName } from "../../vision/class-choice.ts";
import { type EntryFilter, type FitOptions, fits } from "../browse/entry-filter.ts";
import { asksForScoresBetween, withScoresBetween } from "../browse/score-range.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { nextPartSize } from "../parts.ts";
import { isSelected, isUnder } from "../photos/selection.ts";
import { readClassNames } from "../results/shared-rows.ts";
import type { EntryState, LedgerTables } from "../schema/tables.ts";

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
}

/** Entries that one query looks at: more where queries are quick, fewer where they are slow. */
const size = { first: 2000, least: 500, most: 20_000, quickMs: 15, slowMs: 50 };
/** A server counts all at once: in parts, it would read whole tables for each. */
const countedByServer = 2_000_000;

/**
 * Selects photos in parts, so that no query takes long, however many there are. What is changed
 * meanwhile may be missed.
 */
export async function* chosenEntries(
  ledger: Ledger,
  selection: EntrySelection,
  access: AccessOptions = {},
): AsyncGenerator<readonly SelectedEntry[]> {
  const { filter = {} } = selection;
  const parts = inParts(ledger, selection, access, (db, part) =>
    selectPart(db, selection, part)
      .select(["entry.id as entryId", "entry.photo_id as photoId", "result.id"])
      .orderBy("entry.id")
      .execute(),
  );
  for await (const rows of parts) {
    const selected = await withScoresBetween(ledger, { rows, filter, ...access });
    if (selected.length > 0) yield selected;
  }
}

/**
 * Counts the photos of a selection: those that {@link chosenEntries} selects.
 *
 * @throws `INVALID_ARGUMENT` as {@link requireKnownClass} does
 */
export async function countEntries(
  ledger: Ledger,
  selection: EntrySelection,
  access: AccessOptions = {},
): Promise<number> {
  let photos = 0;
  await requireKnownClass(ledger, selection, access);
  if (asksForScoresBetween(selection.filter ?? {})) {
    for await (const part of chosenEntries(ledger, selection, access)) photos += part.length;
    return photos;
  }
  const first = ledger.isInProcess ? size.first : countedByServer;
  const parts = inParts(ledger, { ...selection, first }, access, (db, part) =>
    selectPart(db, selection, part, { ofAll: !ledger.isInProcess })
      .select(({ fn }) => fn.countAll<number>().as("photos"))
      .executeTakeFirstOrThrow(),
  );
  for await (const part of parts) photos += Number(part.photos);
  return photos;
}

/**
 * Makes sure that the model has the class of a filter. All photos have 0 objects of a class whose
 * name is misspelt, so all of them would be changed.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function requireKnownClass(
  ledger: Ledger,
  { recipeId, filter: { className } = {} }: Omit<EntrySelection, "states">,
  access: AccessOptions = {},
): Promise<void> {
  if (className === undefined) return;
  const names = await ledger.read((db) => readClassNames(db, recipeId), access);
  if (names !== undefined) checkClassName("class", className, names);
}

interface Part {
  readonly fromId: number;
  readonly toId: number;
}

/** Asks part by part of the entries, in the order of their ids. */
async function* inParts<T>(
  ledger: Ledger,
  { photoIds, first = size.first }: EntrySelection & { readonly first?: number },
  { signal }: AccessOptions,
  ask: (db: Kysely<LedgerTables>, part: Part) => Promise<T>,
): AsyncGenerator<T> {
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
  for (let [fromId, entries]: [number, number] = [min, first]; fromId <= max; ) {
    signal?.throwIfAborted();
    const startedAtMs = performance.now();
    const part = { fromId, toId: fromId + entries };
    const answer = await ledger.read((db) => ask(db, part), { signal });
    const ms = performance.now() - startedAtMs;
    yield answer;
    fromId += entries;
    entries = nextPartSize(entries, ms, size);
    // Yields to other work, whatever the database.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function selectPart(
  db: Kysely<LedgerTables>,
  { recipeId, filter = {}, photoIds, places, states }: EntrySelection,
  { fromId, toId }: Part,
  options: FitOptions = {},
) {
  const isAtPlace =
    places === undefined
      ? sql<boolean>`true`
      : sql<boolean>`(${sql.join(
          places.map((place) => isUnder("photo.source", place)),
          sql` or `,
        )})`;
  return (
    db
      .selectFrom("entry")
      // A left join costs nothing where no column of it is used, and each entry has its photo.
      .leftJoin("photo", "photo.id", "entry.photo_id")
      .leftJoin("result", "result.id", "entry.result_id")
      .leftJoin("placement", "placement.id", "result.placement_id")
      .where("entry.id", ">=", fromId)
      .where("entry.id", "<", toId)
      .where("entry.recipe_id", "=", recipeId)
      .where("entry.state", "in", states)
      .$if(photoIds !== undefined, (query) => query.where("entry.photo_id", "in", photoIds!))
      .where(isAtPlace)
      .where(isSelected({ under: filter.under }))
      .where(fits(filter, options))
  );
}
