import type { Transaction } from "kysely";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { failedFor, type Reason, unleased } from "../photos/entry-rows.ts";
import { otherSources, type TurnedUp } from "../photos/moved-photos.ts";
import {
  isOtherFile,
  type PhotoIdentity,
  type PhotoState,
  savePhotos,
} from "../photos/photo-rows.ts";
import type { Recipe } from "../recipe.ts";
import { saveRecipe } from "../recipe-rows.ts";
import { inStatements } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { RecordedScores } from "../scores/count-question.ts";
import { readDrawnNames, readManyCounts } from "./read-findings.ts";
import {
  findResults,
  insertResults,
  type ObjectCount,
  type PhotoResult,
  type PhotoWarning,
} from "./result-rows.ts";
import { SharedRows } from "./shared-rows.ts";

/** A photo that was read. */
export interface ReadPhotoState extends PhotoState {
  /** Of its bytes, lower-case hex. */
  readonly contentSha256: string;
}

/** A photo that was read, and its result. */
export interface FoundPhoto extends ReadPhotoState {
  readonly result: PhotoResult;
}

/** A photo that gets no result, and why. */
export interface NewFailure extends PhotoState {
  readonly reason: Reason;
}

/** What was counted on a photo. */
export interface CountedResult {
  readonly contentSha256: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly device: string;
  readonly objectCount: number;
  /** Undefined without regions. */
  readonly regionCount: number | undefined;
  /** The names of regions that people drew; undefined where a model found them. */
  readonly regionNames: readonly string[] | undefined;
  readonly counts: readonly ObjectCount[];
  readonly warnings: readonly PhotoWarning[];
}

/** What became of a photo under a recipe. */
export type PhotoOutcome = "done" | "failed" | "excluded";

/**
 * Records the results of one recipe, for workers that take photos from a queue. A queue may deliver
 * a photo twice, even to two workers at once: each content has one result, and recording it again
 * changes nothing. Works the same on both databases; every method is one transaction.
 */
export class ResultStore {
  readonly ledger: Ledger;
  readonly recipe: Recipe;
  readonly #recipeId: number;
  readonly #recorded: RecordedScores;
  readonly #shared = new SharedRows();

  private constructor(ledger: Ledger, recipe: Recipe, recipeId: number) {
    this.ledger = ledger;
    this.recipe = recipe;
    this.#recipeId = recipeId;
    this.#recorded = new RecordedScores(JSON.parse(recipe.json));
  }

  /** Opens the results of `recipe` in `ledger`, which the caller closes. */
  static async open(
    ledger: Ledger,
    recipe: Recipe,
    options: AccessOptions = {},
  ): Promise<ResultStore> {
    const recipeId = await ledger.write((transaction) => saveRecipe(transaction, recipe), options);
    return new ResultStore(ledger, recipe, recipeId);
  }

