import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Kysely, sql, type Transaction } from "kysely";
import type { Defined } from "../../base/check-options.ts";
import { tryAgain } from "../../base/try-again.ts";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions } from "../ledger.ts";
import { isCertainlyGone } from "../process-identity.ts";
import { bringUpToDate, schemaVersion } from "../schema/migrations.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { DatabaseLedger } from "./database-ledger.ts";
import { NodeSqliteDialect, sqliteMigrationDialect } from "./sqlite-dialect.ts";
import { isBusy, toLedgerError } from "./sqlite-error.ts";
import {
  checkExists,
  configure,
  connect,
  FilePlace,
  markVersion,
  noResults,
  prepareFolder,
  versionOf,
} from "./sqlite-file.ts";
import { reportOtherUpdate, UpdateNote } from "./update-note.ts";

export interface SqliteDatabaseOptions {
  /**
   * How long to wait for other processes that hold the write lock, unless one of them updates the
   * file, which is waited for. At least 0, default 30,000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Opens an existing file and records nothing. An older file is updated all the same, which needs
   * the right to write it. Default false.
   */
  readonly readOnly?: boolean | undefined;
}

/** A results file. Its location is its absolute path, links resolved. */
export class SqliteLedger extends DatabaseLedger {
  override readonly isInProcess = true;
  readonly #place: FilePlace;
  readonly #options: Defined<SqliteDatabaseOptions>;

  private constructor(
    place: FilePlace,
    db: Kysely<LedgerTables>,
    options: Defined<SqliteDatabaseOptions>,
  ) {
    super(place.file, db);
    this.#place = place;
    this.#options = options;
  }

  /**
   * Opens a results file, creates it and the folders above it where they are missing, and brings an
   * older schema up to date. A file that is not a ledger is left as it was, byte for byte.
   *
   * @throws `LEDGER_NOT_FOUND`, `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
   */
  static async open(
    path: string,
    { busyTimeoutMs = 30_000, readOnly = false }: SqliteDatabaseOptions = {},
  ): Promise<SqliteLedger> {
    const file = resolve(path);
    await (readOnly ? checkExists(file) : prepareFolder(file));
    let sqlite: DatabaseSync | undefined;
    try {
      const patience = { file, timeoutMs: busyTimeoutMs };
      sqlite = await whileBusy(patience, () => connect(file, readOnly));
      const database = sqlite;
      if (!readOnly) await whileBusy(patience, () => configure(database));
      const db = new Kysely<LedgerTables>({ dialect: new NodeSqliteDialect(database) });
      // Kysely closes only what it has used.
      await db.connection().execute(async () => {});
      await whileBusy(patience, () => migrate(db, database, { file, readOnly }));
      if (readOnly) database.exec("pragma query_only = 1");
      // All users of a file know it by the same name, whatever links lead to it.
      const place = await FilePlace.of(await realpath(file));
      return new SqliteLedger(place, db, { busyTimeoutMs, readOnly });
    } catch (error) {
      if (sqlite?.isOpen) sqlite.close();
      throw toLedgerError(error, file);
    }
  }

  override async read<T>(
    work: (db: Kysely<LedgerTables>) => Promise<T>,
    access: AccessOptions = {},
  ): Promise<T> {
    // A file that was removed or replaced could still be read as it was. Writing checks it anyway.
    if (this.#options.readOnly) await this.#place.requireUnchanged();
    return await super.read(work, access);
  }

  protected override async versionOf(transaction: Transaction<LedgerTables>): Promise<number> {
    // SQLite goes on writing a file that was removed, and all of it is lost in the end.
    await this.#place.requireUnchanged();
    const { rows } = await sql<{ user_version: number }>`pragma user_version`.execute(transaction);
    return rows[0]!.user_version;
  }

  protected override async guard<T>(
    access: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    try {
      const patience = { file: this.location, timeoutMs: this.#options.busyTimeoutMs, signal };
      return await whileBusy(patience, access);
    } catch (error) {
      throw toLedgerError(error, this.location);
    }
  }
}

interface Patience {
  readonly file: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Repeats an access while others hold the lock: for the allowed time, and for as long as an update
 * of the file takes, which would start over if interrupted.
 */
async function whileBusy<T>(
  { file, timeoutMs, signal }: Patience,
  attempt: () => T | Promise<T>,
): Promise<T> {
  let giveUpAt = performance.now() + timeoutMs;
  let isUpdated = false;
  const isPassing = (error: unknown) => {
    if (!isBusy(error)) return false;
    const nowMs = performance.now();
    const wasUpdated = isUpdated;
    isUpdated = reportOtherUpdate(file);
    // The allowed time restarts when an update has ended.
    if (isUpdated || wasUpdated) giveUpAt = nowMs + timeoutMs;
    return isUpdated || nowMs <= giveUpAt;
  };
  return await tryAgain({ isPassing, pauseMs: [2, 50], signal }, attempt);
}

interface MigrateOptions {
  readonly file: string;
  readonly readOnly: boolean;
}

async function migrate(
  db: Kysely<LedgerTables>,
  sqlite: DatabaseSync,
  { file, readOnly }: MigrateOptions,
): Promise<void> {
  const before = versionOf(sqlite, file);
  if (before === schemaVersion) return;
  if (before === 0 && readOnly) throw noResults(file, "an empty file");
  // The note stays until the transaction has ended: a long update also takes long to commit.
  using note = new DisposableStack();
  await db.transaction().execute(async (transaction) => {
    // Under the write lock: another process may have been faster.
    const found = versionOf(sqlite, file);
    if (found === schemaVersion) return;
    if (found > 0) await assertUnused(transaction, file);
    if (found > 0) note.use(new UpdateNote(file));
    const schema = transaction as unknown as Kysely<unknown>;
    await bringUpToDate(schema, sqliteMigrationDialect, { location: file, from: found });
    markVersion(sqlite);
  });
}

/** A running older Orangery would lose its tables. */
async function assertUnused(transaction: Transaction<LedgerTables>, file: string): Promise<void> {
  const owners = await transaction.selectFrom("owner").selectAll().execute();
  const atWork = owners.find(
    ({ expires_at_ms, process_start: processStart, ...owner }) =>
      expires_at_ms >= Date.now() && !isCertainlyGone({ ...owner, processStart }),
  );
  if (atWork === undefined) return;
  throw new OrangeryError(
    "LEDGER_BUSY",
    `Expected to bring ${file} up to date, but a run of an older Orangery (process ${atWork.pid} ` +
      `on ${atWork.host}) is at work with it. Try again when it has ended.`,
    { details: { file, pid: atWork.pid, host: atWork.host } },
  );
}
