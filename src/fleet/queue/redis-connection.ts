import type { ConnectionOptions, RedisOptions } from "bullmq";
import { OrangeryError } from "../../errors.ts";

/** A URL, `redis://…` or `rediss://…`, or what BullMQ takes: ioredis' options or a client. */
export type QueueConnection = string | ConnectionOptions;

/** Redis is back within a second or two of a restart, and somebody waits: ask often. */
const longestRetryDelayMs = 1000;

/**
 * Refuses what is no connection: ioredis would take any text for a host's name, and wait for it.
 *
 * @throws `INVALID_ARGUMENT`, without what came, which may hold a password
 */
export function checkConnection(connection: QueueConnection): void {
  if (typeof connection === "object" && connection !== null) return;
  const { protocol, hostname } = URL.parse(String(connection)) ?? {};
  if ((protocol === "redis:" || protocol === "rediss:") && hostname) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected the queue's Redis as a URL that begins with redis:// or rediss://, as in " +
      "redis://:password@host:6379, got something else. Check --redis, REDIS_URL or `connection`.",
    { details: { option: "connection" } },
  );
}

/**
 * A connection as BullMQ takes it, that waits for a Redis that is away however long it takes: what
 * was asked meanwhile is sent when it is back.
 */
export function toConnectionOptions(connection: QueueConnection): ConnectionOptions {
  if (isClient(connection)) return connection;
  return {
    retryStrategy: (times: number) => Math.min(50 * 2 ** times, longestRetryDelayMs),
    ...(typeof connection === "string" ? { url: connection } : connection),
    maxRetriesPerRequest: null,
  };
}

/**
 * The same connection for another thread, as a message that can be cloned: without functions. A
 * client is of its own thread, which gives undefined.
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

function isClient(connection: QueueConnection): connection is Exclude<QueueConnection, string> {
  return (
    typeof connection === "object" &&
    ("duplicate" in connection || "connect" in connection || "isCluster" in connection)
  );
}
