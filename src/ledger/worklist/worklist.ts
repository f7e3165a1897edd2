import { sql, type Transaction, type Updateable } from "kysely";
import { type Logger, silentLogger } from "../../logger.ts";
import type { Capture } from "../../vision/photo/capture/capture.ts";
import { type Pause, readPause } from "../actions/pause-recipe.ts";
import { SqliteLedger } from "../databases/sqlite-ledger.ts";
import type { Ledger } from "../ledger.ts";
import { captureColumns } from "../photos/capture-columns.ts";
import { doneWith, failedFor, type Reason, unleased } from "../photos/entry-rows.ts";
import { mergeMoved, otherSources } from "../photos/moved-photos.ts";
import type { Recipe } from "../recipe.ts";
import { saveRecipe } from "../recipe-rows.ts";
import { insertResults, type PhotoResult } from "../results/result-rows.ts";
import { SharedRows } from "../results/shared-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { RecordedScores } from "../scores/count-question.ts";
import { addPhotos, createScope, isInScope, type PhotoFile } from "./add-photos.ts";
import { deathsAllowed, LeaseOwner } from "./lease-owner.ts";
import { type Compared, compareWithList, withdrawPhoto, withdrawWaiting } from "./watched-list.ts";
import { WorklistView } from "./worklist-view.ts";

export interface WorklistOptions {
  /** How long to wait for another process that holds the write lock. At least 0, default 30,000. */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * After how long without a renewal another process may take over this one's photos. Renewed three
   * times within that time. Default 60,000. If it is shorter than the longest pause of the event
   * loop, photos may be inferred twice (but are recorded once).
   */
  readonly leaseMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** What was read of a photo. */
export interface PhotoContent {
  /** Lower-case hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly mtimeUs: number;
  /** When and where it was taken; undefined where that was not looked for. */
  readonly capture?: Capture | undefined;
}

/** A photo that this owner, and nobody else, may work on. */
export interface LeasedPhoto {
  readonly entryId: number;
  readonly photoId: number;
  readonly source: string;
  /** Failed attempts. From 1 on the photo is a suspect and is worked on alone. */
  readonly attempts: number;
}

/**
 * The answer to a claim: `infer` the photo; its content is `known` and the entry is done; its
 * content is being inferred `elsewhere` now, so claim it again later; the lease was `lost` to
 * another owner.
 */
export type Claim = "infer" | "known" | "elsewhere" | "lost";

export interface FinishedPhoto {
  readonly contentSha256: string;
  readonly result: PhotoResult;
  /** Absolute path of the annotated picture that shows it. */
  readonly pictureFile?: string | undefined;
}

/**
 * The photos that one run was asked for, under one recipe, in a results file.
 *
 * Any number of worklists may have the same file open, in any number of processes of one machine.
 * The file has to lie on a local disk. `docs/ledger.md` describes the tables.
 *
 * An *entry* is one photo under one recipe. Its states:
 * - `waiting`: to be done; `lease` makes it `leased`.
 * - `leased`: held by one owner. `begin` marks it before its photo is read; `claim` reserves its
 *   content. `finish`, or a claim of known content, makes it `done`; `fail` and the third failed
 *   attempt `failed`; `release` and the death of the owner `waiting` again, a death with one
 *   attempt more if the entry was begun.
 * - `done`: has a result, the one of its photo's content. A changed file makes it `waiting`.
 * - `failed`: has a reason instead. A changed file makes it `waiting`, and so does adding the photo
 *   again with `retry`, or without where the reason may have gone while the file stayed.
 * - `excluded`: a person does not want it. It stays so, whatever becomes of its file, until a
 *   person includes it again.
 *
 * Every transition out of `leased` checks the owner in the same transaction, so that a result is
 * recorded once even if an owner was wrongly taken for dead.
 */
export class Worklist implements AsyncDisposable {
  /** Absolute path of the results file, links resolved. */
  readonly file: string;
  readonly view: WorklistView;
  readonly #ledger: Ledger;
  readonly #owner: LeaseOwner;
  readonly #recipeId: number;
  readonly #recorded: RecordedScores;
  readonly #shared = new SharedRows();
  #closing: Promise<void> | undefined;

  private constructor(ledger: Ledger, owner: LeaseOwner, recipe: Recipe & { readonly id: number }) {
    const { id: recipeId, json } = recipe;
    this.file = ledger.location;
    this.view = new WorklistView(ledger, recipeId);
    this.#ledger = ledger;
    this.#owner = owner;
    this.#recipeId = recipeId;
    this.#recorded = new RecordedScores(JSON.parse(json));
  }

  /**
   * Opens a results file or creates it, and takes over what dead owners left behind. The list is
   * empty until photos are added.
   *
   * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
   */
  static async open(
    file: string,
    recipe: Recipe,
    { busyTimeoutMs, leaseMs = 60_000, logger = silentLogger }: WorklistOptions = {},
  ): Promise<Worklist> {
    await using stack = new AsyncDisposableStack();
    const ledger = stack.use(await SqliteLedger.open(file, { busyTimeoutMs }));
    const owner = stack.use(await LeaseOwner.start(ledger, { leaseMs, logger }));
    await owner.recover();
    const id = await ledger.write(async (transaction) => {
      await createScope(transaction);
      return await saveRecipe(transaction, recipe);
    });
    stack.move();
    return new Worklist(ledger, owner, { ...recipe, id });
  }

