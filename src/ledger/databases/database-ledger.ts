import type { Kysely, Transaction } from "kysely";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { schemaVersion } from "../schema/migrations.ts";
import type { LedgerTables } from "../schema/tables.ts";

/** What both databases have in common. Each guards its accesses in its own way. */
export abstract class DatabaseLedger implements Ledger {
  readonly location: string;
  abstract readonly isInProcess: boolean;
  readonly #db: Kysely<LedgerTables>;
  #closing: Promise<void> | undefined;

  protected constructor(location: string, db: Kysely<LedgerTables>) {
    this.location = location;
    this.#db = db;
  }

  async read<T>(
    work: (db: Kysely<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    return await this.guard(() => {
      this.#requireOpen();
      return work(this.#db);
    }, signal);
  }

  async write<T>(
    work: (transaction: Transaction<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    const access = async (transaction: Transaction<LedgerTables>) => {
      // A newer program may have changed the tables since they were opened.
      refuseNewer(await this.versionOf(transaction), this.location);
      return await work(transaction);
    };
    return await this.guard(() => {
      this.#requireOpen();
      return this.#db.transaction().execute(access);
    }, signal);
  }

  async identity(options: AccessOptions = {}): Promise<string> {
    const { id } = await this.read(
      (db) => db.selectFrom("identity").select("id").executeTakeFirstOrThrow(),
      options,
    );
    return id;
  }

  /** Closes the database. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#db.destroy();
    return this.#closing;
  }

  #requireOpen(): void {
    if (this.#closing === undefined) return;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected an open results database, but ${this.location} was closed. ` +
        "Close it, or the job that has it, when all reading and writing has ended.",
      { details: { location: this.location } },
    );
  }

  /** Returns the version of the tables, which stays as it is until the transaction ends. */
  protected abstract versionOf(transaction: Transaction<LedgerTables>): Promise<number>;

  /** Repeats an access while the database cannot be used, and explains its failure. */
  protected abstract guard<T>(
    access: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T>;
}

/** @throws `LEDGER_NEWER` for a version that this program does not know. */
export function refuseNewer(found: number, location: string): void {
  if (found <= schemaVersion) return;
  throw new OrangeryError(
    "LEDGER_NEWER",
    `Expected results of version ${schemaVersion} or older, but ${location} is of version ` +
      `${found}, written by a newer Orangery. Update Orangery here, or name other results.`,
    { details: { location, expected: schemaVersion, came: found } },
  );
}
