import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";

/** What went wrong, and what to do about it. */
interface DatabaseProblem {
  readonly code: ErrorCode;
  /**
   * Whether it may pass: `soon`, or only when somebody acts, so that only a caller without a time
   * limit waits for it.
   */
  readonly passes?: "soon" | "later";
  /** The message: what was expected at a place, and what to do; between them the server's words. */
  readonly expected: string;
  readonly advice: string;
}

const away: DatabaseProblem = {
  code: "LEDGER_UNREACHABLE",
  passes: "soon",
  expected: "Expected to reach the results database within the time allowed",
  advice: "See whether the server runs and can be reached from here.",
};
const busy: DatabaseProblem = {
  code: "LEDGER_BUSY",
  passes: "soon",
  expected: "Expected to use the results database within the time allowed",
  advice: "Others keep it busy: try again.",
};
const cut: DatabaseProblem = {
  ...busy,
  advice:
    "Others keep it busy, or the server gives the user too little time: raise statement_timeout " +
    "or lock_timeout with `alter role`, and try again.",
};
const crowded: DatabaseProblem = {
  code: "LEDGER_BUSY",
  passes: "soon",
  expected: "Expected a free connection to the results database within the time allowed",
  advice:
    "Start fewer processes, each of which has up to 4 connections, or raise the server's " +
    "max_connections or the limit of the user.",
};
const full: DatabaseProblem = {
  code: "LEDGER_FULL",
  passes: "later",
  expected: "Expected room on the server of the results database",
  advice: "Nothing is half written: make room there and start again: it resumes.",
};
const readOnly: DatabaseProblem = {
  code: "LEDGER_READ_ONLY",
  passes: "later",
  expected: "Expected a results database that takes writes",
  advice:
    "Connect to the primary server where this is a standby, or lift default_transaction_read_only.",
};
const denied: DatabaseProblem = {
  code: "LEDGER_ACCESS_DENIED",
  expected: "Expected the server of the results database to accept the user and the password",
  advice: "Check both in the URL, percent-encoded, and the server's pg_hba.conf.",
};
const forbidden: DatabaseProblem = {
  code: "LEDGER_ACCESS_DENIED",
  expected: "Expected the right to use the results database",
  advice:
    "Recording takes `usage` and `create` on the schema and its tables as their owner; reading " +
    "takes `usage` on the schema and `select` on its tables.",
};
const missing: DatabaseProblem = {
  code: "LEDGER_NOT_FOUND",
  expected: "Expected a results database",
  advice:
    "Create it (createdb, create schema), or check the name in the URL. A schema that the user " +
    "has no `usage` of is not seen.",
};
const foreign: DatabaseProblem = {
  code: "LEDGER_UNREADABLE",
  expected:
    "Expected an Orangery results database or an empty one, but another program's tables are there",
  advice: "They were not touched; give the results a database of their own.",
};
const changed: DatabaseProblem = {
  code: "LEDGER_UNREADABLE",
  expected: "Expected the tables of a results database as they were when it was opened",
  advice:
    "Another program or another version of Orangery has changed them since: start again, with " +
    "one version everywhere.",
};
const damaged: DatabaseProblem = {
  code: "LEDGER_UNREADABLE",
  expected: "Expected a results database that is whole",
  advice: "It is damaged: restore it from a copy.",
};
const refused: DatabaseProblem = {
  code: "LEDGER_REFUSED",
  expected: "Expected the server of the results database to do what was asked",
  advice: "Read its words; Orangery is tested with PostgreSQL 15.",
};

/**
 * Problems by the beginning of their SQLSTATE, the more exact ones first
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html).
 */
const states: readonly (readonly [beginning: string, problem: DatabaseProblem | undefined])[] = [
  ["25006", readOnly], // read_only_sql_transaction
  ["42501", forbidden], // insufficient_privilege
  ["53100", full], // disk_full
  ["53200", busy], // out_of_memory
  ["53300", crowded], // too_many_connections
  ["55P03", cut], // lock_not_available
  ["57014", cut], // query_canceled, by a timeout of the server
  ["23503", busy], // foreign_key_violation: photos were forgotten while this was recorded
  ["25P", busy], // timeouts of idle transactions
  ["57P", away], // admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped
  ["3D000", missing], // invalid_catalog_name
  ["3F000", missing], // invalid_schema_name
  ["42P07", foreign], // duplicate_table
  ["42P06", foreign], // duplicate_schema
  ["42710", foreign], // duplicate_object
  ["42P01", changed], // undefined_table
  ["42703", changed], // undefined_column
  ["XX001", damaged], // data_corrupted
  ["XX002", damaged], // index_corrupted
  ["08", away], // connection exceptions
  ["28", denied], // invalid authorization
  ["40", busy], // transaction rollback: deadlocks, serialization failures
  // The data to be recorded are wrong: not a problem of the database.
  ["22", undefined],
  ["23", undefined],
  ["", refused],
];

