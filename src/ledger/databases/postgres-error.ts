import { isOrangeryError, OrangeryError } from "../../errors.ts";

/**
 * SQLSTATEs (https://www.postgresql.org/docs/current/errcodes-appendix.html) after which the same
 * may succeed in a moment; class 08, connection exceptions, is among them as a whole.
 */
const passingStates = new Set([
  "40001", // serialization_failure
  "40P01", // deadlock_detected
  "53300", // too_many_connections
  "55P03", // lock_not_available
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
]);

/** Node's codes of a server that is not there, or not there any more. */
const passingCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT", // the socket of a server that is stopped
]);

/** What `pg` says, without a code, of a connection that ended or did not come about. */
const passingMessages =
  /^(Connection terminated|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect|Query read timeout)/;

/** SQLSTATEs that say that this database, or this user, is not the right one. */
const misdirected = /^(28...|3D000|3F000|42501)$/;
const diskFull = "53100";
const duplicateTable = /^42P0[67]$|^42710$/;

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" ? code : "";
}

/** Whether the server was away, or two transactions were in each other's way. */
export function isPassing(error: unknown): boolean {
  if (isOrangeryError(error)) return false;
  const code = codeOf(error);
  if (passingStates.has(code) || code.startsWith("08") || passingCodes.has(code)) return true;
  // Every address of a host was tried: all refused.
  if (error instanceof AggregateError) return error.errors.every(isPassing);
  return code === "" && error instanceof Error && passingMessages.test(error.message);
}

/** An error of `pg` on the results database as one of ours; any other error as it is. */
export function toPostgresLedgerError(error: unknown, location: string): unknown {
  if (isOrangeryError(error)) return error;
  const code = codeOf(error);
  const words = error instanceof Error && error.message !== "" ? error.message : code;
  const options = { cause: error, details: { location, state: code, reason: words } };
  if (isPassing(error)) {
    return new OrangeryError(
      "LEDGER_UNREACHABLE",
      `Expected to reach the results database ${location} within the time allowed, got "${words}". ` +
        "See whether the server runs and can be reached from here.",
      options,
    );
  }
  if (code === diskFull) {
    return new OrangeryError(
      "NO_SPACE",
      `Expected room on the server of ${location}, but its disk is full (${words}). Nothing is half ` +
        "written: make room and start again, it goes on where it was.",
      options,
    );
  }
  if (misdirected.test(code)) {
    return new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected a database that can be used at ${location}, got "${words}". ` +
        "Check the user, the password, the database's name and the user's rights.",
      options,
    );
  }
  if (duplicateTable.test(code)) {
    return new OrangeryError(
      "LEDGER_UNREADABLE",
      `Expected an Orangery results database or an empty one at ${location}, but another program's ` +
        `tables are there (${words}). They were not touched; give the results a database of their own.`,
      options,
    );
  }
  return error;
}
