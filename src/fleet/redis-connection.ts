import type { ConnectionOptions, RedisOptions } from "bullmq";

/** A URL, `redis://…` or `rediss://…`, or what BullMQ takes: ioredis' options or a client. */
export type QueueConnection = string | ConnectionOptions;

/** Redis is back within a second or two of a restart, and somebody waits: ask often. */
const longestRetryDelayMs = 1000;

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
