import { sql } from "kysely";
import type { Ledger } from "../ledger.ts";
import { readFindings, readManyCounts } from "../results/read-findings.ts";
import type { Findings, ObjectCount } from "../results/result-rows.ts";
import type { EntryState } from "../schema/tables.ts";
import { isInScope } from "./add-photos.ts";

/** How many photos of the list are in which state. */
export type StateCounts = { readonly [state in EntryState]: number };

/** One photo of the list and what is known of it. */
export interface WorklistPhoto {
  readonly source: string;
  readonly state: EntryState;
  /** Why it was set aside. */
  readonly reason: { readonly code: string; readonly message: string } | undefined;
  readonly result: WorklistResult | undefined;
}

export interface WorklistResult {
  readonly id: number;
  readonly contentSha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objectCount: number;
  /** Undefined without a segmenting model. */
  readonly regionCount: number | undefined;
  readonly device: string;
  readonly counts: readonly ObjectCount[];
}

export interface WorklistTotals {
  /** Distinct results: photos of identical bytes share one, and are counted here each. */
  readonly objectCount: number;
  readonly countByName: ReadonlyMap<string, number>;
}

export interface WorklistPhotosOptions {
  readonly state?: EntryState;
  /** At most so many; default all. */
  readonly limit?: number;
}

const pageSize = 500;

/** Reads what became of the photos that one run was asked for. */
export class WorklistView {
  readonly #ledger: Ledger;
  readonly #recipeId: number;

  constructor(ledger: Ledger, recipeId: number) {
    this.#ledger = ledger;
    this.#recipeId = recipeId;
  }

  async states(): Promise<StateCounts> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("job")
        .select(["state", (eb) => eb.fn.countAll<number>().as("photos")])
        .where("id", "in", sql<number>`(select job_id from temp.scope)`)
        .groupBy("state")
        .execute(),
    );
    const counts = { waiting: 0, leased: 0, done: 0, "set-aside": 0 };
    for (const { state, photos } of rows) counts[state] = photos;
    return counts;
  }

  async totals(): Promise<WorklistTotals> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("job")
        .innerJoin("result_count", "result_count.result_id", "job.result_id")
        .select(["name", (eb) => eb.fn.sum<number>("count").as("total")])
        .where("job.id", "in", sql<number>`(select job_id from temp.scope)`)
        .where("region", "=", 0)
        .groupBy("name")
        .orderBy("name")
        .execute(),
    );
    const countByName = new Map(rows.map(({ name, total }) => [name, total]));
    const objectCount = rows.reduce((sum, { total }) => sum + total, 0);
    return { objectCount, countByName };
  }

  /** The photos by source, read in pages: a list of any length takes bounded memory. */
  async *photos({
    state,
    limit = Infinity,
  }: WorklistPhotosOptions = {}): AsyncGenerator<WorklistPhoto> {
    let after = "";
    for (let left = limit; left > 0; ) {
      const page = await this.#page(after, state, Math.min(left, pageSize));
      yield* page;
      left -= page.length;
      if (page.length < pageSize) return;
      after = page.at(-1)!.source;
    }
  }

  /** What was found on one photo. */
  async findings(resultId: number): Promise<Findings> {
    return await this.#ledger.read((db) => readFindings(db, resultId));
  }

  /** Which of these annotated pictures show which result, as far as recorded. */
  async pictures(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#ledger.read((db) =>
      db.selectFrom("picture").selectAll().where("file", "in", files).execute(),
    );
    return new Map(rows.map(({ file, result_id }) => [file, result_id]));
  }

  async #page(
    after: string,
    state: EntryState | undefined,
    limit: number,
  ): Promise<WorklistPhoto[]> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("photo")
        .innerJoin("job", (join) =>
          join.onRef("job.photo_id", "=", "photo.id").on("job.recipe_id", "=", this.#recipeId),
        )
        .leftJoin("result", "result.id", "job.result_id")
        .leftJoin("placement", "placement.id", "result.placement_id")
        .select([
          "photo.source",
          "job.state",
          "job.reason_code",
          "job.reason_message",
          "result.id",
          "result.content_sha256",
          "result.width_px",
          "result.height_px",
          "result.object_count",
          "result.region_count",
          "placement.device",
        ])
        .where("photo.source", ">", after)
        .where(isInScope)
        .$if(state !== undefined, (query) => query.where("job.state", "=", state!))
        .orderBy("photo.source")
        .limit(limit)
        .execute(),
    );
    const ids = rows.flatMap(({ id }) => id ?? []);
    const counts = await this.#ledger.read((db) => readManyCounts(db, ids));
    return rows.map((row) => ({
      source: row.source,
      state: row.state,
      reason:
        row.reason_code === null
          ? undefined
          : { code: row.reason_code, message: row.reason_message ?? "" },
      result:
        row.id === null
          ? undefined
          : {
              id: row.id,
              contentSha256: row.content_sha256!,
              widthPx: row.width_px!,
              heightPx: row.height_px!,
              objectCount: row.object_count!,
              regionCount: row.region_count ?? undefined,
              device: row.device!,
              counts: counts.get(row.id) ?? [],
            },
    }));
  }
}
