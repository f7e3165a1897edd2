import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { type EntryFilter, needsObjects } from "./entry-filter.ts";
import { isDescending, type RankedPart, type RankedResult } from "./ranked-photos.ts";

export interface ClassCountOptions extends AccessOptions {
  readonly recipeId: number;
  readonly order: "most" | "fewest";
  readonly className: string;
  readonly filter: EntryFilter;
  /** The first result is this one, or the next if it no longer exists. */
  readonly start: RankedResult | undefined;
  readonly limit: number;
  /** Reads those with an object in the order of their counts. */
  readonly readCounted: (start: RankedResult | undefined) => Promise<RankedPart>;
}

/** Results among which one query looks for those without an object of the class. */
const resultsPerPart = { inProcess: 20_000, onServer: 25_000 };
const [beforeAllIds, behindAllIds] = [0, Number.MAX_SAFE_INTEGER];

/**
 * Reads results by their number of objects of a class. Those without any have no row, so they are
 * looked for among all results, part by part; where all of a part have some, it is only counted.
 */
export async function readByClassCount(
  ledger: Ledger,
  options: ClassCountOptions,
): Promise<RankedPart> {
  const { order, filter, start, readCounted } = options;
  if (needsObjects(filter)) return await readCounted(start);
  if (order === "most") {
    if (start?.rank === 0) return await readWithout(ledger, { ...options, from: start.id });
    const { results, next } = await readCounted(start);
    return { results, next: next ?? { rank: 0, id: behindAllIds } };
  }
  if (start !== undefined && start.rank > 0) return await readCounted(start);
  const from = start?.id ?? beforeAllIds;
  const { results, next } = await readWithout(ledger, { ...options, from });
  return { results, next: next ?? { rank: 1, id: beforeAllIds } };
}

/** Reads results without an object of the class among the next ones, by their ids. */
async function readWithout(
  ledger: Ledger,
  { order, from, limit, signal, ...options }: ClassCountOptions & { readonly from: number },
): Promise<RankedPart> {
  const { first, last } = await ledger.read(readResultIds, { signal });
  const size = ledger.isInProcess ? resultsPerPart.inProcess : resultsPerPart.onServer;
  if (last < first) return { results: [], next: undefined };
  const at = Math.min(Math.max(from, first), last);
  const part = isDescending(order)
    ? { begin: Math.max(first, at - size), end: at }
    : { begin: at, end: Math.min(last, at + size) };
  const ids = await ledger.read(
    async (db) => {
      const { all, counted } = await countResults(db, options, part);
      return all === counted ? [] : await selectWithout(db, options, { ...part, order, limit });
    },
    { signal },
  );
  const results = ids.map((id) => ({ id, rank: 0 }));
  if (results.length === limit) return { results, next: results.at(-1) };
  const [reached, end] = isDescending(order) ? [part.begin, first] : [part.end, last];
  return { results, next: reached === end ? undefined : { rank: 0, id: reached } };
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

/** Inclusive. */
interface Part {
  readonly begin: number;
  readonly end: number;
}

type ClassOfRecipe = Pick<ClassCountOptions, "recipeId" | "className">;

/**
 * Counts the results of a part, and those with an object of the class. Only ids are conditions:
 * with others, an index would be read from end to end for each part.
 */
async function countResults(
  db: Kysely<LedgerTables>,
  { recipeId, className }: ClassOfRecipe,
  { begin, end }: Part,
): Promise<{ readonly all: number; readonly counted: number }> {
  const count = (condition: RawBuilder<unknown>) =>
    sql`coalesce(sum(case when recipe_id = ${recipeId} and ${condition} then 1 else 0 end), 0)`;
  const { rows } = await sql<{ all_results: number; counted: number }>`
    select
      (select ${count(sql`true`)} from result where id between ${begin} and ${end}) as all_results,
      (select ${count(sql`name = ${className} and count > 0`)} from result_class
       where result_id between ${begin} and ${end}) as counted`.execute(db);
  return { all: Number(rows[0]!.all_results), counted: Number(rows[0]!.counted) };
}

async function selectWithout(
  db: Kysely<LedgerTables>,
  { recipeId, className }: ClassOfRecipe,
  { begin, end, order, limit }: Part & Pick<ClassCountOptions, "order" | "limit">,
): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select result.id from result
    where result.id between ${begin} and ${end} and result.recipe_id = ${recipeId}
      and coalesce(
        (select count from result_class
         where result_class.result_id = result.id and result_class.name = ${className}), 0) = 0
    order by result.id ${isDescending(order) ? sql`desc` : sql`asc`} limit ${limit}`.execute(db);
  return rows.map(({ id }) => id);
}
