import { type Kysely, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { type Reason, reasonOf } from "../photos/entry-rows.ts";
import { boundsOf, isSelected } from "../photos/selection.ts";
import { readManyCounts } from "../results/read-findings.ts";
import type { ObjectCount, PhotoWarning } from "../results/result-rows.ts";
import type { EntryState, LedgerTables } from "../schema/tables.ts";
import { countOf, type EntryFilter, fits } from "./entry-filter.ts";
import { asksForScores, withScoresInRange } from "./score-range.ts";

/** By the bytes of the source, by the time of the result, by the count. */
export type PhotoOrder = "name" | "newest" | "most" | "fewest";

/** A photo of a list and what became of it under one recipe. */
export interface ListedEntry {
  readonly photoId: number;
  readonly source: string;
  readonly state: EntryState;
  /** Why it has failed. */
  readonly reason: Reason | undefined;
  /** By the camera's clock. */
  readonly takenAt: string | undefined;
  readonly result: ListedResult | undefined;
}

/** What was found on a photo of a list. */
export interface ListedResult {
  readonly id: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objectCount: number;
  readonly regionCount: number | undefined;
  /** On the whole photo. */
  readonly counts: readonly ObjectCount[];
  readonly warnings: readonly PhotoWarning[];
  readonly device: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

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
  if (order === "most" || order === "fewest") return await readTopPage(ledger, options);
  const readChunk = order === "name" ? readByName : readByResult;
  const keyOf = order === "name" ? sourceOf : resultKeyOf;
  const startedAtMs = performance.now();
  const rows: EntryRow[] = [];
  let after = options.after;
  for (let size = chunk.first; ; ) {
    const queriedAtMs = performance.now();
    const wanted = limit - rows.length;
    const most = asksForScores(filter) ? Math.max(wanted, scoresAtOnce) : wanted;
    const part = await ledger.read(
      (db) => readChunk(db, { ...options, after, size, limit: most }),
      { signal },
    );
    const fitting = await withScoresInRange(ledger, { rows: part.rows, filter, signal });
    rows.push(...fitting.slice(0, wanted));
    after = fitting.length > wanted ? keyOf(rows.at(-1)!) : part.next;
    const ms = performance.now() - queriedAtMs;
    const isOver = performance.now() - startedAtMs > budgetMs;
    if (after === undefined || rows.length >= limit || isOver) break;
    if (ms < chunk.quickMs) size = Math.min(chunk.most, 2 * size);
    else if (ms > chunk.slowMs) size = Math.max(chunk.least, size >> 1);
  }
  return { photos: await toEntries(ledger, rows, { signal }), next: after };
}

/** Reads photos by id, in any order. */
export async function readListedPhotos(
  ledger: Ledger,
  { recipeId, photoIds }: { readonly recipeId: number; readonly photoIds: readonly number[] },
): Promise<ListedEntry[]> {
  if (photoIds.length === 0) return [];
  const rows = await ledger.read((db) =>
    selectEntries(db, recipeId).where("photo.id", "in", photoIds).execute(),
  );
  return await toEntries(ledger, rows, {});
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
  const begin = resultId ?? (await lastResultId(db));
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

async function lastResultId(db: Kysely<LedgerTables>): Promise<number> {
  const row = await db
    .selectFrom("result")
    .select(({ fn }) => fn.max<number | null>("id").as("id"))
    .executeTakeFirst();
  return row?.id ?? 0;
}

/**
 * The photos with the most or the fewest objects. The counts of all results are looked at, part by
 * part, and the best are kept.
 */
async function readTopPage(ledger: Ledger, options: PhotoPageOptions): Promise<PhotoPage> {
  const { recipeId, filter = {}, order, after, limit, signal } = options;
  const direction = order === "most" ? -1 : 1;
  const before = (a: Rank, b: Rank) => direction * (a.rank - b.rank) || a.photo_id - b.photo_id;
  const [rank, photo_id] = after?.split(".").map(Number) ?? [];
  const start = rank === undefined ? undefined : { rank, photo_id: photo_id! };
  let best: Ranked[] = [];
  let begin = await ledger.read(lastResultId, { signal });
  for (let size = chunk.first; begin > 0; ) {
    const queriedAtMs = performance.now();
    const worst = best.length > limit ? best.at(-1)!.rank : undefined;
    const comparison = sql.raw(direction < 0 ? ">=" : "<=");
    const found = await ledger.read(
      (db) =>
        selectRanked(db, recipeId, filter)
          .where("result.id", "<=", begin)
          .where("result.id", ">", begin - size)
          .where(isSelected(filter))
          .where(fits(filter))
          .$if(worst !== undefined, (query) =>
            query.where(sql<boolean>`${countOf(filter)} ${comparison} ${worst}`),
          )
          .execute(),
      { signal },
    );
    const fitting = await withScoresInRange(ledger, { rows: found, filter, signal });
    const candidates = fitting.filter((row) => start === undefined || before(start, row) < 0);
    best = [...best, ...candidates].sort(before).slice(0, limit + 1);
    begin -= size;
    const ms = performance.now() - queriedAtMs;
    if (ms < chunk.quickMs) size = Math.min(chunk.most, 2 * size);
    else if (ms > chunk.slowMs) size = Math.max(chunk.least, size >> 1);
    // Others get their turn, whatever the database is.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const page = best.slice(0, limit);
  const photoIds = page.map(({ photo_id }) => photo_id);
  const photos = await readListedPhotos(ledger, { recipeId, photoIds });
  const places = new Map(photoIds.map((id, i) => [id, i]));
  const last = best.length > limit ? page.at(-1) : undefined;
  return {
    photos: photos.sort((a, b) => places.get(a.photoId)! - places.get(b.photoId)!),
    next: last && `${last.rank}.${last.photo_id}`,
  };
}

interface Rank {
  readonly rank: number;
  readonly photo_id: number;
}

interface Ranked extends Rank {
  readonly id: number;
}

function selectRanked(db: Kysely<LedgerTables>, recipeId: number, filter: EntryFilter) {
  return fromResults(db, recipeId).select([
    "result.id",
    "entry.photo_id",
    countOf(filter).$castTo<number>().as("rank"),
  ]);
}

/** Kysely's `select` of joined tables is needed twice, with other columns. */
function fromResults(db: Kysely<LedgerTables>, recipeId: number) {
  return (
    db
      .selectFrom("result")
      // By their contents, since entries are not found by their results.
      .innerJoin("photo", "photo.content_sha256", "result.content_sha256")
      .innerJoin("entry", (join) =>
        join
          .onRef("entry.photo_id", "=", "photo.id")
          .onRef("entry.recipe_id", "=", "result.recipe_id")
          .onRef("entry.result_id", "=", "result.id"),
      )
      .innerJoin("placement", "placement.id", "result.placement_id")
      .where("result.recipe_id", "=", recipeId)
  );
}

const columns = [
  "photo.id as photo_id",
  "photo.source",
  "photo.taken_at",
  "entry.state",
  "entry.reason_code",
  "entry.reason_message",
  "result.id",
  "result.width_px",
  "result.height_px",
  "result.object_count",
  "result.region_count",
  "result.warnings",
  "result.created_at",
  "placement.device",
] as const;

function selectResults(db: Kysely<LedgerTables>, recipeId: number) {
  return fromResults(db, recipeId).select(columns);
}

function selectEntries(db: Kysely<LedgerTables>, recipeId: number) {
  return db
    .selectFrom("photo")
    .innerJoin("entry", (join) =>
      join.onRef("entry.photo_id", "=", "photo.id").on("entry.recipe_id", "=", recipeId),
    )
    .leftJoin("result", "result.id", "entry.result_id")
    .leftJoin("placement", "placement.id", "result.placement_id")
    .select(columns);
}

type EntryRow = Awaited<ReturnType<ReturnType<typeof selectEntries>["execute"]>>[number];

async function toEntries(
  ledger: Ledger,
  rows: readonly EntryRow[],
  access: AccessOptions,
): Promise<ListedEntry[]> {
  const ids = rows.flatMap(({ id }) => id ?? []);
  const counts =
    ids.length === 0
      ? new Map<number, ObjectCount[]>()
      : await ledger.read((db) => readManyCounts(db, ids), access);
  return rows.map((row) => ({
    photoId: row.photo_id,
    source: row.source,
    state: row.state,
    reason: reasonOf(row),
    takenAt: row.taken_at ?? undefined,
    result:
      row.id === null
        ? undefined
        : {
            id: row.id,
            widthPx: row.width_px!,
            heightPx: row.height_px!,
            objectCount: row.object_count!,
            regionCount: row.region_count ?? undefined,
            counts: (counts.get(row.id) ?? []).filter(({ region }) => region === 0),
            warnings: JSON.parse(row.warnings!),
            device: row.device!,
            createdAt: row.created_at!,
          },
  }));
}
