import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
import { Kysely } from "kysely";
import { OrangeryError } from "../errors.ts";
import { migrations } from "./migrations.ts";
import { NodeSqliteDialect } from "./sqlite-dialect.ts";
import { isBusy, toLedgerError, toSpaceError } from "./sqlite-error.ts";
import type { LedgerTables } from "./tables.ts";

export interface OpenDatabaseOptions {
  /** How long to wait for other processes. */
  readonly busyTimeoutMs: number;
}

const version = migrations.length;

/** "ORNG" in the header's application id: a SQLite file with another one is not ours to touch. */
const applicationId = 0x4f524e47;

/**
 * Opens a results file, creates it and the folders above it where they are missing, and brings an
 * older schema up to date. A file that is not a ledger is left as it was, byte for byte.
 *
 * @throws `LEDGER_UNREADABLE`, `LEDGER_NEWER`, `LEDGER_BUSY`, `NO_SPACE`
 */
export async function openDatabase(
  file: string,
  { busyTimeoutMs }: OpenDatabaseOptions,
): Promise<Kysely<LedgerTables>> {
  await prepareFolder(file);
  let sqlite: DatabaseSync | undefined;
  try {
    // SQLite's own waiting would hold up the event loop, so it is short and `whileBusy` goes on.
    sqlite = new DatabaseSync(file, { timeout: 10 });
    const database = sqlite;
    await whileBusy(busyTimeoutMs, () => assertOurs(database, file));
    await whileBusy(busyTimeoutMs, () => configure(database));
    const db = new Kysely<LedgerTables>({ dialect: new NodeSqliteDialect(database) });
    // Kysely closes only what it has used.
    await db.connection().execute(async () => {});
    await whileBusy(busyTimeoutMs, () => migrate(db, database, file));
    return db;
  } catch (error) {
    if (sqlite?.isOpen) sqlite.close();
    throw toLedgerError(error, file);
  }
}

/** Tries again, ever more slowly, while another connection holds the lock. */
export async function whileBusy<T>(timeoutMs: number, attempt: () => T | Promise<T>): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(2 * pauseMs, 50)) {
    try {
      return await attempt();
    } catch (error) {
      if (!isBusy(error) || performance.now() > giveUpAt) throw error;
    }
    // Not in step with a process that was refused at the same moment.
    await delay(pauseMs * (0.5 + Math.random()));
  }
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

async function migrate(
  db: Kysely<LedgerTables>,
  sqlite: DatabaseSync,
  file: string,
): Promise<void> {
  if (assertOurs(sqlite, file) === version) return;
  await db.transaction().execute(async (transaction) => {
    // Under the write lock: another process may have been faster.
    const found = assertOurs(sqlite, file);
    for (const migration of migrations.slice(found)) {
      await migration(transaction as unknown as Kysely<unknown>, { idType: "integer" });
    }
    // Both are part of the transaction: a file is a whole ledger or still empty.
    sqlite.exec(`pragma application_id = ${applicationId}; pragma user_version = ${version}`);
  });
}
