import { sql } from "kysely";
import type { Ledger } from "../ledger.ts";
import { type Reason, reasonOf } from "../photos/entry-rows.ts";
import { readDrawnNames, readFindings, readManyCounts } from "../results/read-findings.ts";
import type { Findings, ObjectCount, PhotoWarning } from "../results/result-rows.ts";
import type { EntryState } from "../schema/tables.ts";
import { isInScope } from "./add-photos.ts";

/** How many photos of the list are in which state. */
export type StateCounts = { readonly [state in EntryState]: number };

/** One photo of the list and what became of it. */
export interface WorklistPhoto {
  readonly source: string;
  readonly state: EntryState;
  /** Why it has failed. */
  readonly reason: Reason | undefined;
  readonly result: WorklistResult | undefined;
}

/** What was found on one photo of the list. */
export interface WorklistResult {
  readonly id: number;
  readonly contentSha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objectCount: number;
  /** Undefined without a segmenting model. */
  readonly regionCount: number | undefined;
  /** The names of regions that people drew; undefined where a model found them. */
  readonly regionNames: readonly string[] | undefined;
  readonly device: string;
  readonly counts: readonly ObjectCount[];
  readonly warnings: readonly PhotoWarning[];
}

/** The objects on all photos of the list. */
export interface WorklistTotals {
  /** On all photos; photos of identical bytes count each. */
  readonly objectCount: number;
  readonly countByName: ReadonlyMap<string, number>;
}

/** Which photos of the list are read. */
export interface WorklistPhotosOptions {
  readonly state?: EntryState;
  /** The most photos to list. Default all. */
  readonly limit?: number;
  /** Only these, 500 at most. Default all. */
  readonly sources?: readonly string[];
}

const pageSize = 500;

/** Shows what became of the photos that one run was asked for. */
export class WorklistView {
  readonly #ledger: Ledger;
  readonly #recipeId: number;

  constructor(ledger: Ledger, recipeId: number) {
    this.#ledger = ledger;
    this.#recipeId = recipeId;
  }

  /** Counts the photos of the list by state. */
  async states(): Promise<StateCounts> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("entry")
        .select(["state", (eb) => eb.fn.countAll<number>().as("photos")])
        .where("id", "in", sql<number>`(select entry_id from temp.scope)`)
        .groupBy("state")
        .execute(),
    );
    const counts = { waiting: 0, leased: 0, done: 0, failed: 0, excluded: 0 };
    for (const { state, photos } of rows) counts[state] = photos;
    return counts;
  }

  /** Counts the objects on all photos of the list that are done. */
  async totals(): Promise<WorklistTotals> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("entry")
        .innerJoin("result_count", "result_count.result_id", "entry.result_id")
        .select(["name", (eb) => eb.fn.sum<number>("count").as("total")])
        .where("entry.id", "in", sql<number>`(select entry_id from temp.scope)`)
        .where("region", "=", 0)
        .groupBy("name")
        .orderBy("name")
        .execute(),
    );
    const countByName = new Map(rows.map(({ name, total }) => [name, total]));
    const objectCount = rows.reduce((sum, { total }) => sum + total, 0);
    return { objectCount, countByName };
  }

  /** Counts the photos of the list that look strange, by what is strange about them. */
  async warnings(): Promise<ReadonlyMap<PhotoWarning, number>> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("entry")
        .innerJoin("result", "result.id", "entry.result_id")
        .select(["result.warnings", (eb) => eb.fn.countAll<number>().as("photos")])
        .where("entry.id", "in", sql<number>`(select entry_id from temp.scope)`)
        .where("result.warnings", "!=", "[]")
        .groupBy("result.warnings")
        .execute(),
    );
    const counts = new Map<PhotoWarning, number>();
    for (const { warnings, photos } of rows) {
      for (const warning of JSON.parse(warnings) as PhotoWarning[]) {
        counts.set(warning, (counts.get(warning) ?? 0) + photos);
      }
    }
    return counts;
  }

  /** Lists the photos by source. They are read in pages, so any number takes bounded memory. */
  async *photos({
    limit = Infinity,
    ...which
  }: WorklistPhotosOptions = {}): AsyncGenerator<WorklistPhoto> {
    let after = "";
    for (let left = limit; left > 0; ) {
      const page = await this.#page(after, { ...which, limit: Math.min(left, pageSize) });
      yield* page;
      left -= page.length;
      if (page.length < pageSize) return;
      after = page.at(-1)!.source;
    }
  }

  /** Returns what was found on one photo. */
  async findings(resultId: number): Promise<Findings> {
    return await this.#ledger.read((db) => readFindings(db, resultId));
  }

  /** Returns the results that annotated pictures show, by file, as far as they are recorded. */
  async pictures(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#ledger.read((db) =>
      db.selectFrom("picture").selectAll().where("file", "in", files).execute(),
    );
    return new Map(rows.map(({ file, result_id }) => [file, result_id]));
  }

  async #page(
    after: string,
    { state, sources, limit }: WorklistPhotosOptions & { readonly limit: number },
  ): Promise<WorklistPhoto[]> {
    const rows = await this.#ledger.read((db) =>
      db
        .selectFrom("photo")
        .innerJoin("entry", (join) =>
          join.onRef("entry.photo_id", "=", "photo.id").on("entry.recipe_id", "=", this.#recipeId),
        )
        .leftJoin("result", "result.id", "entry.result_id")
        .leftJoin("placement", "placement.id", "result.placement_id")
        .select([
          "photo.source",
          "entry.state",
          "entry.reason_code",
          "entry.reason_message",
          "result.id",
          "result.content_sha256",
          "result.width_px",
          "result.height_px",
          "result.object_count",
          "result.region_count",
          "result.warnings",
          "placement.device",
        ])
        .where("photo.source", ">", after)
        .where(isInScope)
        .$if(state !== undefined, (query) => query.where("entry.state", "=", state!))
        .$if(sources !== undefined, (query) => query.where("photo.source", "in", sources!))
        .orderBy("photo.source")
        .limit(limit)
        .execute(),
    );
    const ids = rows.flatMap(({ id }) => id ?? []);
    const counts = await this.#ledger.read((db) => readManyCounts(db, ids));
    const withRegions = rows.flatMap(({ id, region_count }) => (region_count ? id! : []));
    const names = await this.#ledger.read((db) => readDrawnNames(db, withRegions));
    return rows.map((row) => ({
      source: row.source,
      state: row.state,
      reason: reasonOf(row),
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
              regionNames: names.get(row.id),
              device: row.device!,
              counts: counts.get(row.id) ?? [],
              warnings: JSON.parse(row.warnings!),
            },
    }));
  }
}
