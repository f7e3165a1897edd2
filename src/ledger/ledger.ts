import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { Kysely } from "kysely";
import { isOrangeryError } from "../errors.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { LeaseOwner, type LedgerAccess } from "./lease-owner.ts";
import { openDatabase, whileBusy } from "./open-database.ts";
import type { Recipe } from "./recipe.ts";
import { toLedgerError } from "./sqlite-error.ts";
import type { LedgerTables } from "./tables.ts";
import { Worklist } from "./worklist.ts";

export interface LedgerOptions {
  /** How long to wait for another process that holds the write lock. At least 0, default 30,000. */
  readonly busyTimeoutMs?: number;
  /**
   * After how long without a sign of life another process may take over this one's photos. Renewed
   * three times within. Default 60,000; shorter than the longest pause of the event loop, photos may
   * be inferred twice (and still be recorded once).
   */
  readonly leaseMs?: number;
  readonly logger?: Logger;
}

/**
 * A results file: which photos are to be done, which are, and what was found on them.
 *
 * Any number of processes of one machine may have the same file open. It has to lie on a local disk.
 * `docs/ledger.md` describes the tables.
 */
export class Ledger implements AsyncDisposable {
  /** Absolute path, links resolved. */
  readonly file: string;
  readonly #db: Kysely<LedgerTables>;
  readonly #owner: LeaseOwner;
  readonly #access: LedgerAccess;
  #closing: Promise<void> | undefined;

  private constructor(file: string, db: Kysely<LedgerTables>, options: Required<LedgerOptions>) {
    this.file = file;
    this.#db = db;
    const access: LedgerAccess = {
      read: (work) => this.#guard(options, () => work(db)),
      write: (work) => this.#guard(options, () => db.transaction().execute(work)),
    };
    this.#access = access;
    this.#owner = new LeaseOwner(access, { file, ...options });
  }

  /**
   * Opens a results file or creates it.
   *
   * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
   */
  static async open(
    file: string,
    { busyTimeoutMs = 30_000, leaseMs = 60_000, logger = silentLogger }: LedgerOptions = {},
  ): Promise<Ledger> {
    const db = await openDatabase(resolve(file), { busyTimeoutMs });
    // Whatever links lead to the file, all its users look for each other's marks in one place.
    const ledger = new Ledger(await realpath(file), db, { busyTimeoutMs, leaseMs, logger });
    try {
      await ledger.#owner.start();
    } catch (error) {
      await db.destroy();
      throw error;
    }
    return ledger;
  }

  /**
   * The jobs of one recipe; empty until photos are added. One at a time: a second call forgets which
   * photos the first one was asked for.
   */
  async worklist(recipe: Recipe): Promise<Worklist> {
    await this.#owner.recover();
    return await Worklist.create(this.#access, this.#owner, recipe);
  }

  /** Gives all leases back and closes the file. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#owner.stop();
    } catch (error) {
      // The jobs then go back when the next run sees that this process is gone.
      if (!isOrangeryError(error, "NO_SPACE")) throw error;
    } finally {
      await this.#db.destroy();
    }
  }

  async #guard<T>(
    { busyTimeoutMs }: { busyTimeoutMs: number },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await whileBusy(busyTimeoutMs, work);
    } catch (error) {
      throw toLedgerError(error, this.file);
    }
  }
}