  /**
   * Returns the outcome of photos that are done or have failed and have not changed since, and of
   * those that people excluded, so that they need not be enqueued. At most 10,000 at a time.
   */
  async knownSources(
    photos: readonly PhotoIdentity[],
    options: AccessOptions = {},
  ): Promise<ReadonlyMap<string, PhotoOutcome>> {
    const asked = new Map(photos.map((photo) => [photo.source, photo]));
    const outcomes = new Map<string, PhotoOutcome>();
    for (const part of inStatements([...asked.keys()], 1)) {
      const rows = await this.ledger.read(
        (db) =>
          db
            .selectFrom("photo")
            .innerJoin("entry", "entry.photo_id", "photo.id")
            .select(["photo.source", "photo.size_bytes", "photo.mtime_us", "entry.state"])
            .where("photo.source", "in", part)
            .where("entry.recipe_id", "=", this.#recipeId)
            .execute(),
        options,
      );
      for (const { source, state, ...row } of rows) {
        if (state === "excluded") outcomes.set(source, state);
        if (state !== "done" && state !== "failed") continue;
        if (!isOtherFile(asked.get(source)!, row)) outcomes.set(source, state);
      }
    }
    return outcomes;
  }

  /** Returns those of the contents that have a result. */
  async knownResults(
    contentSha256s: readonly string[],
    options: AccessOptions = {},
  ): Promise<ReadonlySet<string>> {
    const ids = await this.ledger.read(
      (db) => findResults(db, this.#recipeId, contentSha256s),
      options,
    );
    return new Set(ids.keys());
  }

  /** Returns what was counted on a photo; undefined where it has no result. */
  async readCounts(
    source: string,
    options: AccessOptions = {},
  ): Promise<CountedResult | undefined> {
    return await this.ledger.read(async (db) => {
      const row = await db
        .selectFrom("photo")
        .innerJoin("entry", "entry.photo_id", "photo.id")
        .innerJoin("result", "result.id", "entry.result_id")
        .innerJoin("placement", "placement.id", "result.placement_id")
        .selectAll("result")
        .select("placement.device")
        .where("photo.source", "=", source)
        .where("entry.recipe_id", "=", this.#recipeId)
        .executeTakeFirst();
      if (row === undefined) return undefined;
      const { id, region_count } = row;
      return {
        contentSha256: row.content_sha256,
        widthPx: row.width_px,
        heightPx: row.height_px,
        device: row.device,
        objectCount: row.object_count,
        regionCount: region_count ?? undefined,
        regionNames: region_count ? (await readDrawnNames(db, [id])).get(id) : undefined,
        counts: (await readManyCounts(db, [id])).get(id) ?? [],
        warnings: JSON.parse(row.warnings),
      };
    }, options);
  }

  /** Returns the other sources of a content, where it was not known under this source before. */
  async otherSources(photo: TurnedUp, options: AccessOptions = {}): Promise<string[]> {
    return await this.ledger.read((db) => otherSources(db, photo), options);
  }

  /**
   * Records a photo as done if its content has a result. Otherwise returns false and records
   * nothing: it has to be inferred.
   */
  async recordKnown(photo: ReadPhotoState, options: AccessOptions = {}): Promise<boolean> {
    return await this.ledger.write(async (transaction) => {
      const ids = await findResults(transaction, this.#recipeId, [photo.contentSha256]);
      if (ids.size === 0) return false;
      await this.#complete(transaction, [photo], ids);
      return true;
    }, options);
  }

  /**
   * Records results, all or none. Where a content has a result already, that one stays. A failure
   * that was recorded before is removed.
   *
   * @throws `INVALID_ARGUMENT` before anything is written, and what {@link Ledger.write} throws
   */
  async record(photos: readonly FoundPhoto[], options: AccessOptions = {}): Promise<void> {
    for (const photo of photos) checkPhoto(photo);
    if (photos.length === 0) return;
    await this.ledger.write(async (transaction) => {
      const recipe = { id: this.#recipeId, recorded: this.#recorded };
      const ids = await insertResults(transaction, recipe, photos, this.#shared);
      await this.#complete(transaction, photos, ids);
    }, options);
  }

  /**
   * Records that a photo gets no result. An earlier result stays, unless the photo has changed
   * since.
   */
  async recordFailure(
    { reason, ...photo }: NewFailure,
    options: AccessOptions = {},
  ): Promise<void> {
    checkPhoto(photo);
    await this.ledger.write(async (transaction) => {
      const ids = await savePhotos(transaction, [photo]);
      const failed = failedFor(reason);
      await transaction
        .insertInto("entry")
        .values({ photo_id: ids.get(photo.source)!, recipe_id: this.#recipeId, ...failed })
        .onConflict((conflict) =>
          conflict
            .columns(["photo_id", "recipe_id"])
            .doUpdateSet(failed)
            .where("entry.state", "not in", ["done", "excluded"]),
        )
        .execute();
    }, options);
  }

  /** Records that photos are done with the results of their contents. */
  async #complete(
    transaction: Transaction<LedgerTables>,
    photos: readonly ReadPhotoState[],
    resultIds: ReadonlyMap<string, number>,
  ): Promise<void> {
    const photoIds = await savePhotos(transaction, photos);
    const contents = new Map(photos.map(({ source, contentSha256 }) => [source, contentSha256]));
    const entries = Array.from(photoIds, ([source, photo_id]) => ({
      photo_id,
      recipe_id: this.#recipeId,
      state: "done" as const,
      result_id: resultIds.get(contents.get(source)!)!,
    })).sort((a, b) => a.photo_id - b.photo_id);
    for (const part of inStatements(entries, 4)) {
      await transaction
        .insertInto("entry")
        .values(part)
        .onConflict((conflict) =>
          conflict
            .columns(["photo_id", "recipe_id"])
            .doUpdateSet((eb) => ({
              state: "done",
              result_id: eb.ref("excluded.result_id"),
              reason_code: null,
              reason_message: null,
              ...unleased,
            }))
            .where("entry.state", "!=", "excluded")
            .where((eb) =>
              eb.or([
                eb("entry.state", "!=", "done"),
                eb("entry.result_id", "is distinct from", eb.ref("excluded.result_id")),
              ]),
            ),
        )
        .execute();
    }
  }
}

function checkPhoto({ source, contentSha256 }: PhotoState): void {
  if (source === "" || source.includes("\0")) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a photo's source to be a text without NUL, got ${JSON.stringify(source)}.`,
    );
  }
  if (contentSha256 !== undefined && !/^[0-9a-f]{64}$/.test(contentSha256)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the content of ${source} as a SHA-256 in lower-case hex, got "${contentSha256}".`,
    );
  }
}
