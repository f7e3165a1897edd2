import { isDiskFull } from "../../base/files/disk-full.ts";
import { OrangeryError } from "../../errors.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html); the low byte of `errcode`. */
const primary = {
  perm: 3,
  busy: 5,
  locked: 6,
  readonly: 8,
  ioerr: 10,
  corrupt: 11,
  full: 13,
  cantopen: 14,
  protocol: 15,
  nolfs: 22,
  notadb: 26,
};

/**
 * Extended codes of a full disk or a quota where SQLite does not report SQLITE_FULL: writing
 * (EDQUOT, EFBIG), growing the shared-memory file, syncing what was promised space.
 */
const extendedNoSpace = new Set([
  778, // SQLITE_IOERR_WRITE
  1034, // SQLITE_IOERR_FSYNC
  1546, // SQLITE_IOERR_TRUNCATE
  4874, // SQLITE_IOERR_SHMSIZE
]);

/** Returns the extended result code of an error of `node:sqlite`; undefined for any other error. */
function resultCode(error: unknown): number | undefined {
  const { code, errcode } = (error ?? {}) as { code?: unknown; errcode?: unknown };
  return code === "ERR_SQLITE_ERROR" && typeof errcode === "number" ? errcode : undefined;
}

/** Whether another connection holds the lock, so that the same may succeed in a moment. */
export function isBusy(error: unknown): boolean {
  const code = (resultCode(error) ?? 0) & 0xff;
  return code === primary.busy || code === primary.locked;
}

/** Whether the file, or a file that belongs beside it, may not be written. */
export function isReadOnly(error: unknown): boolean {
  const code = (resultCode(error) ?? 0) & 0xff;
  return code === primary.readonly || code === primary.cantopen;
}

/**
 * Explains an error of SQLite on the results file, or of a full disk; returns any other as it is.
 */
export function toLedgerError(error: unknown, file: string): unknown {
  const code = resultCode(error);
  if (code === undefined && !isDiskFull(error)) return error;
  const details = { file, sqlite: code, reason: (error as Error).message };
  const make = (kind: "NO_SPACE" | "LEDGER_UNREADABLE" | "LEDGER_BUSY", message: string) =>
    new OrangeryError(kind, message, { cause: error, details });

  if (code === undefined) return make("NO_SPACE", noSpaceMessage(file));
  switch (code & 0xff) {
    case primary.full:
      return make("NO_SPACE", noSpaceMessage(file));
    case primary.busy:
    case primary.locked:
      return make(
        "LEDGER_BUSY",
        `Expected to write ${file} within the time allowed, but another process kept it locked. ` +
          "End that process or try again.",
      );
    case primary.notadb:
    case primary.corrupt:
      return make(
        "LEDGER_UNREADABLE",
        `Expected an Orangery results file, but ${file} is ${
          (code & 0xff) === primary.notadb ? "not a SQLite database" : "damaged"
        } (${details.reason}). Restore it from a copy or name another file.`,
      );
    case primary.perm:
    case primary.readonly:
    case primary.cantopen:
      return make(
        "LEDGER_UNREADABLE",
        `Expected a results file that can be opened and written, got "${details.reason}" for ` +
          `${file}. Check the path and the rights of the file and its folder.`,
      );
    case primary.protocol:
    case primary.nolfs:
    case primary.ioerr:
      if (extendedNoSpace.has(code)) return make("NO_SPACE", noSpaceMessage(file));
      return make(
        "LEDGER_UNREADABLE",
        `Reading or writing ${file} failed (${details.reason}, SQLite ${code}). ` +
          "Check the disk; a results file belongs on a local one.",
      );
    default:
      return error;
  }
}

function noSpaceMessage(file: string): string {
  return (
    `Expected room to write ${file}, but its disk is full or a quota is reached. ` +
    "Nothing is half written: make room and start again: it resumes."
  );
}
