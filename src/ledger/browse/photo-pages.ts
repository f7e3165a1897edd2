import { type Kysely, sql } from "kysely";
import type { Ledger } from "../ledger.ts";
import { lastIdOf, nextPartSize } from "../parts.ts";
import { boundsOf, isSelected } from "../photos/selection.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { fits } from "./entry-filter.ts";
import { readFewPhotoIds } from "./few-photos.ts";
import { type EntryRow, selectEntries, selectResults, toEntries } from "./listed-entries.ts";
import type { PhotoPage, PhotoPageOptions } from "./photo-page.ts";
import { asksForScoresBetween, withScoresBetween } from "./score-range.ts";
import { readTopPage } from "./top-pages.ts";

/** Photos that one query looks at: more where queries are quick, fewer where they are slow. */
const chunk = { first: 2000, least: 500, most: 40_000, quickMs: 15, slowMs: 50 };

/** Results whose scores are looked at together: some 400 bytes each. */
const scoresAtOnce = 500;

/**
 * Reads a page of photos, by the key of the last one. A rare match among hundreds of thousands of
 * photos takes a while: each query looks at a bounded number of photos, and when the budget is used
 * up the page ends with fewer photos, or none, and goes on from there.
 */
export async function readPhotoPage(ledger: Ledger, options: PhotoPageOptions): Promise<PhotoPage> {
  const { order = "name", limit, budgetMs = Infinity, filter = {}, signal } = options;
  if (order !== "name" && order !== "newest") {
    return await readTopPage(ledger, { ...options, order });
  }
  if (order === "name") {
    const { recipeId } = options;
    const few = await readFewPhotoIds(ledger, { recipeId, filter, signal });
    if (few !== undefined) return await readPageOf(ledger, few, options);
  }
  const readChunk = order === "name" ? readByName : readByResult;
  const keyOf = order === "name" ? sourceOf : resultKeyOf;
  const startedAtMs = performance.now();
  const rows: EntryRow[] = [];
  let after = options.after;
  for (let size = chunk.first; ; ) {
    const queriedAtMs = performance.now();
    const wanted = limit - rows.length;
    const most = asksForScoresBetween(filter) ? Math.max(wanted, scoresAtOnce) : wanted;
    const part = await ledger.read(
      (db) => readChunk(db, { ...options, after, size, limit: most }),
      { signal },
    );
    const fitting = await withScoresBetween(ledger, { rows: part.rows, filter, signal });
    rows.push(...fitting.slice(0, wanted));
    after = fitting.length > wanted ? keyOf(rows.at(-1)!) : part.next;
    const ms = performance.now() - queriedAtMs;
    const isOver = performance.now() - startedAtMs > budgetMs;
    if (after === undefined || rows.length >= limit || isOver) break;
    size = nextPartSize(size, ms, chunk);
  }
  return { photos: await toEntries(ledger, rows, { signal }), next: after };
}

/** Reads a page of some photos, by their names. */
async function readPageOf(
  ledger: Ledger,
  photoIds: readonly number[],
  { recipeId, filter = {}, after = "", limit, signal }: PhotoPageOptions,
): Promise<PhotoPage> {
  if (photoIds.length === 0) return { photos: [], next: undefined };
  const rows = await ledger.read(
    (db) =>
      selectEntries(db, recipeId)
        .where("photo.id", "in", photoIds)
        .where("photo.source", ">", after)
        .where(isSelected({ under: filter.under }))
        .where(fits(filter))
        .orderBy("photo.source")
        .$if(!asksForScoresBetween(filter), (query) => query.limit(limit))
        .execute(),
    { signal },
  );
  const fitting = await withScoresBetween(ledger, { rows, filter, signal });
  const page = fitting.slice(0, limit);
  const next = page.length === limit ? sourceOf(page.at(-1)!) : undefined;
  return { photos: await toEntries(ledger, page, { signal }), next };
}

interface ChunkOptions extends Pick<PhotoPageOptions, "recipeId" | "filter" | "after" | "limit"> {
  /** How many photos are looked at. */
  readonly size: number;
}

interface Chunk {
  readonly rows: readonly EntryRow[];
  readonly next: string | undefined;
}

async function readByName(
  db: Kysely<LedgerTables>,
  { recipeId, filter = {}, after, limit, size }: ChunkOptions,
): Promise<Chunk> {
  const { under } = filter;
  // As bounds of a range: the databases look for the beginning of a folder, and stop at its end.
  const [least, behind] = under === undefined ? ["", undefined] : boundsOf(under);
  const [operator, begin] =
    after === undefined ? ([">=", least] as const) : ([">", after] as const);
  const end = await db
    .selectFrom("photo")
    .select("source")
    .where("source", operator, begin)
    .$if(behind !== undefined, (query) => query.where("source", "<", behind!))
    .orderBy("source")
    .limit(1)
    .offset(size - 1)
    .executeTakeFirst();
  const rows = await selectEntries(db, recipeId)
    .where("photo.source", operator, begin)
    .$if(behind !== undefined, (query) => query.where("photo.source", "<", behind!))
    .$if(end !== undefined, (query) => query.where("photo.source", "<=", end!.source))
    .where(isSelected({ under }))
    .where(fits(filter))
    .orderBy("photo.source")
    .limit(limit)
    .execute();
  return { rows, next: rows.length === limit ? sourceOf(rows.at(-1)!) : end?.source };
}

/** The key is the result's id and the photo's: photos of the same bytes share a result. */
async function readByResult(
  db: Kysely<LedgerTables>,
  { recipeId, filter = {}, after, limit, size }: ChunkOptions,
): Promise<Chunk> {
  const [resultId, photoId] = after?.split(".").map(Number) ?? [];
  const begin = resultId ?? (await lastIdOf(db, "result"));
  const end = begin - size;
  const rows = await selectResults(db, recipeId)
    .where("result.id", "<=", begin)
    .where("result.id", ">", end)
    .$if(photoId !== undefined, (query) =>
      query.where(sql<boolean>`(result.id < ${begin} or photo.id > ${photoId})`),
    )
    .where(isSelected(filter))
    .where(fits(filter))
    .orderBy("result.id", "desc")
    .orderBy("photo.id")
    .limit(limit)
    .execute();
  const next = rows.length === limit ? resultKeyOf(rows.at(-1)!) : end > 0 ? `${end}` : undefined;
  return { rows, next };
}

function sourceOf({ source }: EntryRow): string {
  return source;
}

function resultKeyOf({ id, photo_id }: EntryRow): string {
  return `${id}.${photo_id}`;
}
