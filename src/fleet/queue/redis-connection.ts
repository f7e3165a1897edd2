import type { ConnectionOptions, RedisOptions } from "bullmq";
import { requireOptions } from "../../base/check-options.ts";
import { hasUnencodedPassword } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import { checkPostgresUrl, postgresUrlOf, queueUrlPlaces } from "./postgres/postgres-place.ts";

/**
 * A URL, `redis://…`, `rediss://…` or `postgres://…`, or what BullMQ takes for Redis: ioredis'
 * options or a client.
 */
export type QueueConnection = string | ConnectionOptions;

/** Which queue of which server. */
export interface QueuePlace {
  /** Redis: a URL, ioredis' options, or a client. PostgreSQL: a URL. */
  readonly connection: QueueConnection;
  /** The queue's name. */
  readonly queue: string;
  /** The prefix of BullMQ's keys. Default `bull`. */
  readonly prefix?: string | undefined;
}

/** A queue that is opened. */
export interface OpenedQueuePlace extends QueuePlace {
  /**
   * Whether to create the queue's tables in a PostgreSQL that has none. Default false, which gives
   * `QUEUE_NOT_FOUND`.
   */
  readonly isMade?: boolean | undefined;
}

/** A queue that belongs to another one, whose name people know. */
export interface LabelledQueuePlace extends QueuePlace {
  /** What logs and errors call the queue. Default: its name. */
  readonly label?: string | undefined;
}

/** A restarted Redis is back within a second or two, and somebody waits: retry often. */
const longestRetryDelayMs = 1000;

/** @throws `INVALID_ARGUMENT` */
export function checkQueue({ queue, connection }: QueuePlace): void {
  requireOptions(
    { queue },
    {
      expected: "a name without `:`",
      holds: (name) => typeof name === "string" && /^[^:]+$/.test(name),
    },
  );
  const postgresUrl = postgresUrlOf(connection);
  if (postgresUrl === undefined) checkConnection(connection);
  else checkPostgresUrl(postgresUrl);
}

/**
 * Refuses what is not a connection: ioredis would take any text for a host name, and wait for it.
 *
 * @param places where people give it
 * @throws `INVALID_ARGUMENT`, without the value, which may contain a password
 */
export function checkConnection(connection: QueueConnection, places = queueUrlPlaces): void {
  if (typeof connection === "object" && connection !== null) return;
  const text = String(connection);
  const isUnencoded = hasUnencodedPassword(text);
  const { protocol, hostname } = URL.parse(text) ?? {};
  if ((protocol === "redis:" || protocol === "rediss:") && hostname && !isUnencoded) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected the queue's Redis as a URL that begins with redis:// or rediss://, as in " +
      "redis://:password@host:6379, got " +
      (isUnencoded
        ? "one whose password is not percent-encoded. Write / as %2F, # as %23, ? as %3F, " +
          `@ as %40 and % as %25 in ${places}.`
        : `something else. Check ${places}.`),
    { details: { option: "connection" } },
  );
}

/**
 * Converts a connection into BullMQ's form. It waits for Redis, however long it is down: requests
 * made in the meantime are sent when it is back.
 */
export function toConnectionOptions(connection: QueueConnection): ConnectionOptions {
  if (isClient(connection)) return connection;
  return {
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, longestRetryDelayMs),
    // After a failover the host name may point to another server, and the old one is a replica.
    reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
    ...(typeof connection === "string" ? { url: connection } : connection),
    maxRetriesPerRequest: null,
  };
}

/**
 * Converts a connection into a message for another thread: options that can be cloned, without
 * functions. A client belongs to its own thread, so the answer is undefined.
 */
export function toPortableConnection(connection: QueueConnection): RedisOptions | undefined {
  if (typeof connection === "string") return { url: connection };
  if (isClient(connection)) return undefined;
  const plain = Object.entries(connection).filter(([, value]) => typeof value !== "function");
  try {
    return structuredClone(Object.fromEntries(plain));
  } catch {
    return undefined;
  }
}

/** Whether a connection is an existing client. */
export function isClient(
  connection: QueueConnection,
): connection is Exclude<QueueConnection, string> {
  return (
    typeof connection === "object" &&
    ("duplicate" in connection || "connect" in connection || "isCluster" in connection)
  );
}
