import { access, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { Kysely, type Transaction } from "kysely";
import { tryAgain } from "../../base/try-again.ts";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { migrations } from "../schema/migrations.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { isCertainlyGone } from "../worklist/process-identity.ts";
import { NodeSqliteDialect, sqliteMigrationDialect } from "./sqlite-dialect.ts";
import { isBusy, isReadOnly, toLedgerError, toSpaceError } from "./sqlite-error.ts";

export interface SqliteDatabaseOptions {
  /** How long to wait for other processes that hold the write lock. At least 0, default 30,000. */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Opens what is there and records nothing. An older file is brought up to date all the same, which
   * needs the right to write it. Default false.
   */
  readonly readOnly?: boolean | undefined;
}

const version = migrations.length;

/** "ORNG" in the header's application id: a SQLite file with another one is not ours to touch. */
const applicationId = 0x4f524e47;

/** A results file. */
export class SqliteLedger implements Ledger {
  /** Absolute path, links resolved. */
  readonly location: string;
  readonly #db: Kysely<LedgerTables>;
  readonly #busyTimeoutMs: number;
  #closing: Promise<void> | undefined;

  private constructor(file: string, db: Kysely<LedgerTables>, busyTimeoutMs: number) {
    this.location = file;
    this.#db = db;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  /**
   * Opens a results file, creates it and the folders above it where they are missing, and brings an
   * older schema up to date. A file that is not a ledger is left as it was, byte for byte.
   *
   * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
   */
  static async open(
    path: string,
    { busyTimeoutMs = 30_000, readOnly = false }: SqliteDatabaseOptions = {},
  ): Promise<SqliteLedger> {
    const file = resolve(path);
    await (readOnly ? checkExists(file) : prepareFolder(file));
    let sqlite: DatabaseSync | undefined;
    try {
      sqlite = await connect(file, { busyTimeoutMs, readOnly });
      const database = sqlite;
      if (!readOnly) await whileBusy(busyTimeoutMs, () => configure(database));
      const db = new Kysely<LedgerTables>({ dialect: new NodeSqliteDialect(database) });
      // Kysely closes only what it has used.
      await db.connection().execute(async () => {});
      await whileBusy(busyTimeoutMs, () => migrate(db, database, { file, readOnly }));
      if (readOnly) database.exec("pragma query_only = 1");
      // All users of a file know it by one name, whatever links lead to it.
      return new SqliteLedger(await realpath(file), db, busyTimeoutMs);
    } catch (error) {
      if (sqlite?.isOpen) sqlite.close();
      throw toLedgerError(error, file);
    }
  }

  async read<T>(
    work: (db: Kysely<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    return await this.#guard(() => work(this.#db), signal);
  }

  async write<T>(
    work: (transaction: Transaction<LedgerTables>) => Promise<T>,
    { signal }: AccessOptions = {},
  ): Promise<T> {
    return await this.#guard(() => this.#db.transaction().execute(work), signal);
  }

  /** Closes the file. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#db.destroy();
    return this.#closing;
  }

  async #guard<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    try {
      return await whileBusy(this.#busyTimeoutMs, work, signal);
    } catch (error) {
      throw toLedgerError(error, this.location);
    }
  }
}

async function whileBusy<T>(
  timeoutMs: number,
  attempt: () => T | Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  return await tryAgain({ isPassing: isBusy, timeoutMs, pauseMs: [2, 50], signal }, attempt);
}

interface ConnectOptions {
  readonly busyTimeoutMs: number;
  readonly readOnly: boolean;
}

async function connect(
  file: string,
  { busyTimeoutMs, readOnly }: ConnectOptions,
): Promise<DatabaseSync> {
  const open = async (name: string | URL) => {
    // SQLite's own waiting would hold up the event loop, so it is short and `whileBusy` goes on.
    const sqlite = new DatabaseSync(name, { timeout: 10 });
    try {
      await whileBusy(busyTimeoutMs, () => assertOurs(sqlite, file));
      return sqlite;
    } catch (error) {
      sqlite.close();
      throw error;
    }
  };
  try {
    return await open(file);
  } catch (error) {
    const mayBeImmutable = readOnly && isReadOnly(error) && !(await exists(`${file}-wal`));
    if (!mayBeImmutable) throw error;
    // A folder that may not be written, where the files beside it cannot be made. Nobody is at work,
    // since they are not there.
    return await open(new URL(`${pathToFileURL(file)}?immutable=1`));
  }
}

async function checkExists(file: string): Promise<void> {
  if (!(await exists(file))) throw noResults(file, "nothing");
}

function noResults(file: string, found: string): OrangeryError {
  return new OrangeryError(
    "LEDGER_UNREADABLE",
    `Expected a results file, but there is ${found} at ${file}. Check the path.`,
    { details: { file } },
  );
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

async function prepareFolder(file: string): Promise<void> {
  const existing = await stat(file).catch(() => undefined);
  if (existing?.isDirectory()) {
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected a results file, but ${file} is a folder. Name a file in it, as in ${file}/results.db.`,
      { details: { file } },
    );
  }
  try {
    await mkdir(dirname(file), { recursive: true });
  } catch (cause) {
    const error = toSpaceError(cause, file);
    if (error instanceof OrangeryError) throw error;
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected a folder that can hold ${file}, got ${(cause as Error).message}. ` +
        "Check the path and the rights.",
      { cause, details: { file } },
    );
  }
}

function pragma(sqlite: DatabaseSync, name: string): unknown {
  return Object.values(sqlite.prepare(`pragma ${name}`).get() ?? {})[0];
}

/** The version found; 0 is an empty database. Reads only. */
function assertOurs(sqlite: DatabaseSync, file: string): number {
  const found = Number(pragma(sqlite, "user_version"));
  if (pragma(sqlite, "application_id") === applicationId) {
    if (found <= version) return found;
    throw new OrangeryError(
      "LEDGER_NEWER",
      `Expected a results file of version ${version} or older, but ${file} is of version ${found}, ` +
        "written by a newer Orangery. Update Orangery or name another file.",
      { details: { file, expected: version, came: found } },
    );
  }
  const empty = sqlite.prepare("select 1 from sqlite_schema limit 1").get() === undefined;
  if (empty && found === 0) return 0;
  throw new OrangeryError(
    "LEDGER_UNREADABLE",
    `Expected an Orangery results file, but ${file} is a SQLite database of another program. ` +
      "It was not touched; name another file.",
    { details: { file } },
  );
}

function configure(sqlite: DatabaseSync): void {
  // Readers and one writer at a time do not wait for each other, and a commit is one append.
  const wal = pragma(sqlite, "journal_mode = wal") === "wal";
  // NORMAL survives every death of the process, so also kill -9. After a power cut the last commits
  // may be missing, the file stays whole and those photos are done again: a fifth of the cost of
  // FULL. Without a WAL (some network disks refuse it) NORMAL could damage the file.
  sqlite.exec(`pragma synchronous = ${wal ? "normal" : "full"}`);
  // Paths of a photo archive are looked up all over an index that outgrows the default of 2 MiB.
  sqlite.exec("pragma cache_size = -65536");
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
  const before = assertOurs(sqlite, file);
  if (before === version) return;
  if (before === 0 && readOnly) throw noResults(file, "an empty file");
  await db.transaction().execute(async (transaction) => {
    // Under the write lock: another process may have been faster.
    const found = assertOurs(sqlite, file);
    if (found === version) return;
    if (found > 0) await assertUnused(transaction, file);
    for (const migration of migrations.slice(found)) {
      await migration(transaction as unknown as Kysely<unknown>, sqliteMigrationDialect);
    }
    // Both are part of the transaction: a file is a whole ledger or still empty.
    sqlite.exec(`pragma application_id = ${applicationId}; pragma user_version = ${version}`);
  });
}

/** A run of an older Orangery would find its tables changed below its feet. */
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
