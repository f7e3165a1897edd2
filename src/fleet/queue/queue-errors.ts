import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import { queueUrlPlaces } from "./postgres/postgres-place.ts";

/** What an error reply of Redis means for a queue. */
interface Refusal {
  readonly code: ErrorCode;
  /** Follows "Expected". */
  readonly expected: string;
  /** What to do. */
  readonly advice: string;
}

/**
 * Converts an error reply of Redis, or BullMQ's error about one, into one of ours that says what to
 * do. Undefined for other errors.
 */
export function toQueueError(error: unknown, queue: string): OrangeryError | undefined {
  // PostgreSQL's errors are converted where they occur.
  if (isOrangeryError(error)) return error.blames === "queue" ? error : undefined;
  if (isBrokenOff(error)) return unreachable(error);
  if (!isReply(error) && !isVersionRefusal(error)) return undefined;
  // A transaction is refused because of a request in it.
  const { previousErrors: [previous] = [] } = error as { previousErrors?: readonly unknown[] };
  if (isReply(previous)) return toQueueError(previous, queue);
  const reply = shorten(error.message);
  const { code, expected, advice } = refusalOf(reply, queue);
  return new OrangeryError(code, `Expected ${expected}, got "${reply}". ${advice}`, {
    cause: error,
    details: { queue, reply },
  });
}

/**
 * Whether ioredis gave up requests that were sent together because the connection broke when only
 * some were answered. It sends all others again by itself.
 */
export function isBrokenOff(error: unknown): boolean {
  // A signal's AbortError has no command.
  return error instanceof Error && error.name === "AbortError" && "command" in error;
}

/** Converts any error of a connection to Redis into one of ours. */
export function toQueueFailure(error: unknown, queue: string): OrangeryError {
  if (isOrangeryError(error)) return error;
  return toQueueError(error, queue) ?? unreachable(error);
}

export interface UnreachableOptions {
  readonly timeoutMs?: number | undefined;
  /** Default Redis. */
  readonly server?: string;
  /** Where its URL is given. */
  readonly options?: string;
}

/** The failure for a server that does not answer. */
export function unreachable(
  cause?: unknown,
  { timeoutMs, server = "Redis", options = queueUrlPlaces }: UnreachableOptions = {},
): OrangeryError {
  const { message, code } = (cause ?? {}) as Partial<NodeJS.ErrnoException>;
  const within = timeoutMs === undefined ? "" : ` within ${timeoutMs / 1000} s`;
  return new OrangeryError(
    "QUEUE_UNREACHABLE",
    `Expected an answer of the queue's ${server}${within}, got ${message || code || "none"}. ` +
      `Check its URL (${options}) and that it runs.`,
    { cause },
  );
}

/** Runs requests of a queue, and converts Redis' refusals into our errors. */
export async function withQueueErrors<T>(
  { name }: { readonly name: string },
  requests: () => Promise<T>,
): Promise<T> {
  try {
    return await requests();
  } catch (error) {
    throw toQueueError(error, name) ?? error;
  }
}

/** The first sentence, without the script's hash. */
function shorten(message: string): string {
  const [sentence = ""] = message
    .replace(/ script: [0-9a-f]{40}.*$/s, "")
    .split(/[.\n](?:\s|$)/, 1);
  return sentence.length > 120 ? `${sentence.slice(0, 119)}…` : sentence;
}

/** How drivers name errors that are replies of the server, not their own. */
const replyNames = new Set(["ReplyError", "SimpleError", "BlobError", "ErrorReply"]);

function isReply(error: unknown): error is Error {
  return error instanceof Error && replyNames.has(error.name);
}

/** BullMQ refuses a Redis that is older than it needs, with an error that has no code. */
function isVersionRefusal(error: unknown): error is Error {
  return error instanceof Error && error.message.startsWith("Redis version needs to be greater");
}

