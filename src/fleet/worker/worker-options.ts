import type { Telemetry } from "bullmq";
import type { Defined } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { ModelCache, ModelCacheOptions } from "../../models/cache/model-cache.ts";
import type { PayloadParser } from "../jobs/job-data.ts";
import type { JobEnd } from "../jobs/job-processor.ts";
import { checkConnection, type QueueConnection } from "../queue/redis-connection.ts";

export interface FleetWorkerOptions<Payload = unknown> {
  /**
   * Redis: a URL, ioredis' options, or a client. With a client the locks are renewed on the event
   * loop, because it cannot be used in another thread; with the others, from a thread of their own.
   */
  readonly connection: QueueConnection;
  /** The queue's name. */
  readonly queue: string;
  /** Where BullMQ's keys begin, if not with `bull`. */
  readonly prefix?: string | undefined;
  /**
   * The worker's name, such as `gpu0@host`: kept with every job that it takes, and the task's worker
   * id is read from it. Default: `worker@` and the host's name.
   */
  readonly name?: string | undefined;
  /** The device slot that the task works on. Default: read from the name. */
  readonly workerId?: number | undefined;
  /**
   * Where the models come from: a cache, or the options of one that is made for this worker and
   * goes with it. Needed when `createWorker` is given a class.
   */
  readonly cache?: ModelCache | ModelCacheOptions | undefined;
  /**
   * How many jobs are in hand, from 1. Default 2: while one infers, the other reads and decodes its
   * photo. With 1 they are strictly one after another.
   */
  readonly concurrency?: number | undefined;
  /** Checks a job's data. Default: they are taken as they are. */
  readonly parse?: PayloadParser<Payload> | undefined;
  /** Done before the first job is taken; default: all models of `cache` are loaded. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** How often a job is tried that does not say so itself, from 1. Default 5. */
  readonly attempts?: number | undefined;
  /**
   * How long such a job waits before it is tried again: so long at first, twice as long each time,
   * and up to half of it less by chance. Default 2 s.
   */
  readonly backoffMs?: number | undefined;
  /**
   * A job during which worker processes died or hung so often is failed, from 1. Default 10: a
   * process may die for a reason of its own, and such a job is innocent.
   */
  readonly maxCrashes?: number | undefined;
  /**
   * How long a job is locked to its worker unless the lock is renewed, which it is for as long as
   * the job takes. After a worker's death its jobs wait so long. From 1 s; default 30 s.
   */
  readonly lockDurationMs?: number | undefined;
  /** How often jobs are looked for whose worker is gone. Default: half of `lockDurationMs`. */
  readonly stalledIntervalMs?: number | undefined;
  /** A worker whose event loop is blocked for so long loses its jobs. Default 10 minutes. */
  readonly maxBlockedMs?: number | undefined;
  /** Whether the task's log lines are kept with the job, too. Default true. */
  readonly jobLogs?: boolean | undefined;
  /** Whether jobs are taken as soon as the worker is ready. Default true. */
  readonly autostart?: boolean | undefined;
  /** Called when the worker is done with a job, in whatever way. */
  readonly onJobEnd?: ((report: JobEnd) => void) | undefined;
  /** Told of a span for each job, as BullMQ makes them; `bullmq-otel` makes them OpenTelemetry's. */
  readonly telemetry?: Telemetry | undefined;
  readonly logger?: Logger | undefined;
}

/** The options of a worker that a process of its own can be given in a message. */
export type WorkerTuning = Pick<
  FleetWorkerOptions,
  | "prefix"
  | "concurrency"
  | "attempts"
  | "backoffMs"
  | "maxCrashes"
  | "lockDurationMs"
  | "stalledIntervalMs"
  | "maxBlockedMs"
  | "jobLogs"
>;

/** The options that have a value whether one is given or not. */
type Defaulted =
  | "concurrency"
  | "attempts"
  | "backoffMs"
  | "maxCrashes"
  | "lockDurationMs"
  | "stalledIntervalMs"
  | "maxBlockedMs"
  | "jobLogs"
  | "autostart"
  | "logger";
export type CheckedWorkerOptions<Payload> = Omit<FleetWorkerOptions<Payload>, Defaulted> &
  Defined<FleetWorkerOptions<Payload>, Defaulted> & {
    readonly prefix: string | undefined;
  };

/** @throws `INVALID_ARGUMENT` */
export function checkWorkerOptions<Payload>(
  options: FleetWorkerOptions<Payload>,
): CheckedWorkerOptions<Payload> {
  const { lockDurationMs = 30_000 } = options;
  const checked = {
    concurrency: 2,
    attempts: 5,
    backoffMs: 2_000,
    maxCrashes: 10,
    stalledIntervalMs: lockDurationMs / 2,
    maxBlockedMs: 600_000,
    jobLogs: true,
    autostart: true,
    logger: silentLogger,
    prefix: undefined,
    ...withoutUndefined(options),
    lockDurationMs,
  } as CheckedWorkerOptions<Payload>;
  const { queue, connection, concurrency, attempts, maxCrashes } = checked;
  const { backoffMs, stalledIntervalMs, maxBlockedMs } = checked;
  check({ queue }, "a name without `:`", (value) => isText(value) && !value.includes(":"));
  checkConnection(connection);
  check({ concurrency, attempts, maxCrashes }, "a whole number from 1 up", isCount);
  check({ backoffMs }, "milliseconds from 0 up", (value) => isNumber(value) && value >= 0);
  check({ lockDurationMs }, "milliseconds from 1000 up", (ms) => isNumber(ms) && ms >= 1000);
  check({ stalledIntervalMs, maxBlockedMs }, "milliseconds above 0", isAboveZero);
  return checked;
}

function withoutUndefined(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
const isAboveZero = (value: unknown) => isNumber(value) && value > 0;
const isCount = (value: unknown) => Number.isSafeInteger(value) && isAboveZero(value);

function check(
  options: Readonly<Record<string, unknown>>,
  expected: string,
  holds: (value: unknown) => boolean,
): void {
  for (const [option, value] of Object.entries(options)) {
    if (holds(value)) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${option}\` to be ${expected}, got \`${String(value)}\` (${typeof value}).`,
      { details: { option, expected } },
    );
  }
}
