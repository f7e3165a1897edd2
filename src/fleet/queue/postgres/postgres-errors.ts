import { type ErrorCode, isOrangeryError, OrangeryError } from "../../../errors.ts";
import {
  type PostgresProblemKind,
  postgresProblemKind,
} from "../../../ledger/databases/postgres-error.ts";
import { queueUrlPlaces } from "./postgres-place.ts";

/** What an error of PostgreSQL means for a queue. */
interface QueueProblem {
  readonly code: ErrorCode;
  readonly expected: string;
  readonly advice: string;
}

const refused: QueueProblem = {
  code: "QUEUE_REFUSED",
  expected: "the queue's PostgreSQL to do what was asked",
  advice: "Read its words; PostgreSQL 13 or newer is needed, and one version of Orangery.",
};

const problems: Readonly<Record<PostgresProblemKind, QueueProblem>> = {
  away: {
    code: "QUEUE_UNREACHABLE",
    expected: "an answer of the queue's PostgreSQL",
    advice: `Check its URL (${queueUrlPlaces}) and that it runs.`,
  },
  busy: {
    code: "QUEUE_NOT_READY",
    expected: "the queue's PostgreSQL to serve",
    advice: "Others keep it busy. Workers wait and resume by themselves.",
  },
  cut: {
    code: "QUEUE_NOT_READY",
    expected: "the queue's PostgreSQL to serve",
    advice:
      "Others keep it busy, or it gives the user too little time: raise statement_timeout or " +
      "lock_timeout with `alter role`. Workers wait and resume by themselves.",
  },
  crowded: {
    code: "QUEUE_NOT_READY",
    expected: "the queue's PostgreSQL to take another connection",
    advice:
      "Raise its max_connections or the limit of the user, or start fewer processes. " +
      "Workers wait and resume by themselves.",
  },
  full: {
    code: "QUEUE_FULL",
    expected: "room on the server of the queue's PostgreSQL",
    advice: "Make room on its disk. Workers wait and resume.",
  },
  readOnly: {
    code: "QUEUE_READ_ONLY",
    expected: "the queue's PostgreSQL to take writes",
    advice:
      "Connect to the primary server where this is a standby, or lift " +
      "default_transaction_read_only. Workers wait until it takes them.",
  },
  denied: {
    code: "QUEUE_ACCESS_DENIED",
    expected: "the queue's PostgreSQL to accept the user and the password",
    advice: "Check both in the URL, percent-encoded, and the server's pg_hba.conf.",
  },
  forbidden: {
    code: "QUEUE_ACCESS_DENIED",
    expected: "the right to use the queue's schemas, bullmq and orangery_queue",
    advice:
      "The user that makes them owns them: let the same user do all the work, or make the other " +
      "one a member of the owner's role: grant OWNER to USER.",
  },
  missing: {
    code: "QUEUE_NOT_FOUND",
    expected: "a PostgreSQL database for the queue",
    advice: "Create it (createdb), or check the name in the URL.",
  },
  foreign: refused,
  changed: refused,
  damaged: {
    code: "QUEUE_REFUSED",
    expected: "the queue's PostgreSQL to be whole",
    advice: "It is damaged: restore it from a copy.",
  },
  refused,
};

/**
 * Converts an error of `pg` into one of ours, with what to do. Undefined for errors that BullMQ's
 * functions raise, and for any that is not the server's.
 */
export function toPostgresQueueError(error: unknown): OrangeryError | undefined {
  if (isOrangeryError(error)) return error;
  const kind = postgresProblemKind(error);
  if (kind === undefined || isOfBullmq(error)) return undefined;
  const { code, expected, advice } = problems[kind];
  const { message, code: state } = error as NodeJS.ErrnoException;
  const words = message === "" ? state : message;
  return new OrangeryError(code, `Expected ${expected}, got "${words}". ${advice}`, {
    cause: error,
    details: { state, reply: words },
  });
}

/** Raised by BullMQ's functions on purpose, and understood by its classes. */
function isOfBullmq(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code?.startsWith("BM") ?? false;
}
