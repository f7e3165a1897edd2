import { type Kysely, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { isSelected } from "../photos/selection.ts";
import { readPackedScores } from "../results/read-counts.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { PackedScores } from "../scores/packed-scores.ts";
import { type EntryFilter, fits } from "./entry-filter.ts";
import { fromResults, readListedPhotos } from "./listed-entries.ts";
import type { PhotoPage, PhotoPageOptions, TopOrder } from "./photo-page.ts";
import { readClassIds, withScoresInRange } from "./score-range.ts";

export interface TopPageOptions extends PhotoPageOptions {
  readonly order: TopOrder;
}

/** Results that one query looks at: more where queries are quick, fewer where they are slow. */
const chunk = { first: 2000, least: 500, most: 40_000, quickMs: 15, slowMs: 50 };
/** More than these are not named one by one. */
const mostNamed = 5_000;

/** A result, and what it is ordered by. */
interface Candidate {
  readonly id: number;
  readonly rank: number;
}

interface Ranked extends Candidate {
  readonly photo_id: number;
}

interface Bounds extends Pick<TopPageOptions, "recipeId" | "order"> {
  readonly filter: EntryFilter;
  readonly begin: number;
  readonly end: number;
  /** Where the page begins. */
  readonly start: Candidate | undefined;
  /** The rank that has to be better to come on the page. */
  readonly worst: number | undefined;
}

/**
 * Reads the photos with the most or the fewest objects, or with the best or the worst score. What
 * all results are ordered by is looked at, part by part; photos are looked up only of those that
 * come into the page. Of equal ones the older result comes first, so that later parts are passed
 * over quickly.
 */
export async function readTopPage(ledger: Ledger, options: TopPageOptions): Promise<PhotoPage> {
  const { recipeId, filter = {}, order, after, limit, signal } = options;
  const direction = order === "most" || order === "surest" ? -1 : 1;
  const compare = (a: Ranked, b: Ranked) =>
    direction * (a.rank - b.rank) || a.id - b.id || a.photo_id - b.photo_id;
  const start = toRanked(after);
  let best: Ranked[] = [];
  const { first, last } = await ledger.read(readResultIds, { signal });
  for (let [begin, size]: [number, number] = [first, chunk.first]; begin <= last; ) {
    const queriedAtMs = performance.now();
    const worst = best.length > limit ? best.at(-1)!.rank : undefined;
    const bounds = { recipeId, order, filter, begin, end: begin + size, start, worst };
    const candidates = await readCandidates(ledger, bounds, { signal });
    const rows = await readPhotosOf(ledger, candidates, bounds, { signal });
    const behind = rows.filter((row) => start === undefined || compare(start, row) < 0);
    best = [...best, ...behind].sort(compare).slice(0, limit + 1);
    begin += size;
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
  const end = best.length > limit ? page.at(-1) : undefined;
  return {
    photos: photos.sort((a, b) => places.get(a.photoId)! - places.get(b.photoId)!),
    next: end && `${end.rank}_${end.id}_${end.photo_id}`,
  };
}

/** Reads the key of a page. */
function toRanked(after: string | undefined): Ranked | undefined {
  if (after === undefined) return undefined;
  const [rank, id, photo_id] = after.split("_").map(Number) as [number, number, number];
  return { rank, id, photo_id };
}

async function readResultIds(
  db: Kysely<LedgerTables>,
): Promise<{ readonly first: number; readonly last: number }> {
  const row = await db
    .selectFrom("result")
    .select(({ fn }) => [fn.min<number | null>("id").as("first")])
    .select(({ fn }) => [fn.max<number | null>("id").as("last")])
    .executeTakeFirstOrThrow();
  return { first: row.first ?? 1, last: row.last ?? 0 };
}

/** Reads the results of a part that may come into the page, whatever their photos are. */
async function readCandidates(
  ledger: Ledger,
  bounds: Bounds,
  access: AccessOptions,
): Promise<readonly Candidate[]> {
  const { order } = bounds;
  const isByCount = order === "most" || order === "fewest";
  if (isByCount) return await ledger.read((db) => readCounted(db, bounds), access);
  return await readScored(ledger, bounds, access);
}

async function readCounted(db: Kysely<LedgerTables>, bounds: Bounds): Promise<Candidate[]> {
  const { recipeId, order, begin, end, start, worst } = bounds;
  const { className, minCount, maxCount } = bounds.filter;
  const ofClass = db
    .selectFrom("result_count")
    .select(["result_id", "count"])
    .where("region", "=", 0)
    .where("name", "=", className ?? "")
    .where("result_id", ">=", begin)
    .where("result_id", "<", end);
  const rank =
    className === undefined
      ? sql<number>`result.object_count`
      : sql<number>`coalesce(of_class.count, 0)`;
  const [better, worse] = order === "most" ? [sql`>`, sql`<`] : [sql`<`, sql`>`];
  const query = db
    .selectFrom("result")
    .$if(className !== undefined, (joined) =>
      joined.leftJoin(ofClass.as("of_class"), (join) =>
        join.on(sql<boolean>`of_class.result_id = result.id`),
      ),
    )
    .select(["result.id", rank.as("rank")])
    .where("result.recipe_id", "=", recipeId)
    .where("result.id", ">=", begin)
    .where("result.id", "<", end)
    .$if(minCount !== undefined, (some) => some.where(rank, ">=", minCount!))
    .$if(maxCount !== undefined, (some) => some.where(rank, "<=", maxCount!))
    .$if(worst !== undefined, (some) => some.where(sql<boolean>`${rank} ${better} ${worst}`))
    .$if(start !== undefined, (some) =>
      some.where(sql<boolean>`
        (${rank} ${worse} ${start!.rank}
         or ${rank} = ${start!.rank} and result.id >= ${start!.id})`),
    );
  return await query.execute();
}

/** Scores are packed, so no query of the database can order by them. */
async function readScored(
  ledger: Ledger,
  { recipeId, order, filter, begin, end, start, worst }: Bounds,
  access: AccessOptions,
): Promise<Candidate[]> {
  const { className } = filter;
  const direction = order === "surest" ? -1 : 1;
  const packed = await ledger.read(async (db) => {
    const rows = await db
      .selectFrom("result")
      .leftJoin("result_scores", "result_scores.result_id", "result.id")
      .select(["result.id", "result_scores.scores"])
      .where("result.recipe_id", "=", recipeId)
      .where("result.id", ">=", begin)
      .where("result.id", "<", end)
      .execute();
    const old = rows.flatMap(({ id, scores }) => (scores === null ? [id] : []));
    const others = await readPackedScores(db, old);
    return rows.map(({ id, scores }) => [id, scores ?? others.get(id)] as const);
  }, access);
  const classIds =
    className === undefined
      ? undefined
      : await ledger.read((db) => readClassIds(db, { begin, end, className }), access);
  return packed.flatMap(([id, scores]): Candidate[] => {
    const rank = scores && edgeOf(scores, classIds?.get(id), order === "surest");
    if (rank === undefined || (classIds && !classIds.has(id))) return [];
    if (worst !== undefined && direction * (rank - worst) >= 0) return [];
    if (start !== undefined && direction * (rank - start.rank) < 0) return [];
    return [{ id, rank }];
  });
}

/** The best score of all objects or those of a class, or the worst; undefined without any. */
function edgeOf(
  scores: Uint8Array,
  classId: number | undefined,
  isBest: boolean,
): number | undefined {
  const groups = new PackedScores(scores);
  let edge: number | undefined;
  while (groups.next()) {
    if (classId !== undefined && groups.classId !== classId) continue;
    const score = isBest ? groups.best : groups.worst;
    if (edge === undefined || (isBest ? score > edge : score < edge)) edge = score;
  }
  return edge;
}

/** Looks up the photos of results, and leaves out those that do not fit. */
async function readPhotosOf(
  ledger: Ledger,
  candidates: readonly Candidate[],
  { recipeId, filter, begin, end }: Bounds,
  { signal }: AccessOptions,
): Promise<Ranked[]> {
  if (candidates.length === 0) return [];
  const ranks = new Map(candidates.map(({ id, rank }) => [id, rank]));
  const rows = await ledger.read(
    (db) =>
      fromResults(db, recipeId)
        .select(["result.id", "entry.photo_id"])
        .where("result.id", ">=", begin)
        .where("result.id", "<", end)
        .$if(ranks.size <= mostNamed, (query) => query.where("result.id", "in", [...ranks.keys()]))
        .where(isSelected(filter))
        .where(fits(filter))
        .execute(),
    { signal },
  );
  const known = rows.filter(({ id }) => ranks.has(id));
  const fitting = await withScoresInRange(ledger, { rows: known, filter, signal });
  return fitting.map(({ id, photo_id }) => ({ id, photo_id, rank: ranks.get(id)! }));
}
