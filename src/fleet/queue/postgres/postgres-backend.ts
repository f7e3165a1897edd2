import {
  type BackendFactory,
  createPostgresBackend,
  type PostgresQueueBackend,
  type RedisQueueBackend,
} from "bullmq";
import { toPostgresQueueError } from "./postgres-errors.ts";
import { PostgresPool } from "./postgres-pool.ts";
import { queueSchema } from "./queue-schema.ts";

export interface PostgresBackendOptions {
  readonly url: string;
  /** Whether the tables are made where there are none. */
  readonly isMade: boolean;
}

const serverNow = "(extract(epoch from clock_timestamp()) * 1000)::bigint";

/**
 * BullMQ's commands that lock a job, and which of their parameters are the time of a lock and the
 * present. A version with another number of parameters locks by the machine's clock.
 */
const locking: Readonly<Record<string, LockingCommand>> = {
  move_to_active: { parameters: 7, lockMs: 3, now: 4 },
  move_to_completed_fetch: { parameters: 13, lockMs: 9, now: 10 },
  move_to_failed_fetch: { parameters: 14, lockMs: 10, now: 11 },
};

interface LockingCommand {
  readonly parameters: number;
  /** From 1. */
  readonly lockMs: number;
  readonly now: number;
}

const pools = new WeakMap<object, PostgresPool>();

/** Returns the connections of a backend that {@link postgresBackend} made; else undefined. */
export function postgresPoolOf(backend: object): PostgresPool | undefined {
  return pools.get(backend);
}

/**
 * Runs BullMQ on PostgreSQL, with connections that wait for the server. Locks expire by the
 * server's clock: BullMQ's own backend uses each machine's, so a fast clock would take away others'
 * jobs. A job that is given back, or whose worker has died, is the next one, as in Redis.
 *
 * It has the type of the Redis backend, BullMQ's default. Use `storeOf` for what the two do not
 * share.
 */
export function postgresBackend({
  url,
  isMade,
}: PostgresBackendOptions): BackendFactory<RedisQueueBackend> {
  return (name, options, connections = {}) => {
    const isListening = Boolean(connections.blocking || connections.withBlockingConnection);
    const pool = new PostgresPool({ url, isMade, isListening });
    const backend: PostgresQueueBackend = createPostgresBackend(
      name,
      { ...options, connection: pool },
      connections,
    );
    pools.set(backend, pool);
    backend.on("close", () => void pool.end());
    const emit = backend.emit.bind(backend);
    backend.emit = (event: string, ...values: unknown[]) =>
      emit(event, ...values.map((value) => toPostgresQueueError(value) ?? value));
    const commands = backend as unknown as BackendCommands;
    const run = commands.run.bind(backend);
    commands.run = (command, values) => {
      const locks = locking[command];
      if (locks === undefined || locks.parameters !== values.length) return run(command, values);
      const { lockMs, now } = locks;
      const places = values.map((_, index) => `$${index + 1}`);
      // The present is when delayed jobs are due, too, by the clock of those who delayed them.
      places[lockMs - 1] = `$${lockMs}::bigint + ${serverNow} - $${now}::bigint`;
      return pool.query(`select * from ${command}(${places})`, values);
    };
    const { stalledInterval = 30_000, maxStalledCount = 1 } = options as StalledOptions;
    backend.moveStalledJobsToWait = async () => {
      const { rows } = await pool.query<{ id: string }>(
        `select id from move_stalled_jobs_to_wait($1, $2, ${serverNow}, $3) as t(id)`,
        [name, maxStalledCount, stalledInterval],
      );
      const ids = rows.map(({ id }) => id);
      if (ids.length > 0) {
        await pool.query(
          `update job set seq = -nextval('job_seq')
           where queue = $1 and id = any($2) and state = 'waiting' and seq > 0`,
          [name, ids],
        );
      }
      return ids;
    };
    const delay = backend.moveToDelayed.bind(backend);
    backend.moveToDelayed = async (...parameters) => {
      const next = await delay(...parameters);
      // So that idle workers know when to look, should this one die.
      await pool.query("select pg_notify('bullmq_jobs', $1)", [name]);
      return next;
    };
    const giveBack = backend.moveJobFromActiveToWait.bind(backend);
    backend.moveJobFromActiveToWait = async (jobId, token = "0") => {
      const { rows } = await pool.query<{ wait: number }>(
        `select ${queueSchema}.give_back($1, $2, $3, ${serverNow}) as wait`,
        [name, jobId, token],
      );
      // Below 0 it failed: BullMQ's own function then throws the error.
      const wait = rows[0]?.wait ?? -1;
      return wait < 0 ? await giveBack(jobId, token) : wait;
    };
    return backend as unknown as RedisQueueBackend;
  };
}

/** What the backend's own methods send requests by. */
interface BackendCommands {
  run(command: string, values: readonly unknown[]): Promise<unknown>;
}

interface StalledOptions {
  readonly stalledInterval?: number;
  readonly maxStalledCount?: number;
}
