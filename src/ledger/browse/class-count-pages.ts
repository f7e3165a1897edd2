import { type Kysely, sql } from "kysely";
import type { Ledger } from "../ledger.ts";
import { nextPartSize } from "../parts.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { EntryFilter } from "./entry-filter.ts";
import type { PhotoPage, PhotoPageOptions } from "./photo-page.ts";
import {
  comparison,
  keyOf,
  type RankedPhoto,
  type RankedResult,
  readPhotosOf,
  toPage,
  toRanked,
} from "./ranked-photos.ts";

interface ClassCountPageOptions extends PhotoPageOptions {
  readonly order: "most" | "fewest";
  readonly className: string;
}

/** Results that one query looks at: more where queries are quick, fewer where they are slow. */
const chunk = { first: 2000, least: 500, most: 20_000, quickMs: 15, slowMs: 50 };

interface Bounds extends Pick<ClassCountPageOptions, "recipeId" | "order" | "className"> {
  readonly filter: EntryFilter;
  readonly begin: number;
  readonly end: number;
  /** Where the page begins. */
  readonly start: RankedResult | undefined;
  /** The rank that has to be better to come on the page: of equal ones the first result does. */
  readonly worst: number | undefined;
}

/**
 * Reads the photos with the most or the fewest objects of a class. No index has the photos without
 * any, so all results are looked at, part by part; photos are looked up only of those that come
 * into the page.
 */
export async function readClassCountPage(
  ledger: Ledger,
  options: ClassCountPageOptions,
): Promise<PhotoPage> {
  const { recipeId, filter = {}, order, className, after, limit, signal } = options;
  const compare = comparison(order, filter);
  const start = toRanked(after);
  let best: RankedPhoto[] = [];
  const { first, last } = await ledger.read(readResultIds, { signal });
  for (let [begin, size]: [number, number] = [first, chunk.first]; begin <= last; ) {
    const queriedAtMs = performance.now();
    const worst = best.length > limit ? best.at(-1)!.rank : undefined;
    const bounds = { recipeId, order, className, filter, begin, end: begin + size, start, worst };
    const candidates = await ledger.read((db) => readCounted(db, bounds), { signal });
    const rows = await readPhotosOf(ledger, candidates, { recipeId, filter, signal });
    const behind = rows.filter((row) => start === undefined || compare(start, row) < 0);
    best = [...best, ...behind].sort(compare).slice(0, limit + 1);
    begin += size;
    const ms = performance.now() - queriedAtMs;
    size = nextPartSize(size, ms, chunk);
    // Others get their turn, whatever the database is.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const page = best.slice(0, limit);
  const next = best.length > limit ? keyOf(page.at(-1)!) : undefined;
  return await toPage(ledger, page, { recipeId, next, signal });
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

async function readCounted(db: Kysely<LedgerTables>, bounds: Bounds): Promise<RankedResult[]> {
  const { recipeId, order, className, begin, end, start, worst } = bounds;
  const { minCount, maxCount } = bounds.filter;
  const ofClass = db
    .selectFrom("result_count")
    .select(["result_id", "count"])
    .where("region", "=", 0)
    .where("name", "=", className)
    .where("result_id", ">=", begin)
    .where("result_id", "<", end);
  const rank = sql<number>`coalesce(of_class.count, 0)`;
  const [better, worse] = order === "most" ? [sql`>`, sql`<`] : [sql`<`, sql`>`];
  const query = db
    .selectFrom("result")
    .leftJoin(ofClass.as("of_class"), "of_class.result_id", "result.id")
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