  /** Ends all leases and closes the file. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Asks for photos: new ones and those whose size or time changed will wait, the others keep their
   * state. At most 10,000 at a time, and a transaction each time.
   */
  async add(photos: readonly PhotoFile[], { retry = false } = {}): Promise<void> {
    if (photos.length === 0) return;
    await this.#ledger.write((transaction) =>
      addPhotos(transaction, photos, { recipeId: this.#recipeId, retry }),
    );
  }

  /** Compares photos with the list, without changing it. At most 10,000 at a time. */
  async compare<Photo extends PhotoFile>(photos: readonly Photo[]): Promise<Compared<Photo>> {
    return await this.#ledger.read((db) => compareWithList(db, photos, this.#recipeId));
  }

  /**
   * Removes a leased photo from the list, as if it had not been asked for, together with all
   * waiting photos below a place.
   */
  async withdraw(photo: LeasedPhoto, { under }: { under?: string | undefined } = {}) {
    await this.#ledger.write(async (transaction) => {
      if (!(await this.#update(transaction, photo, { state: "waiting", ...unleased }))) return;
      await withdrawPhoto(transaction, photo.entryId);
      if (under !== undefined) await withdrawWaiting(transaction, under, this.#recipeId);
    });
  }

  /**
   * Leases up to `limit` waiting photos in the order they were added: either suspects, the least
   * suspect first, or photos without a failed attempt. None while the recipe is paused.
   */
  async lease(limit: number, { suspects = false } = {}): Promise<LeasedPhoto[]> {
    return await this.#ledger.write(async (transaction) => {
      const { paused_at } = await transaction
        .selectFrom("recipe")
        .select("paused_at")
        .where("id", "=", this.#recipeId)
        .executeTakeFirstOrThrow();
      if (paused_at !== null) return [];
      const photos = await transaction
        .selectFrom("entry")
        .innerJoin("photo", "photo.id", "entry.photo_id")
        .select(["entry.id as entryId", "photo.id as photoId", "photo.source", "entry.attempts"])
        .where("entry.recipe_id", "=", this.#recipeId)
        // Written as literals: otherwise SQLite does not see that the partial index covers it.
        .where("entry.state", "=", sql.lit("waiting" as const))
        .where("entry.attempts", suspects ? ">" : "=", 0)
        .where(isInScope)
        .orderBy("entry.attempts")
        .orderBy("entry.id")
        .limit(limit)
        .execute();
      if (photos.length === 0) return [];
      await transaction
        .updateTable("entry")
        .set({ state: "leased", owner: this.#owner.id })
        .where(
          "id",
          "in",
          photos.map(({ entryId }) => entryId),
        )
        .execute();
      return photos;
    });
  }

  /**
   * Marks that work on the photo starts: from now on a death of this process is blamed on it. False
   * if the lease was lost.
   */
  async begin(photo: LeasedPhoto): Promise<boolean> {
    return await this.#ledger.write((transaction) =>
      this.#update(transaction, photo, { begun: 1 }),
    );
  }

  /** Returns the other sources of a content, where it was not known of this photo before. */
  async otherSources({ source }: LeasedPhoto, { sha256 }: PhotoContent): Promise<string[]> {
    return await this.#ledger.read((db) => otherSources(db, { source, contentSha256: sha256 }));
  }

  /**
   * Reserves the content of a photo that was begun, so that identical bytes are inferred once. When
   * they are inferred elsewhere the photo is no longer begun.
   *
   * @param movedFrom Those of {@link otherSources} whose files are gone: they become this photo.
   */
  async claim(
    photo: LeasedPhoto,
    { sha256, sizeBytes, mtimeUs, capture }: PhotoContent,
    movedFrom: readonly string[] = [],
  ): Promise<Claim> {
    return await this.#ledger.write(async (transaction) => {
      if (!(await this.#holds(transaction, photo))) return "lost";
      await transaction
        .updateTable("photo")
        .set({
          content_sha256: sha256,
          size_bytes: sizeBytes,
          mtime_us: mtimeUs,
          ...captureColumns(capture),
        })
        .where("id", "=", photo.photoId)
        .execute();
      const { source } = photo;
      await mergeMoved(transaction, { source, contentSha256: sha256, from: movedFrom });

      const known = await transaction
        .selectFrom("result")
        .select("id")
        .where("content_sha256", "=", sha256)
        .where("recipe_id", "=", this.#recipeId)
        .executeTakeFirst();
      if (known !== undefined) {
        await this.#update(transaction, photo, doneWith(known.id));
        return "known";
      }
      const claimed = await transaction
        .selectFrom("entry")
        .select("id")
        .where("recipe_id", "=", this.#recipeId)
        .where("claimed_sha256", "=", sha256)
        .where("id", "!=", photo.entryId)
        .executeTakeFirst();
      if (claimed !== undefined) {
        await this.#update(transaction, photo, { begun: 0 });
        return "elsewhere";
      }
      await this.#update(transaction, photo, { claimed_sha256: sha256 });
      return "infer";
    });
  }

  /**
   * Records the result of a claimed photo and the photo's completion, in one transaction. False,
   * and nothing recorded, when the lease was lost.
   */
  async finish(
    photo: LeasedPhoto,
    { contentSha256, result, pictureFile }: FinishedPhoto,
  ): Promise<boolean> {
    return await this.#ledger.write(async (transaction) => {
      if (!(await this.#holds(transaction, photo, contentSha256))) return false;
      const entry = { contentSha256, result };
      const recipe = { id: this.#recipeId, recorded: this.#recorded };
      const resultIds = await insertResults(transaction, recipe, [entry], this.#shared);
      const resultId = resultIds.get(contentSha256)!;
      await this.#update(transaction, photo, doneWith(resultId));
      if (pictureFile !== undefined) await upsertPicture(transaction, { pictureFile, resultId });
      return true;
    });
  }

  /** Records that the photo gets no result. False when the lease was lost. */
  async fail(photo: LeasedPhoto, reason: Reason): Promise<boolean> {
    return await this.#ledger.write((transaction) =>
      this.#update(transaction, photo, failedFor(reason)),
    );
  }

  /**
   * Records a failed attempt that may not be the photo's fault: the photo becomes a suspect and
   * waits again. The third time it has failed, and this returns true.
   */
  async failAttempt(photo: LeasedPhoto, reason: Reason): Promise<boolean> {
    const attempts = photo.attempts + 1;
    if (attempts >= deathsAllowed) return await this.fail(photo, reason);
    await this.#ledger.write((transaction) =>
      this.#update(transaction, photo, { state: "waiting", attempts, ...unleased }),
    );
    return false;
  }

  /** Puts photos back as they were, begun or not. */
  async release(photos: readonly LeasedPhoto[]): Promise<void> {
    await this.#ledger.write(async (transaction) => {
      for (const photo of photos) {
        await this.#update(transaction, photo, { state: "waiting", ...unleased });
      }
    });
  }

  /** Takes over what dead or silent owners left behind. */
  async recover(): Promise<void> {
    await this.#owner.recover();
  }

  /** Returns since when the recipe is paused; undefined unless it is. */
  async pause(): Promise<Pause | undefined> {
    return await readPause(this.#ledger, this.#recipeId);
  }

  /** Whether any photo of this list waits or is leased. */
  async isUnfinished(): Promise<boolean> {
    const unfinished = await this.#ledger.read((db) =>
      db
        .selectFrom("entry")
        .select("id")
        .where("recipe_id", "=", this.#recipeId)
        .where("state", "=", sql.lit("waiting" as const))
        .where(isInScope)
        .unionAll(
          db
            .selectFrom("entry")
            .select("id")
            .where("owner", "is not", null)
            .where("recipe_id", "=", this.#recipeId)
            .where(isInScope),
        )
        .limit(1)
        .executeTakeFirst(),
    );
    return unfinished !== undefined;
  }

  /** Whether another process has the file open too. */
  async isShared(): Promise<boolean> {
    return !(await this.#owner.isAlone());
  }

  /** Records which result an annotated picture shows. */
  async recordPicture(pictureFile: string, resultId: number): Promise<void> {
    await this.#ledger.write((transaction) =>
      upsertPicture(transaction, { pictureFile, resultId }),
    );
  }

  async #close(): Promise<void> {
    await using stack = new AsyncDisposableStack();
    stack.use(this.#ledger);
    stack.use(this.#owner);
  }

  async #holds(
    transaction: Transaction<LedgerTables>,
    { entryId }: LeasedPhoto,
    claimedSha256?: string,
  ): Promise<boolean> {
    const held = await transaction
      .selectFrom("entry")
      .select("claimed_sha256")
      .where("id", "=", entryId)
      .where("owner", "=", this.#owner.id)
      .executeTakeFirst();
    if (held === undefined) return false;
    return claimedSha256 === undefined || held.claimed_sha256 === claimedSha256;
  }

  /** Changes an entry that this owner holds; false when it does not. */
  async #update(
    transaction: Transaction<LedgerTables>,
    { entryId }: LeasedPhoto,
    change: Updateable<LedgerTables["entry"]>,
  ): Promise<boolean> {
    const { numUpdatedRows } = await transaction
      .updateTable("entry")
      .set(change)
      .where("id", "=", entryId)
      .where("owner", "=", this.#owner.id)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  }
}

async function upsertPicture(
  transaction: Transaction<LedgerTables>,
  { pictureFile, resultId }: { pictureFile: string; resultId: number },
): Promise<void> {
  await transaction
    .insertInto("picture")
    .values({ file: pictureFile, result_id: resultId })
    .onConflict((conflict) => conflict.column("file").doUpdateSet({ result_id: resultId }))
    .execute();
}
