import { sql } from "kysely";
import type { Detections } from "../vision/detections.ts";
import { isInScope } from "./add-photos.ts";
import type { LedgerAccess } from "./lease-owner.ts";
import { type ObjectCount, readDetections } from "./result-rows.ts";
import type { JobState, Role } from "./tables.ts";

/** How many photos of the list are in which state. */
export type StateCounts = { readonly [state in JobState]: number };

/** One photo of the list and what is known of it. */
export interface ReportedPhoto {
  readonly source: string;
  readonly state: JobState;
  /** Why it was set aside. */
  readonly reason: { readonly code: string; readonly message: string } | undefined;
  readonly result: ReportedResult | undefined;
}

export interface ReportedResult {
  readonly id: number;
  readonly contentSha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objectCount: number;
  /** Undefined without a segmenting model. */
  readonly bedCount: number | undefined;
  readonly device: string;
  readonly counts: readonly ObjectCount[];
}

export interface ReportTotals {
  /** Distinct results: photos of identical bytes share one, and are counted here each. */
  readonly objectCount: number;
  readonly countByName: ReadonlyMap<string, number>;
}

export interface ReportPhotosOptions {
  readonly state?: JobState;
  /** At most so many; default all. */
  readonly limit?: number;
}

const pageSize = 500;

/** Reads what became of the photos that one run was asked for. */
export class WorklistReport {
  readonly #access: LedgerAccess;
  readonly #recipeId: number;

  constructor(access: LedgerAccess, recipeId: number) {
    this.#access = access;
    this.#recipeId = recipeId;
  }

  async states(): Promise<StateCounts> {
    const rows = await this.#access.read((db) =>
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

  async totals(): Promise<ReportTotals> {
    const rows = await this.#access.read((db) =>
      db
        .selectFrom("job")
        .innerJoin("result_count", "result_count.result_id", "job.result_id")
        .select(["name", (eb) => eb.fn.sum<number>("count").as("total")])
        .where("job.id", "in", sql<number>`(select job_id from temp.scope)`)
        .where("bed", "=", 0)
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
  }: ReportPhotosOptions = {}): AsyncGenerator<ReportedPhoto> {
    let after = "";
    for (let left = limit; left > 0; ) {
      const page = await this.#page(after, state, Math.min(left, pageSize));
      yield* page;
      left -= page.length;
      if (page.length < pageSize) return;
      after = page.at(-1)!.source;
    }
  }

  /** What was found, by role. */
  async detections(resultId: number): Promise<{ readonly [role in Role]?: Detections }> {
    return await this.#access.read((db) => readDetections(db, resultId));
  }

  /** Which of these annotated pictures show which result, as far as recorded. */
  async pictures(files: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await this.#access.read((db) =>
      db.selectFrom("picture").selectAll().where("file", "in", files).execute(),
    );
    return new Map(rows.map(({ file, result_id }) => [file, result_id]));
  }

  async #page(after: string, state: JobState | undefined, limit: number): Promise<ReportedPhoto[]> {
    const rows = await this.#access.read((db) =>
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
          "result.bed_count",
          "placement.device",
        ])
        .where("photo.source", ">", after)
        .where(isInScope)
        .$if(state !== undefined, (query) => query.where("job.state", "=", state!))
        .orderBy("photo.source")
        .limit(limit)
        .execute(),
    );
    const counts = await this.#counts(rows.flatMap(({ id }) => id ?? []));
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
              bedCount: row.bed_count ?? undefined,
              device: row.device!,
              counts: counts.get(row.id) ?? [],
            },
    }));
  }

  async #counts(resultIds: readonly number[]): Promise<Map<number, ObjectCount[]>> {
    const rows = await this.#access.read((db) =>
      db
        .selectFrom("result_count")
        .selectAll()
        .where("result_id", "in", resultIds)
        .orderBy("bed")
        .orderBy("name")
        .execute(),
    );
    const counts = new Map<number, ObjectCount[]>();
    for (const { result_id, ...count } of rows) {
      const list = counts.get(result_id) ?? [];
      counts.set(result_id, list);
      list.push(count);
    }
    return counts;
  }
}
