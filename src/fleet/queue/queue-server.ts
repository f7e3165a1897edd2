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
  /** What they call the queue. */
  readonly queue: string;
  readonly options: QueueOptions;
  readonly backend: BackendFactory<RedisQueueBackend>;
  /** After this time an idle worker looks for a job that nobody has announced, s. */
  readonly drainDelay: number;
  /** Asks a server that does not become ready why not. */
  whyNotReady(): Promise<OrangeryError | undefined>;
  /** The failure for a server that does not answer. */
  unreachable(cause: unknown, timeoutMs: number): OrangeryError;
}

/** Returns how the server of a queue is reached: the one place that knows which kinds there are. */
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
    // Every job is announced, and a connection that is gone is noticed.
    drainDelay: 60,
    // What keeps it from answering is reported with every attempt to connect.
    whyNotReady: async () => undefined,
    unreachable: (cause, timeoutMs) =>
      unreachable(cause, { timeoutMs, server: "PostgreSQL", options: "--queue-url" }),
  };
}
