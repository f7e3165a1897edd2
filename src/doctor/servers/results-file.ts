import { access, constants, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { formatBytes } from "../../base/quantities.ts";
import { isOrangeryError } from "../../errors.ts";
import { versionOf } from "../../ledger/databases/sqlite-file.ts";
import { schemaVersion } from "../../ledger/schema/migrations.ts";
import { type FindingFigures, green, type Observation, red, yellow } from "../finding.ts";
import { adviceFor, inWords, tryWriting, type WritingTrial } from "../folders/try-writing.ts";

/** Room for the results of some hundred thousand photos. */
const enoughBytes = 1e9;

/** A results file, as it is or as it would be made. Neither it nor its schema is changed. */
export async function lookAtResultsFile(path: string): Promise<Observation> {
  const stats = await stat(path).catch(codeOf);
  const disk = await tryWriting(dirname(path));
  const figures = { path, freeBytes: disk.freeBytes, isRemote: disk.isRemote };
  if (typeof stats === "string") {
    if (stats !== "ENOENT") return cannotBeRead(path, stats, figures);
    return lookAtDisk(`${path} is not there yet and will be made`, disk, figures);
  }
  if (stats.isDirectory()) {
    return red(`${path} is a folder.`, `Name a file in it: ${path}/results.db.`, figures);
  }
  const unreadable = await access(path, constants.R_OK).catch(codeOf);
  if (unreadable !== undefined) return cannotBeRead(path, unreadable, figures);
  let version: number;
  try {
    version = await readVersion(path);
  } catch (error) {
    return explain(error, path, figures);
  }
  const known = { ...figures, bytes: stats.size, schemaVersion: version, newest: schemaVersion };
  const readOnly = await access(path, constants.W_OK).catch(codeOf);
  if (readOnly !== undefined) {
    return yellow(
      `${path} can be read, and not written: ${inWords(readOnly)}.`,
      "Let this user write the file and its folder, where a run is to record in it.",
      known,
    );
  }
  const older = version < schemaVersion ? `, brought up to ${schemaVersion} when it is opened` : "";
  const which = version === 0 ? "empty" : `schema ${version}${older}`;
  return lookAtDisk(`${path}, ${formatBytes(stats.size)}, ${which}`, disk, known);
}

function lookAtDisk(
  sentence: string,
  { folder, refusal, freeBytes = 0, isRemote }: WritingTrial,
  figures: FindingFigures,
): Observation {
  if (refusal !== undefined) {
    return red(
      `${sentence}, but nothing can be written to ${folder}: ${inWords(refusal)}.`,
      adviceFor(refusal, "name a file elsewhere"),
      figures,
    );
  }
  if (isRemote) {
    return yellow(
      `${sentence}, on a disk of another machine, which may damage an SQLite file.`,
      "Put it on a disk of this machine, or use PostgreSQL.",
      figures,
    );
  }
  const free = `${sentence}; ${formatBytes(freeBytes)} free`;
  if (freeBytes >= enoughBytes) return green(`${free}.`, figures);
  return yellow(`${free}, which is little.`, "Make room on that disk.", figures);
}

/**
 * Reads the version without changing the folder: SQLite makes files beside a database even when
 * reading it, unless the database is opened as immutable.
 */
async function readVersion(path: string): Promise<number> {
  await requireHeader(path);
  const isAtWork = await access(`${path}-wal`).then(
    () => true,
    () => false,
  );
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const name = isAtWork ? path : new URL(`${pathToFileURL(path)}?immutable=1`);
  const sqlite = new DatabaseSync(name, { readOnly: true, timeout: 1000 });
  try {
    return versionOf(sqlite, path);
  } finally {
    sqlite.close();
  }
}

const header = "SQLite format 3\0";

async function requireHeader(path: string): Promise<void> {
  await using file = await open(path, "r");
  const { bytesRead, buffer } = await file.read(Buffer.alloc(header.length), 0, header.length, 0);
  if (bytesRead > 0 && buffer.toString("latin1") !== header) throw new NoDatabase();
}

class NoDatabase extends Error {}

function explain(error: unknown, path: string, figures: FindingFigures): Observation {
  const other = "Name another file: this one is left as it is.";
  if (error instanceof NoDatabase) return red(`${path} is no SQLite database.`, other, figures);
  if (isOrangeryError(error, "LEDGER_NEWER")) {
    const { came } = error.details as { readonly came?: number };
    return red(
      `${path} has schema ${came}, and this Orangery knows ${schemaVersion} at most.`,
      "Update Orangery on this machine, or name another file.",
      { ...figures, schemaVersion: came, newest: schemaVersion },
    );
  }
  if (isOrangeryError(error, "LEDGER_UNREADABLE")) {
    return red(`${path} is a database of another program.`, other, figures);
  }
  const { message } = error as Error;
  return red(
    `${path} cannot be read as a database: ${message}.`,
    "Restore it from a copy, or name another file.",
    figures,
  );
}

function cannotBeRead(path: string, code: string, figures: FindingFigures): Observation {
  return red(
    `${path} cannot be read: ${code}.`,
    "Check the path and the rights of this user.",
    figures,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
