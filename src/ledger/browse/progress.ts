import type { AccessOptions, Ledger } from "../ledger.ts";
import { lastIdOf } from "../parts.ts";
import { requireAsRecorded } from "../recipe-rows.ts";
import type { StateCounts } from "../worklist/worklist-view.ts";

/** A recipe of a results database, for a choice. */
export interface RecipeChoice {
  readonly id: number;
  readonly hash: string;
  readonly name: string | undefined;
  /** Canonical JSON. */
  readonly json: string;
}

/** Reads the recipes, and which of them has the newest result; the last one without results. */
export async function readRecipeChoices(
  ledger: Ledger,
  access: AccessOptions = {},
): Promise<{ readonly recipes: readonly RecipeChoice[]; readonly newestId: number | undefined }> {
  return await ledger.read(async (db) => {
    const rows = await db.selectFrom("recipe").selectAll().orderBy("id").execute();
    const newest = await db
      .selectFrom("result")
      .select("recipe_id")
      .orderBy("id", "desc")
      .limit(1)
      .executeTakeFirst();
    const recipes = rows.map(({ id, hash, name, recipe: json }) => {
      requireAsRecorded(ledger, { hash, json });
      return { id, hash, name: name ?? undefined, json };
    });
    return { recipes, newestId: newest?.recipe_id ?? recipes.at(-1)?.id };
  }, access);
}

/** Entries that one query counts: 600,000 took 190 ms of CPU time in one. */
const entriesPerQuery = 100_000;

/** Counts the photos of a recipe by state, part by part. */
export async function readStates(
  ledger: Ledger,
  recipeId: number,
  access: AccessOptions = {},
): Promise<StateCounts> {
  const counts = { waiting: 0, leased: 0, done: 0, failed: 0, excluded: 0 };
  const lastId = await ledger.read((db) => lastIdOf(db, "entry"), access);
  for (let fromId = 1; fromId <= lastId; fromId += entriesPerQuery) {
    const rows = await ledger.read(
      (db) =>
        db
          .selectFrom("entry")
          .select(["state", (eb) => eb.fn.countAll<number>().as("photos")])
          .where("id", ">=", fromId)
          .where("id", "<", fromId + entriesPerQuery)
          .where("recipe_id", "=", recipeId)
          .groupBy("state")
          .execute(),
      access,
    );
    for (const { state, photos } of rows) counts[state] += Number(photos);
    // What else the process does gets its turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return counts;
}

/** One of the newest results: what a rate and the time of each step are made of. */
export interface LatestResult {
  readonly createdAtMs: number;
  readonly timingsMs: { readonly [step: string]: number };
  readonly device: string;
  readonly fallbackReason: string | undefined;
}

/** How far back the newest results of one recipe are looked for among those of others. */
const latestSpan = 20_000;

/** Reads the newest results of a recipe, the newest first. */
export async function readLatestResults(
  ledger: Ledger,
  {
    recipeId,
    limit,
    signal,
  }: AccessOptions & { readonly recipeId: number; readonly limit: number },
): Promise<LatestResult[]> {
  const rows = await ledger.read(
    async (db) => {
      const { last } = await db
        .selectFrom("result")
        .select(({ fn }) => fn.max<number | null>("id").as("last"))
        .executeTakeFirstOrThrow();
      return await db
        .selectFrom("result")
        .innerJoin("placement", "placement.id", "result.placement_id")
        .select(["result.created_at", "result.timings_ms"])
        .select(["placement.device", "placement.fallback_reason"])
        .where("result.recipe_id", "=", recipeId)
        .where("result.id", ">", (last ?? 0) - latestSpan)
        .orderBy("result.id", "desc")
        .limit(limit)
        .execute();
    },
    { signal },
  );
  return rows.map((row) => ({
    createdAtMs: Date.parse(row.created_at),
    timingsMs: JSON.parse(row.timings_ms),
    device: row.device,
    fallbackReason: row.fallback_reason === "" ? undefined : row.fallback_reason,
  }));
}

/** What all photos of a recipe have, or of a part of them. */
export interface RecipeTotals {
  readonly objectCount: number;
  readonly countByName: ReadonlyMap<string, number>;
  /** Failed photos by code. */
  readonly failedByCode: ReadonlyMap<string, number>;
  /** Photos with a warning, by warning. */
  readonly warnings: ReadonlyMap<string, number>;
}

export interface TotalsPartOptions extends AccessOptions {
  readonly recipeId: number;
  /** Of the first entry of the part, and behind the last. */
  readonly fromId: number;
  readonly toId: number;
}

/** Reads the totals of some entries; photos of identical bytes count each. */
export async function readTotalsPart(
  ledger: Ledger,
  { recipeId, fromId, toId, signal }: TotalsPartOptions,
): Promise<RecipeTotals> {
  return await ledger.read(
    async (db) => {
      const entries = db
        .selectFrom("entry")
        .where("entry.id", ">=", fromId)
        .where("entry.id", "<", toId)
        .where("entry.recipe_id", "=", recipeId);
      const counts = await entries
        .innerJoin("result_count", "result_count.result_id", "entry.result_id")
        .select(["result_count.name", ({ fn }) => fn.sum<number>("result_count.count").as("total")])
        .where("result_count.region", "=", 0)
        .groupBy("result_count.name")
        .execute();
      const failed = await entries
        .select(["entry.reason_code", ({ fn }) => fn.countAll<number>().as("photos")])
        .where("entry.state", "=", "failed")
        .groupBy("entry.reason_code")
        .execute();
      const warned = await entries
        .innerJoin("result", "result.id", "entry.result_id")
        .select(["result.warnings", ({ fn }) => fn.countAll<number>().as("photos")])
        .where("result.warnings", "!=", "[]")
        .groupBy("result.warnings")
        .execute();
      const countByName = new Map(counts.map(({ name, total }) => [name, Number(total)]));
      const warnings = new Map<string, number>();
      for (const row of warned) {
        for (const warning of JSON.parse(row.warnings) as string[]) {
          warnings.set(warning, (warnings.get(warning) ?? 0) + Number(row.photos));
        }
      }
      return {
        objectCount: [...countByName.values()].reduce((sum, count) => sum + count, 0),
        countByName,
        failedByCode: new Map(
          failed.map(({ reason_code, photos }) => [reason_code ?? "", Number(photos)]),
        ),
        warnings,
      };
    },
    { signal },
  );
}