function refusalOf(reply: string, queue: string): Refusal {
  const [prefix = ""] = reply.split(" ", 1);
  const refusal = refusals[prefix]?.(reply, queue);
  if (refusal !== undefined) return refusal;
  // Within a script, Redis refuses a command or a key in words of its own.
  if (/user executing the script|ACL failure in script/.test(reply)) {
    return refusals.NOPERM!(reply, queue);
  }
  if (/max number of clients reached/.test(reply)) {
    return {
      code: "QUEUE_NOT_READY",
      expected: "the queue's Redis to take another connection",
      advice: "Raise its `maxclients`, or close connections. Workers wait and resume.",
    };
  }
  return {
    code: "QUEUE_REFUSED",
    expected: "the queue's Redis to do what a queue needs",
    advice: "Redis 6.2 or newer is needed, and keys that no other program uses.",
  };
}

const inACluster = "the queue's keys to be on the node of a Redis cluster that was asked";
const oneSlot = (queue: string) =>
  queue.includes("{")
    ? "Give `prefix` no braces of its own."
    : `Put the queue's name in braces, {${queue}}, wherever it is given: ` +
      "to enqueue, worker and status.";

const notReady = (expected: string) => (): Refusal => ({
  code: "QUEUE_NOT_READY",
  expected,
  advice: "It passes by itself; if it does not, read the log of Redis. Workers wait and resume.",
});

/** By the first word of the reply. */
const refusals: Readonly<Record<string, (reply: string, queue: string) => Refusal>> = {
  NOAUTH: () => ({
    code: "QUEUE_ACCESS_DENIED",
    expected: "a password for the queue's Redis",
    advice: "Give it in the URL: redis://user:password@host:6379.",
  }),
  WRONGPASS: () => ({
    code: "QUEUE_ACCESS_DENIED",
    expected: "the queue's Redis to accept the user and the password",
    advice: "Check both in the URL. Write / as %2F, # as %23, ? as %3F, @ as %40 and % as %25.",
  }),
  DENIED: () => ({
    code: "QUEUE_ACCESS_DENIED",
    expected: "the queue's Redis to accept connections from here",
    advice: "Set a password for it (`requirepass`), or bind it to a network that is trusted.",
  }),
  NOPERM: () => ({
    code: "QUEUE_ACCESS_DENIED",
    expected: "the user of the queue's Redis to have the rights that a queue needs",
    advice: "docs/deploy.md has the ACL line that grants them.",
  }),
  CROSSSLOT: (_reply, queue) => ({
    code: "QUEUE_IN_CLUSTER",
    expected: inACluster,
    advice: oneSlot(queue),
  }),
  MOVED: (reply) => ({
    code: "QUEUE_IN_CLUSTER",
    expected: inACluster,
    advice:
      `Connect to the node that has them, ${reply.split(" ").at(-1)}, ` +
      "or give ioredis' Cluster as `connection`.",
  }),
  READONLY: () => ({
    code: "QUEUE_READ_ONLY",
    expected: "the queue's Redis to take writes",
    advice: "It is a replica: connect to its master. Workers wait until it is one.",
  }),
  // The reply to a request that was waiting when the server became a replica.
  UNBLOCKED: () => ({
    code: "QUEUE_READ_ONLY",
    expected: "the queue's Redis to stay a master",
    advice: "It has become a replica: connect to its master. Workers wait until it is one.",
  }),
  NOREPLICAS: () => ({
    code: "QUEUE_READ_ONLY",
    expected: "the queue's Redis to take writes",
    advice: "Too few replicas follow it (`min-replicas-to-write`). Workers wait and resume.",
  }),
  OOM: () => ({
    code: "QUEUE_FULL",
    expected: "the queue's Redis to have memory left",
    advice: "Raise its `maxmemory`, or remove keys. Workers wait and resume.",
  }),
  MISCONF: () => ({
    code: "QUEUE_NOT_SAVED",
    expected: "the queue's Redis to save its data to the disk",
    advice: "Look at its disk and its log: it takes no writes before. Workers wait and resume.",
  }),
  LOADING: notReady("the queue's Redis to have its data in memory"),
  BUSY: notReady("the queue's Redis to have finished another program's script"),
  MASTERDOWN: notReady("the queue's Redis to be connected to its master"),
  CLUSTERDOWN: notReady("the queue's Redis cluster to be complete"),
  TRYAGAIN: notReady("the queue's Redis cluster to have moved the queue's keys"),
  ASK: notReady("the queue's Redis cluster to have moved the queue's keys"),
};
