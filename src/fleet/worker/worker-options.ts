import type { Telemetry } from "bullmq";
import {
  aFunction,
  checkOptions,
  type Defined,
  type Expectation,
  loggerShape,
  numberFrom,
  optionsOf,
  refuseUnknown,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { ModelCache, ModelCacheOptions } from "../../models/cache/model-cache.ts";
import type { PayloadParser, PayloadSchema } from "../jobs/job-data.ts";
import type { JobEnd } from "../jobs/job-end.ts";
import type { LockPolicy } from "../jobs/job-locks.ts";
import type { JobPolicy } from "../jobs/job-policy.ts";
import { checkQueue, type QueuePlace } from "../queue/redis-connection.ts";

/** The options of a worker that can be sent to another process. */
export interface WorkerTuning extends JobPolicy, LockPolicy, Pick<QueuePlace, "prefix"> {
  /**
   * How many jobs run at the same time, from 1. Default 3: while two infer, each on half of the
   * cores, the third reads and decodes its photo. With 1, jobs run strictly one after another.
   */
  readonly concurrency?: number | undefined;
  /** How often to check for jobs whose worker has died. Default: half of `lockDurationMs`. */
  readonly stalledIntervalMs?: number | undefined;
}

/**
 * The options of a worker. With a URL or ioredis' options as `connection`, locks are renewed from a
 * thread of their own; with a client, which no other thread can use, on the event loop.
 */
export interface FleetWorkerOptions<Payload = unknown> extends WorkerTuning, QueuePlace {
  /**
   * The worker's name, such as `gpu0@host`. It is kept with every job that the worker takes, and
   * the task's worker id is read from it. Default: `worker@` and the host's name.
   */
  readonly name?: string | undefined;
  /** The device slot that the task works on. Default: read from the name. */
  readonly workerId?: number | undefined;
  /**
   * Where the models come from: a cache, or the options of one that the worker creates and owns.
   * Required if `createWorker` is given a class.
   */
  readonly cache?: ModelCache | ModelCacheOptions | undefined;
  /** Checks a job's data. Default: they are taken as they are. */
  readonly parse?: PayloadParser<Payload> | undefined;
  /** Runs before the first job is taken. Default: loads all models of `cache`. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Whether to take jobs as soon as the worker is ready. Default true. */
  readonly autostart?: boolean | undefined;
  /** Called when the worker has finished with a job, in whatever way. */
  readonly onJobEnd?: ((end: JobEnd) => void) | undefined;
  /** Receives a span for each job from BullMQ; `bullmq-otel` exports them to OpenTelemetry. */
  readonly telemetry?: Telemetry | undefined;
  /** Replaces the worker's process when a person asks for it. Default: nothing does. */
  readonly supervision?: WorkerSupervision | undefined;
  readonly logger?: Logger | undefined;
}

/** What a worker knows of the supervisor of its process. */
export interface WorkerSupervision {
  /** How many processes its slot has had before. */
  readonly earlierProcesses: number;
  /** Asks for a fresh process to replace this one. */
  recycle(): void;
  /** A person has drained or resumed the worker; its successors inherit that. */
  directed?(isTaking: boolean): void;
}

type Defaulted = Exclude<keyof WorkerTuning, "prefix"> | "autostart" | "logger";

/** Options that have been checked, with their defaults. */
export type CheckedWorkerOptions<Payload> = Omit<FleetWorkerOptions<Payload>, Defaulted> &
  Defined<FleetWorkerOptions<Payload>, Defaulted>;

/** @throws `INVALID_ARGUMENT` */
export function checkWorkerOptions<Payload>(
  options: FleetWorkerOptions<Payload>,
): CheckedWorkerOptions<Payload> {
  const {
    concurrency = 3,
    attempts = 5,
    backoffMs = 2_000,
    maxCrashes = 10,
    jobLogs = true,
    lockDurationMs = 30_000,
    stalledIntervalMs = lockDurationMs / 2,
    maxBlockedMs = 600_000,
    autostart = true,
    logger = silentLogger,
  } = options;
  checkQueue(options);
  checkOptions({ concurrency, attempts, maxCrashes }, wholeNumberFrom(1));
  checkOptions({ backoffMs }, numberFrom(0));
  checkOptions({ lockDurationMs }, numberFrom(1000));
  checkOptions({ stalledIntervalMs, maxBlockedMs }, numberFrom(1));
  const { name, parse, prepare, onJobEnd } = options;
  checkOptions({ jobLogs, autostart }, trueOrFalse);
  checkOptions({ name }, text("a worker's name"));
  checkOptions({ parse }, parser);
  checkOptions({ prepare, onJobEnd }, aFunction);
  checkOptions({ logger }, loggerShape);
  return {
    ...options,
    concurrency,
    attempts,
    backoffMs,
    maxCrashes,
    jobLogs,
    lockDurationMs,
    stalledIntervalMs,
    maxBlockedMs,
    autostart,
    logger,
  };
}

const parser: Expectation = {
  expected: "a function or a schema that follows Standard Schema",
  holds: (value) =>
    aFunction.holds(value) || aFunction.holds((value as Schema | null)?.["~standard"]?.validate),
};

type Schema = Partial<PayloadSchema<unknown>>;

/** Refuses names that a worker's options do not have. @throws `INVALID_ARGUMENT` */
export function refuseUnknownWorkerOptions<Payload>(options: FleetWorkerOptions<Payload>): void {
  const { connection, queue, prefix, name, workerId, cache, parse, prepare, ...others } = optionsOf(
    "FleetWorkerOptions",
    options,
  );
  const { autostart, onJobEnd, telemetry, supervision, logger, concurrency, ...tuning } = others;
  const { attempts, backoffMs, maxCrashes, jobLogs, ...locks } = tuning;
  const { lockDurationMs, stalledIntervalMs, maxBlockedMs, ...rest } = locks;
  refuseUnknown("FleetWorkerOptions", options, rest);
}
