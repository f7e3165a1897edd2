import { hostname } from "node:os";
import {
  checkOptions,
  type Defined,
  type Expectation,
  numberFrom,
  oneOf,
  optionsOf,
  refuseUnknown,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../../../base/check-options.ts";
import { OrangeryError } from "../../../errors.ts";
import type { Logger } from "../../../logger.ts";
import type { ModelCache, ModelCacheOptions } from "../../../models/cache/model-cache.ts";
import type { ModelTask } from "../../../tasks/model-task.ts";
import type { PayloadParser } from "../../jobs/job-data.ts";
import type { JobEnd } from "../../jobs/job-end.ts";
import type { ModelTaskClass } from "../../worker/task-instance.ts";
import { checkWorkerOptions, type WorkerTuning } from "../../worker/worker-options.ts";
import { checkBackendUrl, checkBrokerUrl } from "./celery-urls.ts";

/** A task that is served under the name of a Celery task. */
export interface CeleryTask<Payload = never, Result = unknown> {
  readonly task: ModelTask<Payload, Result> | ModelTaskClass<Payload, Result>;
  /**
   * The names of its parameters, as a Python function has them: `count("a.jpg", score=0.5)` becomes
   * `{ photo: "a.jpg", score: 0.5 }` with `["photo", "score"]`. Default: the payload is the one
   * positional argument, or else the keyword arguments.
   */
  readonly parameters?: readonly string[] | undefined;
  /** Checks the payload. Default: it is taken as it is. */
  readonly parse?: PayloadParser<Payload> | undefined;
}

/** Tasks by the names that Celery calls them. */
export type CeleryTasks = Readonly<
  // biome-ignore lint/suspicious/noExplicitAny: tasks of any payloads
  Record<string, CeleryTask<any> | ModelTask<any, unknown> | ModelTaskClass<any, any>>
>;

/** The settings of a Celery app that a worker needs; each names its Celery setting. */
export interface CeleryAppOptions {
  /** `broker_url`: `redis://…`, `rediss://…`, `amqp://…` or `amqps://…`. */
  readonly broker: string;
  /**
   * `result_backend`: `redis://…`, `rediss://…`, `db+postgresql://…`, or with RabbitMQ `rpc://`.
   * Default: the broker, on RabbitMQ by `rpc://`.
   */
  readonly resultBackend?: string | undefined;
  /** The queues that are served. Default: `celery`. */
  readonly queues?: readonly string[] | undefined;
  /** `global_keyprefix` of `broker_transport_options`. Default: none. */
  readonly globalKeyPrefix?: string | undefined;
  /** `global_keyprefix` of `result_backend_transport_options`. Default: none. */
  readonly resultKeyPrefix?: string | undefined;
  /** `visibility_timeout` of `broker_transport_options`. Default: an hour. */
  readonly visibilityTimeoutMs?: number | undefined;
  /** `priority_steps` of `broker_transport_options`. Default: 0, 3, 6, 9. */
  readonly prioritySteps?: readonly number[] | undefined;
  /**
   * `task_default_queue_type`, for RabbitMQ queues to be created. `quorum` also means that Celery's
   * clients delay tasks through RabbitMQ. Default: `classic`.
   */
  readonly queueType?: "classic" | "quorum" | undefined;
  /** `task_queue_max_priority`, for RabbitMQ queues to be created. Default: none. */
  readonly queueMaxPriority?: number | undefined;
  /** `broker_native_delayed_delivery_queue_type`. Default: `quorum`. */
  readonly nativeDelayQueueType?: "classic" | "quorum" | undefined;
  /** `result_persistent`: whether results by `rpc://` outlive RabbitMQ. Default false. */
  readonly resultPersistent?: boolean | undefined;
  /** `result_expires`. 0 keeps results for ever. Default: a day. */
  readonly resultExpiresMs?: number | undefined;
  /** `result_extended`. Default false. */
  readonly resultExtended?: boolean | undefined;
  /** `task_ignore_result`. Default false. */
  readonly ignoreResult?: boolean | undefined;
  /** `task_store_errors_even_if_ignored`. Default false. */
  readonly storeErrorsEvenIfIgnored?: boolean | undefined;
  /** `task_track_started`. Default false. */
  readonly trackStarted?: boolean | undefined;
  /** `task_acks_late`. Default true here: a task is in the queue until it has ended. */
  readonly acksLate?: boolean | undefined;
  /**
   * `task_reject_on_worker_lost`. Default true here: a task whose worker died is run again, until
   * `maxCrashes` workers have died. With false, it fails at the first death.
   */
  readonly rejectOnWorkerLost?: boolean | undefined;
  /** `task_soft_time_limit`: then the task's signal aborts. Default: none. */
  readonly softTimeLimitMs?: number | undefined;
  /** `task_time_limit`: then the process ends. Default: none. */
  readonly timeLimitMs?: number | undefined;
  /** The queues of follow-up tasks by name: `task_routes`. */
  readonly routes?: Readonly<Record<string, string>> | undefined;
  /** `task_default_queue`, for tasks without a route. Default `celery`. */
  readonly defaultQueue?: string | undefined;
  /** `worker_send_task_events`, which `enable_events` turns on later, too. Default false. */
  readonly sendTaskEvents?: boolean | undefined;
}

export interface CeleryWorkerOptions extends CeleryAppOptions, Omit<WorkerTuning, "prefix"> {
  /**
   * The worker's name among Celery's nodes, such as `celery@gpu0`; the worker id of its tasks is
   * read from it. Default: `celery@` and the host's name.
   */
  readonly name?: string | undefined;
  /** The device slot that the tasks work on. Default: read from the name. */
  readonly workerId?: number | undefined;
  /** Where the models come from: a cache, or the options of one that goes with the worker. */
  readonly cache?: ModelCache | ModelCacheOptions | undefined;
  /** Runs before the first message is taken. Default: loads all models of `cache`. */
  readonly prepare?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Whether to take messages as soon as the worker is ready. Default true. */
  readonly autostart?: boolean | undefined;
  /** Called when the worker has finished with a message, in whatever way. */
  readonly onJobEnd?: ((end: JobEnd) => void) | undefined;
  /** Ends the process when a task has passed its hard time limit. Default: kills it. */
  readonly endProcess?: (() => void) | undefined;
  /** Called when `celery control shutdown` asks for it. Default: the worker closes. */
  readonly onShutdown?: (() => void) | undefined;
  readonly logger?: Logger | undefined;
}

/** Refuses names that a worker's options do not have. @throws `INVALID_ARGUMENT` */
export function refuseUnknownCeleryOptions(options: CeleryWorkerOptions): void {
  const { broker, resultBackend, queues, ...ofApp } = optionsOf("CeleryWorkerOptions", options);
  const { globalKeyPrefix, resultKeyPrefix, visibilityTimeoutMs, prioritySteps, ...keys } = ofApp;
  const { queueType, queueMaxPriority, nativeDelayQueueType, resultPersistent, ...amqp } = keys;
  const { resultExpiresMs, resultExtended, ignoreResult, trackStarted, ...results } = amqp;
  const { storeErrorsEvenIfIgnored, acksLate, rejectOnWorkerLost, ...acks } = results;
  const { softTimeLimitMs, timeLimitMs, routes, defaultQueue, sendTaskEvents, ...ofWorker } = acks;
  const { name, workerId, cache, prepare, autostart, onJobEnd, endProcess, ...others } = ofWorker;
  const { onShutdown, logger, concurrency, attempts, backoffMs, maxCrashes, ...tuning } = others;
  const { jobLogs, lockDurationMs, stalledIntervalMs, maxBlockedMs, ...rest } = tuning;
  refuseUnknown("CeleryWorkerOptions", options, rest);
}

/** Options without a default. */
type Open =
  | "workerId"
  | "cache"
  | "prepare"
  | "onJobEnd"
  | "endProcess"
  | "onShutdown"
  | "queueMaxPriority"
  | "softTimeLimitMs"
  | "timeLimitMs";

/** Options that have been checked, with their defaults. */
export type CheckedCeleryOptions = Pick<CeleryWorkerOptions, Open> &
  Defined<CeleryWorkerOptions, Exclude<keyof CeleryWorkerOptions, Open>>;

/** @throws `INVALID_ARGUMENT` */
export function checkCeleryOptions(options: CeleryWorkerOptions): CheckedCeleryOptions {
  const {
    broker,
    resultBackend = /^rediss?:/i.test(broker) ? broker : "rpc://",
    queues = ["celery"],
    name = `celery@${hostname()}`,
    globalKeyPrefix = "",
    resultKeyPrefix = "",
    visibilityTimeoutMs = 3_600_000,
    prioritySteps = [0, 3, 6, 9],
    queueType = "classic",
    queueMaxPriority,
    nativeDelayQueueType = "quorum",
    resultPersistent = false,
    resultExpiresMs = 86_400_000,
    resultExtended = false,
    ignoreResult = false,
    storeErrorsEvenIfIgnored = false,
    trackStarted = false,
    acksLate = true,
    rejectOnWorkerLost = true,
    defaultQueue = "celery",
    routes = {},
    sendTaskEvents = false,
    softTimeLimitMs,
    timeLimitMs,
  } = options;
  checkBrokerUrl(broker);
  checkBackendUrl(resultBackend, broker);
  checkOptions({ visibilityTimeoutMs, softTimeLimitMs, timeLimitMs }, numberFrom(1));
  checkOptions({ resultExpiresMs }, numberFrom(0));
  const flags = { resultExtended, ignoreResult, trackStarted, acksLate, rejectOnWorkerLost };
  checkOptions(
    { resultPersistent, ...flags, storeErrorsEvenIfIgnored, sendTaskEvents },
    trueOrFalse,
  );
  checkOptions({ queueType, nativeDelayQueueType }, queueTypes);
  checkOptions({ queueMaxPriority }, wholeNumberFrom(1));
  checkOptions({ prioritySteps }, wholeNumbers);
  checkOptions({ name, globalKeyPrefix, resultKeyPrefix }, text("a text"));
  checkOptions({ defaultQueue, ...routes }, nameOfQueue);
  if (queues.length === 0 || queues.some((queue) => typeof queue !== "string" || queue === "")) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected `queues` to be the names of one or more queues, such as `celery`.",
      { details: { option: "queues" } },
    );
  }
  const ofWorker = { ...options, connection: {}, queue: "celery" };
  const { connection: _, queue: _queue, ...checked } = checkWorkerOptions(ofWorker);
  return {
    ...checked,
    broker,
    resultBackend,
    queues: [...new Set(queues)],
    name,
    globalKeyPrefix,
    resultKeyPrefix: toResultPrefix(resultKeyPrefix),
    visibilityTimeoutMs,
    prioritySteps: [...new Set([0, ...prioritySteps])].sort((a, b) => a - b),
    queueType,
    nativeDelayQueueType,
    resultPersistent,
    resultExpiresMs: Number.isFinite(resultExpiresMs) ? resultExpiresMs : 0,
    resultExtended,
    ignoreResult,
    storeErrorsEvenIfIgnored,
    trackStarted,
    acksLate,
    rejectOnWorkerLost,
    defaultQueue,
    routes,
    sendTaskEvents,
  };
}

/** Celery puts `_` after a results prefix that ends in a letter or digit. */
function toResultPrefix(prefix: string): string {
  return prefix === "" || /[:_\-.]$/.test(prefix) ? prefix : `${prefix}_`;
}

export const queueTypes = oneOf("classic", "quorum");

export const nameOfQueue: Expectation = {
  expected: "the name of a queue, such as `celery`",
  holds: (name) => typeof name === "string" && name !== "",
};

export const wholeNumbers: Expectation = {
  expected: "a list of whole numbers from 0 up",
  holds: (list) => Array.isArray(list) && list.every(wholeNumberFrom(0).holds),
};