/** Node's codes for an unreachable server or a lost connection. */
const awayCodes = new Set([
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

/** Codes of OpenSSL for a certificate or a protocol that is not accepted. */
const tlsCodes = new Set([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** Errors of `pg` without a code, by the beginning of their messages. */
const messages: readonly (readonly [beginning: RegExp, problem: DatabaseProblem])[] = [
  [/^(Connection terminated|Client has encountered a connection error|Client was closed)/, away],
  [/^(timeout exceeded when trying to connect|Query read timeout)/, away],
  [/^SASL:/, denied],
  [/^The server does not support SSL|^There was an error establishing an SSL/, refused],
];

/** Returns the problem that an error of `pg` stands for; undefined for any other error. */
function problemOf(error: unknown): DatabaseProblem | undefined {
  if (!(error instanceof Error) || isOrangeryError(error)) return undefined;
  const { code = "", severity } = error as NodeJS.ErrnoException & { severity?: string };
  // Only errors that the server sent have a severity.
  if (severity !== undefined) return states.find(([beginning]) => code.startsWith(beginning))?.[1];
  if (awayCodes.has(code)) return away;
  if (code === "EACCES") return denied;
  if (tlsCodes.has(code)) return refused;
  // Every address of a host was tried.
  if (error instanceof AggregateError) return problemOf(error.errors[0]);
  if (code !== "") return undefined;
  return messages.find(([beginning]) => beginning.test(error.message))?.[1];
}

/** Whether a database of this encoding stores any text; SQL_ASCII takes bytes as they come. */
export function takesAnyText(serverEncoding: string): boolean {
  return serverEncoding === "UTF8" || serverEncoding === "SQL_ASCII";
}

/** What to do about a database that does not. */
export const anyTextAdvice = "Make one with createdb --encoding=UTF8 --template=template0.";

const kinds = {
  away,
  busy,
  cut,
  crowded,
  full,
  readOnly,
  denied,
  forbidden,
  missing,
  foreign,
  changed,
  damaged,
  refused,
} as const;

export type PostgresProblemKind = keyof typeof kinds;

/** Returns what kind of problem an error of `pg` is; undefined for any other error. */
export function postgresProblemKind(error: unknown): PostgresProblemKind | undefined {
  const problem = problemOf(error);
  const names = Object.keys(kinds) as PostgresProblemKind[];
  return names.find((kind) => kinds[kind] === problem);
}

/**
 * Whether the same may succeed in a moment, or ever by itself where a caller waits without limit.
 */
export function isPassing(error: unknown, waitsForever = false): boolean {
  const passes = problemOf(error)?.passes;
  return passes === "soon" || (waitsForever && passes === "later");
}

/** The failure for a database that is no longer the one that was opened. */
export function madeAnew(location: string, cause?: unknown): OrangeryError {
  return new OrangeryError(
    "LEDGER_NOT_FOUND",
    `Expected the results database ${location} to be the one that was opened, but it was dropped ` +
      "or made anew since. Restore it from a copy, or start again with a new one.",
    { cause, details: { location } },
  );
}

/** The failure for a server that is connected and silent. */
export function noAnswer(location: string, silenceMs: number): OrangeryError {
  return new OrangeryError(
    "LEDGER_UNREACHABLE",
    `Expected an answer of the results database (${location}) within ${silenceMs / 1000} s, got ` +
      "none. See whether the server hangs, or another program keeps the tables locked.",
    { details: { location } },
  );
}

/** Explains an error of `pg` on the results database; returns any other error as it is. */
export function toPostgresLedgerError(error: unknown, location: string): unknown {
  const problem = problemOf(error);
  if (problem === undefined) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  const words = message === "" ? code : message;
  return new OrangeryError(
    problem.code,
    `${problem.expected} (${location}), got "${words}". ${problem.advice}`,
    { cause: error, details: { location, state: code, reason: words } },
  );
}
