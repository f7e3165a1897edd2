import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Ledger } from "../ledger.ts";
import { nextPartSize } from "../parts.ts";
import { isSelected } from "../photos/selection.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { scoreRounding } from "../scores/score-summary.ts";
import { readClassCountPage } from "./class-count-pages.ts";
import { countOf, type EntryFilter, fits } from "./entry-filter.ts";
import { readFewPhotoIds, readFewPlacedPhotos } from "./few-photos.ts";
import { fromResults } from "./listed-entries.ts";
import type { PhotoPage, PhotoPageOptions, TopOrder } from "./photo-page.ts";
import {
  behindAllPhotos,
  comparison,
  isDescending,
  keyOf,
  type RankedPhoto,
  type RankedResult,
  readPhotosOf,
  toPage,
  toRanked,
} from "./ranked-photos.ts";
import { withScoresBetween } from "./score-range.ts";

export interface TopPageOptions extends PhotoPageOptions {
  readonly order: TopOrder;
}

/** Results that one query looks at: more where queries are quick, fewer where they are slow. */
const chunk = { first: 200, least: 200, most: 5_000, quickMs: 15, slowMs: 50 };

/**
 * Reads the photos with the most or the fewest objects, or with the best or the worst score, in the
 * order of an index. Photos that fit rarely take a while: when the budget is used up the page ends
 * with fewer photos, or none, and goes on from there.
 */
export async function readTopPage(ledger: Ledger, options: TopPageOptions): Promise<PhotoPage> {
  const { recipeId, filter = {}, order, limit, signal } = options;
  const { state, className } = filter;
  // Other photos have neither objects nor scores.
  if (state !== undefined && state !== "done") return { photos: [], next: undefined };
  const few =
    (await readFewPhotoIds(ledger, { recipeId, filter, signal })) ??
    (await readFewPlacedPhotos(ledger, { filter, signal }));
  if (few !== undefined) {
    const ranked = await rankPhotos(ledger, few, options);
    const page = ranked.slice(0, limit);
    const next = ranked.length > limit ? keyOf(page.at(-1)!) : undefined;
    return await toPage(ledger, page, { recipeId, next, signal });
  }
  const isByCount = order === "most" || order === "fewest";
  if (isByCount && className !== undefined) {
    return await readClassCountPage(ledger, { ...options, order, className });
  }
  return await readInOrder(ledger, options);
}

/** Ranks some photos, and leaves out those that do not fit or are on an earlier page. */
async function rankPhotos(
  ledger: Ledger,
  photoIds: readonly number[],
  { recipeId, filter = {}, order, after, signal }: TopPageOptions,
): Promise<RankedPhoto[]> {
  if (photoIds.length === 0) return [];
  const rows = await ledger.read(
    (db) =>
      fromResults(db, recipeId)
        .select(["result.id", "entry.photo_id", rankOf(order, filter).as("rank")])
        .where("photo.id", "in", photoIds)
        .where(isSelected(filter))
        .where(fits(filter))
        .execute(),
    { signal },
  );
  const compare = comparison(order, filter);
  const start = toRanked(after);
  const ranked = rows.flatMap(({ rank, ...row }) => (rank === null ? [] : [{ ...row, rank }]));
  const fitting = await withScoresBetween(ledger, { rows: ranked, filter, signal });
  return fitting.filter((row) => start === undefined || compare(start, row) < 0).sort(compare);
}

function rankOf(order: TopOrder, filter: EntryFilter): RawBuilder<number | null> {
  if (order === "most" || order === "fewest") return countOf(filter);
  const score = sql.ref(order === "surest" ? "best_score" : "worst_score");
  if (filter.className === undefined) return sql`result.${score}`;
  return sql`
    (select ${score} from result_class
     where result_class.result_id = result.id and result_class.name = ${filter.className})`;
}

/** Goes over the results in the order of an index, until the page is full. */
async function readInOrder(ledger: Ledger, options: TopPageOptions): Promise<PhotoPage> {
  const { recipeId, filter = {}, order, limit, signal, budgetMs = Infinity } = options;
  const startedAtMs = performance.now();
  const compare = comparison(order, filter);
  const found: RankedPhoto[] = [];
  let start = toRanked(options.after);
  let isLast = false;
  for (let size = chunk.first; ; ) {
    const queriedAtMs = performance.now();
    const bounds = { recipeId, order, filter, start, limit: size };
    const candidates = await ledger.read((db) => readCandidates(db, bounds), { signal });
    const photos = await readPhotosOf(ledger, candidates, { recipeId, filter, signal });
    found.push(
      ...photos.filter((row) => start === undefined || compare(start, row) < 0).sort(compare),
    );
    isLast = candidates.length < size;
    const last = candidates.at(-1);
    if (last !== undefined) start = { ...last, photo_id: behindAllPhotos };
    const isOver = performance.now() - startedAtMs > budgetMs;
    if (isLast || found.length > limit || isOver) break;
    const ms = performance.now() - queriedAtMs;
    size = nextPartSize(size, ms, chunk);
  }
  const page = found.slice(0, limit);
  const end = found.length > limit ? page.at(-1) : isLast ? undefined : start;
  return await toPage(ledger, page, { recipeId, next: end && keyOf(end), signal });
}

interface CandidateOptions extends Pick<TopPageOptions, "recipeId" | "order" | "limit"> {
  readonly filter: EntryFilter;
  /** The first result is this one, or the next one where there is no such any more. */
  readonly start: RankedResult | undefined;
}

async function readCandidates(
  db: Kysely<LedgerTables>,
  { recipeId, order, filter, start, limit }: CandidateOptions,
): Promise<RankedResult[]> {
  const { className, minCount, maxCount, minScore, maxScore } = filter;
  const isByCount = order === "most" || order === "fewest";
  const column = isByCount ? "object_count" : order === "surest" ? "best_score" : "worst_score";
  const [rank, id] = [sql.ref(column), sql.ref(className === undefined ? "id" : "result_id")];
  const [direction, behind] = isDescending(order) ? [sql`desc`, sql`<=`] : [sql`asc`, sql`>=`];
  const conditions = [sql`recipe_id = ${recipeId}`, sql`${rank} is not null`];
  if (className !== undefined) conditions.push(sql`name = ${className}`);
  if (isByCount && minCount !== undefined) conditions.push(sql`${rank} >= ${minCount}`);
  if (isByCount && maxCount !== undefined) conditions.push(sql`${rank} <= ${maxCount}`);
  if (order === "surest" && minScore !== undefined) {
    conditions.push(sql`${rank} > ${minScore - scoreRounding}`);
  }
  if (order === "unsurest" && maxScore !== undefined) {
    conditions.push(sql`${rank} <= ${maxScore + scoreRounding}`);
  }
  if (start !== undefined) {
    conditions.push(sql`(${rank}, ${id}) ${behind} (${start.rank}, ${start.id})`);
  }
  const { rows } = await sql<RankedResult>`
    select ${id} as id, ${rank} as rank
    from ${sql.table(className === undefined ? "result" : "result_class")}
    where ${sql.join(conditions, sql` and `)}
    order by ${rank} ${direction}, ${id} ${direction} limit ${limit}`.execute(db);
  return rows;
}
