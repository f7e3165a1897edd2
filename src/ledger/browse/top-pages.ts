import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { nextPartSize } from "../parts.ts";
import { isSelected } from "../photos/selection.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { scoreRounding } from "../scores/score-summary.ts";
import { readByClassCount } from "./class-counts.ts";
import { countOf, type EntryFilter, fits, isCount } from "./entry-filter.ts";
import { readFewPhotoIds, readFewPlacedPhotos } from "./few-photos.ts";
import { fromResults } from "./listed-entries.ts";
import type { PhotoPage, PhotoPageOptions, TopOrder } from "./photo-page.ts";
import {
  behindAllPhotos,
  comparison,
  isDescending,
  keyOf,
  type RankedPart,
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
  const { recipeId, filter = {}, limit, signal } = options;
  const { state } = filter;
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
  const compare = comparison(order);
  const start = toRanked(after);
  const ranked = rows.flatMap(({ rank, ...row }) => (rank === null ? [] : [{ ...row, rank }]));
  const fitting = await withScoresBetween(ledger, { rows: ranked, filter, signal });
  return fitting.filter((row) => start === undefined || compare(start, row) < 0).sort(compare);
}

function rankOf(order: TopOrder, filter: EntryFilter): RawBuilder<number | null> {
  if (isByCount(order)) return countOf(filter);
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
  const compare = comparison(order);
  const found: RankedPhoto[] = [];
  let start = toRanked(options.after);
  let isLast: boolean;
  for (let size = chunk.first; ; ) {
    const queriedAtMs = performance.now();
    const bounds = { recipeId, order, filter, start, limit: size, signal };
    const { results, next } = await readCandidates(ledger, bounds);
    const photos = await readPhotosOf(ledger, results, { recipeId, filter, signal });
    found.push(
      ...photos.filter((row) => start === undefined || compare(start, row) < 0).sort(compare),
    );
    isLast = next === undefined;
    if (next !== undefined) start = { ...next, photo_id: behindAllPhotos };
    const isOver = performance.now() - startedAtMs > budgetMs;
    if (isLast || found.length > limit || isOver) break;
    const ms = performance.now() - queriedAtMs;
    size = nextPartSize(size, ms, chunk);
  }
  const page = found.slice(0, limit);
  const end = found.length > limit ? page.at(-1) : isLast ? undefined : start;
  return await toPage(ledger, page, { recipeId, next: end && keyOf(end), signal });
}

interface CandidateOptions extends AccessOptions, Pick<TopPageOptions, "recipeId" | "order"> {
  readonly filter: EntryFilter;
  /** The first result is this one, or the next one where there is no such any more. */
  readonly start: RankedResult | undefined;
  readonly limit: number;
}

async function readCandidates(ledger: Ledger, options: CandidateOptions): Promise<RankedPart> {
  const { order, filter, limit, signal } = options;
  const { className } = filter;
  const readIndexed = async (start: RankedResult | undefined) => {
    const bounds = { ...options, start };
    const results = await ledger.read((db) => selectCandidates(db, bounds), { signal });
    return { results, next: results.length < limit ? undefined : results.at(-1) };
  };
  return isByCount(order) && className !== undefined
    ? await readByClassCount(ledger, { ...options, order, className, readCounted: readIndexed })
    : await readIndexed(options.start);
}

async function selectCandidates(
  db: Kysely<LedgerTables>,
  { recipeId, order, filter, start, limit }: CandidateOptions,
): Promise<RankedResult[]> {
  const { className, minCount, maxCount, minScore, maxScore } = filter;
  const count = className === undefined ? "object_count" : "count";
  const column = isByCount(order) ? count : order === "surest" ? "best_score" : "worst_score";
  const [rank, id] = [
    sql.ref<number | null>(column),
    sql.ref(className === undefined ? "id" : "result_id"),
  ];
  const [direction, behind] = isDescending(order) ? [sql`desc`, sql`<=`] : [sql`asc`, sql`>=`];
  const conditions = [sql`recipe_id = ${recipeId}`];
  if (className !== undefined) conditions.push(sql`name = ${className}`);
  if (isByCount(order)) {
    // A row without a counted object is one of a result without any.
    if (className !== undefined) conditions.push(sql`${rank} > 0`);
    conditions.push(isCount(rank, { minCount, maxCount }));
  } else {
    conditions.push(sql`${rank} is not null`);
  }
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

function isByCount(order: TopOrder): order is "most" | "fewest" {
  return order === "most" || order === "fewest";
}
