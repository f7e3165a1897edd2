import { isOrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { SqliteLedger } from "../databases/sqlite-ledger.ts";
import type { Recipe } from "../recipe.ts";
import { LeaseOwner } from "./lease-owner.ts";
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
 * A results file to work with: which photos are to be done, which are, and what was found on them.
 *
 * Any number of processes of one machine may have the same file open. It has to lie on a local disk.
 * `docs/ledger.md` describes the tables.
 */
export class WorklistFile implements AsyncDisposable {
  readonly #database: SqliteLedger;
  readonly #owner: LeaseOwner;
  #closing: Promise<void> | undefined;

  private constructor(
    database: SqliteLedger,
    { leaseMs = 60_000, logger = silentLogger }: LedgerOptions,
  ) {
    this.#database = database;
    this.#owner = new LeaseOwner(database, { file: database.location, leaseMs, logger });
  }

  /**
   * Opens a results file or creates it.
   *
   * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
   */
  static async open(file: string, options: LedgerOptions = {}): Promise<WorklistFile> {
    const database = await SqliteLedger.open(file, options);
    const ledger = new WorklistFile(database, options);
    try {
      await ledger.#owner.start();
    } catch (error) {
      await database[Symbol.asyncDispose]();
      throw error;
    }
    return ledger;
  }

  /** Absolute path, links resolved. */
  get file(): string {
    return this.#database.location;
  }

  /**
   * The jobs of one recipe; empty until photos are added. One at a time: a second call forgets which
   * photos the first one was asked for.
   */
  async worklist(recipe: Recipe): Promise<Worklist> {
    await this.#owner.recover();
    return await Worklist.create(this.#database, this.#owner, recipe);
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
      await this.#database[Symbol.asyncDispose]();
    }
  }
}
