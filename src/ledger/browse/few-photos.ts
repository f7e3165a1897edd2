import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { lastIdOf } from "../parts.ts";
import { boundsOf, isSelected } from "../photos/selection.ts";
import type { EntryState, LedgerTables } from "../schema/tables.ts";
import { type EntryFilter, fits, hasScores, isCount, needsObjects } from "./entry-filter.ts";
import { fromResults } from "./listed-entries.ts";

/** Entries or photos that one query looks at. */
const rowsPerQuery = 100_000;
/** More than these are no longer few. */
const most = 2_000;
/**
 * Photos without a result are searched for longer, since few may be spread among all the others.
 */
const mostInState = 20_000;

interface FewPhotosOptions extends AccessOptions {
  readonly recipeId: number;
  readonly filter: EntryFilter;
}

/**
 * Returns a small superset of the matching photos if state, scores or count make them few;
 * undefined if they may be many. An index shows that at once, paging through all photos only after
 * seconds.
 */
export async function readFewPhotoIds(
  ledger: Ledger,
  { recipeId, filter, signal }: FewPhotosOptions,
): Promise<readonly number[] | undefined> {
  const { state } = filter;
  if (state !== undefined && state !== "done") {
    const few = await readInState(ledger, { recipeId, state, signal });
    if (few !== undefined) return few;
  }
  for (const ids of resultsWith(filter, recipeId)) {
    const few = await ledger.read((db) => readPhotosOf(db, { recipeId, ids }), { signal });
    if (few !== undefined) return few;
  }
  return undefined;
}

/**
 * Returns the photos of a folder and a part of a name, where they are few; undefined where neither
 * is asked for or they are many.
 */
export async function readFewPlacedPhotos(
  ledger: Ledger,
  { filter, signal }: Pick<FewPhotosOptions, "filter" | "signal">,
): Promise<readonly number[] | undefined> {
  const { under, nameContains } = filter;
  if (under === undefined && nameContains === undefined) return undefined;
  const [least, behind] = boundsOf(under ?? "");
  const photoIds: number[] = [];
  const lastId =
    under === undefined ? await ledger.read((db) => lastIdOf(db, "photo"), { signal }) : 0;
  for (let fromId = 0; fromId <= lastId; fromId += rowsPerQuery) {
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("photo")
          .select("id")
          // A folder is found by its name, and others are looked at one by one.
          .$if(under === undefined, (query) =>
            query.where("id", ">=", fromId).where("id", "<", fromId + rowsPerQuery),
          )
          .$if(under !== undefined, (query) =>
            query.where("source", ">=", least).where("source", "<", behind),
          )
          .where(isSelected({ under }))
          .where(fits({ nameContains }))
          .limit(1 + most)
          .execute(),
      { signal },
    );
    for (const { id } of rows) photoIds.push(id);
    if (photoIds.length > most) return undefined;
  }
  return photoIds;
}

async function readInState(
  ledger: Ledger,
  {
    recipeId,
    state,
    signal,
  }: AccessOptions & { readonly recipeId: number; readonly state: EntryState },
): Promise<readonly number[] | undefined> {
  const photoIds: number[] = [];
  const lastId = await ledger.read((db) => lastIdOf(db, "entry"), { signal });
  for (let fromId = 1; fromId <= lastId; fromId += rowsPerQuery) {
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("entry")
          .select("photo_id")
          .where("id", ">=", fromId)
          .where("id", "<", fromId + rowsPerQuery)
          .where("recipe_id", "=", recipeId)
          .where("state", "=", state)
          .limit(1 + mostInState)
          .execute(),
      { signal },
    );
    for (const { photo_id } of rows) photoIds.push(photo_id);
    if (photoIds.length > mostInState) return undefined;
  }
  return photoIds;
}

/** The results within each end of the filter's ranges that has an index, one query for each. */
function resultsWith(filter: EntryFilter, recipeId: number): RawBuilder<{ id: number }>[] {
  const { minScore, maxScore, minCount, maxCount, className } = filter;
  const [id, table] = className === undefined ? ["id", "result"] : ["result_id", "result_class"];
  const isOfClass = className === undefined ? sql`` : sql` and name = ${className}`;
  const select = (condition: RawBuilder<boolean>) => sql<{ id: number }>`
    select ${sql.ref(id)} as id from ${sql.table(table)}
    where recipe_id = ${recipeId}${isOfClass} and ${condition}`;
  const conditions: RawBuilder<boolean>[] = [];
  for (const end of [{ minScore }, { maxScore }]) {
    if (Object.values(end)[0] !== undefined) conditions.push(hasScores(end, table));
  }
  // Photos without an object of a class have no row there.
  if (className !== undefined) {
    if (needsObjects(filter)) conditions.push(isCount(sql.ref("count"), filter));
  } else if (minCount !== undefined || maxCount !== undefined) {
    conditions.push(isCount(sql.ref("object_count"), filter));
  }
  return conditions.map(select);
}

async function readPhotosOf(
  db: Kysely<LedgerTables>,
  { recipeId, ids }: { readonly recipeId: number; readonly ids: RawBuilder<{ id: number }> },
): Promise<readonly number[] | undefined> {
  const { rows } = await sql<{ id: number }>`${ids} limit ${1 + most}`.execute(db);
  if (rows.length === 0) return [];
  if (rows.length > most) return undefined;
  const resultIds = rows.map(({ id }) => id);
  const photos = await fromResults(db, recipeId)
    .select("entry.photo_id")
    .where("result.id", "in", resultIds)
    .limit(1 + most)
    .execute();
  return photos.length > most ? undefined : photos.map(({ photo_id }) => photo_id);
}
