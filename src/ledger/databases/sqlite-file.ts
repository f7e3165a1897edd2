import type { BigIntStats } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { makeFolder } from "../../base/files/whole-file.ts";
import { OrangeryError } from "../../errors.ts";
import { schemaVersion } from "../schema/migrations.ts";
import { refuseNewer } from "./database-ledger.ts";
import { isReadOnly, toLedgerError } from "./sqlite-error.ts";

/** "ORNG" in the header's application id: a SQLite file with another one is not ours to touch. */
const applicationId = 0x4f524e47;

/** Opens a file that is a results file or empty. */
export async function connect(file: string, readOnly: boolean): Promise<DatabaseSync> {
  try {
    return openChecked(file, file);
  } catch (error) {
    const mayBeImmutable = readOnly && isReadOnly(error) && !(await exists(`${file}-wal`));
    if (!mayBeImmutable) throw error;
    // SQLite cannot make its files in a read-only folder. As there are none, nobody is using the
    // database.
    return openChecked(new URL(`${pathToFileURL(file)}?immutable=1`), file);
  }
}

function openChecked(name: string | URL, file: string): DatabaseSync {
  // Not imported statically: a Node without the module must get far enough to report which Node is
  // needed.
  const { DatabaseSync: Database } = process.getBuiltinModule("node:sqlite");
  // Waiting inside SQLite would block the event loop, so the timeout is short, and the caller
  // retries.
  const sqlite = new Database(name, { timeout: 10 });
  try {
    versionOf(sqlite, file);
    return sqlite;
  } catch (error) {
    sqlite.close();
    throw error;
  }
}

export async function checkExists(file: string): Promise<void> {
  if (!(await exists(file))) throw noResults(file, "nothing");
}

export function noResults(file: string, found: string): OrangeryError {
  return new OrangeryError(
    "LEDGER_NOT_FOUND",
    `Expected a results file, but there is ${found} at ${file}. Check the path.`,
    { details: { file } },
  );
}

/** A results file and where it lies on its disk. */
export class FilePlace {
  readonly file: string;
  readonly #dev: bigint;
  readonly #ino: bigint;

  private constructor(file: string, { dev, ino }: BigIntStats) {
    this.file = file;
    this.#dev = dev;
    this.#ino = ino;
  }

  static async of(file: string): Promise<FilePlace> {
    return new FilePlace(file, await stat(file, { bigint: true }));
  }

  /** @throws `LEDGER_NOT_FOUND` where the file was removed or moved, emptied or replaced */
  async requireUnchanged(): Promise<void> {
    const { file } = this;
    const stats = await stat(file, { bigint: true }).catch(() => undefined);
    if (stats?.dev === this.#dev && stats.ino === this.#ino && stats.size > 0n) return;
    const isEmpty = stats?.ino === this.#ino && stats.dev === this.#dev;
    const found =
      stats === undefined ? "it is gone" : isEmpty ? "it was emptied" : "another is in its place";
    throw new OrangeryError(
      "LEDGER_NOT_FOUND",
      `Expected the results file ${file} to stay where it is while it is used, but ${found}. ` +
        "Put it back, with the files -wal and -shm beside it, or start again with a new one.",
      { details: { file } },
    );
  }
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

export async function prepareFolder(file: string): Promise<void> {
  const existing = await stat(file).catch(() => undefined);
  if (existing?.isDirectory()) {
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected a results file, but ${file} is a folder. Name a file in it, as in ` +
        `${file}/results.db.`,
      { details: { file } },
    );
  }
  try {
    await makeFolder(dirname(file));
  } catch (cause) {
    const error = toLedgerError(cause, file);
    if (error !== cause) throw error;
    throw new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected a folder that can hold ${file}, got ${(cause as Error).message}. ` +
        "Check the path and the rights.",
      { cause, details: { file } },
    );
  }
}

/** Returns the version of a database; 0 is an empty one. Reads only. */
export function versionOf(sqlite: DatabaseSync, file: string): number {
  const found = Number(pragma(sqlite, "user_version"));
  if (pragma(sqlite, "application_id") === applicationId) {
    refuseNewer(found, file);
    return found;
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

/** Sets both marks inside the transaction: a file is a whole ledger or still empty. */
export function markVersion(sqlite: DatabaseSync): void {
  sqlite.exec(`pragma application_id = ${applicationId}; pragma user_version = ${schemaVersion}`);
}

export function configure(sqlite: DatabaseSync): void {
  // Readers and one writer at a time do not wait for each other, and a commit is one append.
  const wal = pragma(sqlite, "journal_mode = wal") === "wal";
  // NORMAL survives every death of the process, so also kill -9. After a power cut the last commits
  // may be missing, the file stays whole and those photos are done again: a fifth of the cost of
  // FULL. Without a WAL (some network disks refuse it) NORMAL could damage the file.
  sqlite.exec(`pragma synchronous = ${wal ? "normal" : "full"}`);
  // Paths of a photo archive are looked up all over an index that outgrows the default of 2 MiB.
  sqlite.exec("pragma cache_size = -65536");
}

function pragma(sqlite: DatabaseSync, name: string): unknown {
  return Object.values(sqlite.prepare(`pragma ${name}`).get() ?? {})[0];
}
