import {
  type BackendFactory,
  createRedisBackend,
  type QueueOptions,
  type RedisQueueBackend,
} from "bullmq";
import type { OrangeryError } from "../../errors.ts";
import { postgresBackend } from "./postgres/postgres-backend.ts";
import { postgresQueueName, postgresUrlOf } from "./postgres/postgres-place.ts";
import { unreachable } from "./queue-errors.ts";
import { whyNotReady } from "./queue-probe.ts";
import { type OpenedQueuePlace, type QueuePlace, toConnectionOptions } from "./redis-connection.ts";

/** How BullMQ's classes reach a queue. */
export interface QueueServer {
  readonly name: "Redis" | "PostgreSQL";
  /** BullMQ's name for the queue. */
  readonly queue: string;
  readonly options: QueueOptions;
  readonly backend: BackendFactory<RedisQueueBackend>;
  /** How often an idle worker checks for unannounced jobs, s. */
  readonly drainDelay: number;
  /** Finds out why a server does not become ready. */
  whyNotReady(): Promise<OrangeryError | undefined>;
  /** The failure for a server that does not answer. */
  unreachable(cause: unknown, timeoutMs: number): OrangeryError;
}

/**
 * Returns how to reach the server of a queue. The only place that distinguishes the kinds of
 * server.
 */
export function serverOf(place: OpenedQueuePlace): QueueServer {
  const url = postgresUrlOf(place.connection);
  return url === undefined ? redisServer(place) : postgresServer(url, place);
}

function redisServer(place: QueuePlace): QueueServer {
  const { connection, queue, prefix } = place;
  return {
    name: "Redis",
    queue,
    options: {
      connection: toConnectionOptions(connection),
      ...(prefix !== undefined && { prefix }),
      // Its warnings would go to the console.
      skipVersionCheck: true,
    },
    backend: createRedisBackend,
    drainDelay: 5,
    whyNotReady: () => whyNotReady(place),
    unreachable: (cause, timeoutMs) => unreachable(cause, { timeoutMs }),
  };
}

function postgresServer(url: string, place: OpenedQueuePlace): QueueServer {
  return {
    name: "PostgreSQL",
    queue: postgresQueueName(place),
    options: { connection: {} },
    backend: postgresBackend({ url, isMade: place.isMade ?? false }),
    // Every job is announced, and a broken connection is noticed.
    drainDelay: 60,
    // Each attempt to connect reports why the server does not answer.
    whyNotReady: async () => undefined,
    unreachable: (cause, timeoutMs) => unreachable(cause, { timeoutMs, server: "PostgreSQL" }),
  };
}
