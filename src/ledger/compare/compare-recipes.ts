import { type Kysely, type RawBuilder, sql } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { lastIdOf, nextPartSize } from "../parts.ts";
import type { LedgerTables } from "../schema/tables.ts";

/** Two recipes whose counts on the same photos are compared. */
export interface RecipePair {
  readonly firstId: number;
  readonly secondId: number;
}

/** What two recipes counted on the photos that both have counted on. */
export interface PairTotals {
  readonly photos: number;
  /** Of these, by whether the second counted fewer, as many or more objects. */
  readonly fewer: number;
  readonly equal: number;
  readonly more: number;
  /** The sum of how far the counts of photos are apart. */
  readonly apart: number;
  /** Objects of the first and of the second, by name. */
  readonly counts: ReadonlyMap<string, readonly [first: number, second: number]>;
}

export interface PairPartOptions extends AccessOptions, RecipePair {
  /** Of the first photo of the part, and behind the last. */
  readonly fromId: number;
  readonly toId: number;
}

/** Reads the totals of some photos; photos of identical bytes count each. */
export async function readPairTotals(
  ledger: Ledger,
  { fromId, toId, signal, ...pair }: PairPartOptions,
): Promise<PairTotals> {
  return await ledger.read(
    async (db) => {
      const pairs = () => selectPairs(db, pair, { fromId, toId });
      const difference = sql<number>`second_result.object_count - first_result.object_count`;
      const row = await pairs()
        .select(({ fn }) => fn.countAll<number>().as("photos"))
        .select([
          sumOf(sql`case when ${difference} < 0 then 1 else 0 end`).as("fewer"),
          sumOf(sql`case when ${difference} = 0 then 1 else 0 end`).as("equal"),
          sumOf(sql`case when ${difference} > 0 then 1 else 0 end`).as("more"),
          sumOf(sql`abs(${difference})`).as("apart"),
        ])
        .executeTakeFirstOrThrow();
      const counts = new Map<string, [number, number]>();
      for (const [place, result] of ["first_result.id", "second_result.id"].entries()) {
        const rows = await pairs()
          .innerJoin("result_count", (join) =>
            join.on(sql<boolean>`result_count.result_id = ${sql.ref(result)}`),
          )
          .select("result_count.name")
          .select(({ fn }) => fn.sum<number>("result_count.count").as("total"))
          .where("result_count.region", "=", 0)
          .groupBy("result_count.name")
          .execute();
        for (const { name, total } of rows) {
          const both = counts.get(name) ?? [0, 0];
          both[place] = Number(total);
          counts.set(name, both);
        }
      }
      const { photos, fewer, equal, more, apart } = row;
      return {
        photos: Number(photos),
        fewer: Number(fewer),
        equal: Number(equal),
        more: Number(more),
        apart: Number(apart),
        counts,
      };
    },
    { signal },
  );
}

/** A photo that two recipes have counted on. */
export interface PhotoUnderBoth {
  readonly photoId: number;
  readonly source: string;
  /** The result of the second, for its picture. */
  readonly resultId: number;
  readonly first: number;
  readonly second: number;
}

export interface DifferentPhotosOptions extends AccessOptions, RecipePair {
  /** What is counted; default all objects. */
  readonly className?: string | undefined;
  /** Where the page before ended. Default: the first page. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Photos that one query looks at: more where queries are quick, fewer where they are slow. */
const chunk = { first: 2000, least: 500, most: 40_000, quickMs: 15, slowMs: 50 };

/**
 * Reads the photos on which two recipes differ most, by the key of the last one. All are looked at,
 * part by part, and the best are kept. Those on which they agree are left out.
 */
export async function readDifferentPhotos(
  ledger: Ledger,
  { className, after, limit, signal, ...pair }: DifferentPhotosOptions,
): Promise<{ readonly photos: readonly PhotoUnderBoth[]; readonly next: string | undefined }> {
  const [rank, photoId] = after?.split(".").map(Number) ?? [];
  const order = (a: PhotoUnderBoth, b: PhotoUnderBoth) =>
    rankOf(b) - rankOf(a) || a.photoId - b.photoId;
  const lastId = await ledger.read((db) => lastIdOf(db, "photo"), { signal });
  let best: PhotoUnderBoth[] = [];
  for (let [fromId, size]: [number, number] = [1, chunk.first]; fromId <= lastId; ) {
    const startedAtMs = performance.now();
    const least = best.length > limit ? rankOf(best.at(-1)!) : 1;
    const [first, second] = ["first_result", "second_result"].map((result) =>
      countOn(result, className),
    ) as [RawBuilder<number>, RawBuilder<number>];
    const rows = await ledger.read(
      (db) =>
        selectPairs(db, pair, { fromId, toId: fromId + size })
          .innerJoin("photo", "photo.id", "first_entry.photo_id")
          .select(["photo.id as photoId", "photo.source", "second_result.id as resultId"])
          .select([first.as("first"), second.as("second")])
          .where(sql<boolean>`abs(${second} - ${first}) >= ${least}`)
          .$if(rank !== undefined, (query) =>
            query.where(sql<boolean>`
              (abs(${second} - ${first}) < ${rank}
               or abs(${second} - ${first}) = ${rank} and photo.id > ${photoId})`),
          )
          .execute(),
      { signal },
    );
    best = [...best, ...rows].sort(order).slice(0, limit + 1);
    fromId += size;
    const ms = performance.now() - startedAtMs;
    size = nextPartSize(size, ms, chunk);
    // Others get their turn, whatever the database is.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const photos = best.slice(0, limit);
  const last = best.length > limit ? photos.at(-1) : undefined;
  return { photos, next: last && `${rankOf(last)}.${last.photoId}` };
}

function rankOf({ first, second }: PhotoUnderBoth): number {
  return Math.abs(second - first);
}

function countOn(result: string, className: string | undefined): RawBuilder<number> {
  if (className === undefined) return sql`${sql.ref(`${result}.object_count`)}`;
  return sql`
    coalesce((select result_count.count from result_count
      where result_count.result_id = ${sql.ref(`${result}.id`)} and result_count.region = 0
        and result_count.name = ${className}), 0)`;
}

function sumOf(value: RawBuilder<unknown>): RawBuilder<number> {
  return sql`coalesce(sum(${value}), 0)`;
}

function selectPairs(
  db: Kysely<LedgerTables>,
  { firstId, secondId }: RecipePair,
  { fromId, toId }: Pick<PairPartOptions, "fromId" | "toId">,
) {
  return db
    .selectFrom("entry as first_entry")
    .innerJoin("entry as second_entry", (join) =>
      join
        .onRef("second_entry.photo_id", "=", "first_entry.photo_id")
        .on("second_entry.recipe_id", "=", secondId),
    )
    .innerJoin("result as first_result", "first_result.id", "first_entry.result_id")
    .innerJoin("result as second_result", "second_result.id", "second_entry.result_id")
    .where("first_entry.photo_id", ">=", fromId)
    .where("first_entry.photo_id", "<", toId)
    .where("first_entry.recipe_id", "=", firstId);
}
