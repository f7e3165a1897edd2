import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import {
  abortSignal,
  aFunction,
  checkOptions,
  type Expectation,
  loggerShape,
  numberFrom,
  optionsOf,
  refuseUnknown,
  requireOptions,
  text,
  wholeNumberFrom,
} from "../base/check-options.ts";
import type { PartialWork } from "../base/partial-work.ts";
import { bothLoggers, type Logger, silentLogger } from "../logger.ts";
import type { ModelCache } from "../models/cache/model-cache.ts";
import type { YoloModel } from "../models/yolo/yolo-model.ts";
import {
  type TaskContext,
  type TaskOutcome,
  type TaskProgress,
  toFailedOutcome,
} from "./task-context.ts";
import { logFailure, logFieldsOf } from "./task-log.ts";
import { TaskRun } from "./task-run.ts";
import { workerIdFromName } from "./worker-id.ts";

/** Where a task gets its models, and which worker runs it. */
export interface ModelTaskOptions {
  /** Where the models come from; one for the whole process. */
  readonly cache: ModelCache;
  /** The worker's name, from which its id is read; see {@link workerIdFromName}. */
  readonly workerName?: string | undefined;
  /** The device slot to work on, from 0. Default: from `workerName`; 0 without one. */
  readonly workerId?: number | undefined;
  /** Default: silent. */
  readonly logger?: Logger | undefined;
}

/** What a queue knows about one execution of a task. */
export interface ExecuteOptions {
  /** The queue's id of the task. Default: a new UUID. */
  readonly taskId?: string | undefined;
  /** 1 for the first attempt, the default. */
  readonly attempt?: number | undefined;
  /** The most attempts that are made. Default: unknown. */
  readonly attempts?: number | undefined;
  /** Cancels the task. */
  readonly signal?: AbortSignal | undefined;
  /** Gets what this execution logs, beside the task's own logger. */
  readonly logger?: Logger | undefined;
  /** Keeps what the task has done for another attempt. */
  readonly partialWork?: PartialWork | undefined;
  /** Called with what the task passes to `context.progress`. */
  readonly onProgress?: ((progress: TaskProgress) => void) | undefined;
  /** Called with what the task passes to `context.timings`. */
  readonly onTimings?: ((timingsMs: Readonly<Record<string, number>>) => void) | undefined;
}

/**
 * A task that works with YOLO models and that any queue can run: write `run`, and let the queue's
 * handler call {@link ModelTask.execute}.
 *
 * ```ts
 * class CountPlants extends ModelTask<{ photo: string }, number> {
 *   async run({ photo }: { photo: string }, { signal }: TaskContext) {
 *     const det = await this.detModel; // the worker's first task loads it, the others have it
 *     const { detections } = await det.predict(photo, { signal });
 *     return detections.length;
 *   }
 * }
 * const task = new CountPlants({ cache, workerName: "gpu0@host" });
 * ```
 *
 * **Order.** `beforeStart`, `run`, then `onSuccess` or `onFailure`, then `afterReturn`; each is
 * awaited before the next begins. Every execution ends with exactly one of `onSuccess` and
 * `onFailure`, and with `afterReturn`. A hook that throws is logged and changes nothing: neither
 * the task's result nor its error is lost, and `run` is called after a `beforeStart` that threw. So
 * whatever `run` depends on belongs in `run`.
 *
 * **Cancellation.** If a task is aborted before it starts, `beforeStart` and `run` are skipped.
 * Later, the running step is waited for: if `run` then fails because of the abort, the task is
 * cancelled; if it still returns a result, the task has succeeded. A cancelled task's `onFailure`
 * gets the abort's reason, and `execute` rejects with it.
 *
 * **Models.** Asked for within an execution, a model is leased until the execution ends: one
 * version throughout, never evicted under the task, and a changed file is picked up by the next
 * task. Executions of one instance may overlap and share nothing but the cache.
 *
 * **Counting.** Each execution counts once in the cache when it has ended, failures included.
 */
export abstract class ModelTask<Payload, Result> {
  readonly workerId: number;
  readonly #cache: ModelCache;
  readonly #logger: Logger;
  readonly #runs = new AsyncLocalStorage<TaskRun>();

  /** @throws `INVALID_ARGUMENT` */
  constructor(options: ModelTaskOptions) {
    // A class of its own options hands all of them on, so no name is refused here.
    const { cache, workerName, logger = silentLogger } = optionsOf("ModelTaskOptions", options);
    requireOptions({ cache }, modelCache);
    checkOptions({ workerName }, text("a worker's name"));
    checkOptions({ logger }, loggerShape);
    const { workerId = workerIdFromName(workerName) } = options;
    checkOptions({ workerId }, wholeNumberFrom(0));
    this.workerId = workerId;
    this.#cache = cache;
    this.#logger = logger.child({ task: this.constructor.name, workerId });
  }

  /** Does the work. What it throws is the task's error. */
  abstract run(payload: Payload, context: TaskContext<Payload>): Promise<Result>;

  /** Called before `run`. */
  beforeStart(_payload: Payload, _context: TaskContext<Payload>): Promise<void> | void {}
  /** Called with what `run` returned. */
  onSuccess(_result: Result, _context: TaskContext<Payload>): Promise<void> | void {}
  /** Called with what `run` threw, in every attempt, or with the reason of the abort. */
  onFailure(_error: unknown, _context: TaskContext<Payload>): Promise<void> | void {}
  /** Called last, whatever happened. */
  afterReturn(
    _outcome: TaskOutcome<Result>,
    _context: TaskContext<Payload>,
  ): Promise<void> | void {}

  /**
   * Returns what is logged with every line of an execution, such as `{ photo }`. Nothing that is
   * secret: no signature of a URL.
   */
  logFields(_payload: Payload): object {
    return {};
  }
  /**
   * Returns what is logged of a result, such as `{ objects: 12 }`. A worker adds the numbers up and
   * logs their sums now and then.
   */
  resultLogFields(_result: Result): object {
    return {};
  }

  /** The model that the cache calls `segment`. */
  get segModel(): Promise<YoloModel> {
    return this.model("segment");
  }

  /** The model that the cache calls `detect`. */
  get detModel(): Promise<YoloModel> {
    return this.model("detect");
  }

  /**
   * The cache's model of that name, on this worker's device. Outside an execution, to have it warm
   * before the first task, it is pinned in the cache until `cache.clear()`.
   *
   * @throws what the cache's `acquire` throws; `MODEL_RELEASED` when asked for by work
   *   that its task did not await
   */
  model(name: string): Promise<YoloModel> {
    const run = this.#runs.getStore();
    const model = run?.model(name) ?? this.#cache.get(name, { workerId: this.workerId });
    // Its failure reaches whoever awaits it; if nobody does, it must not end the process.
    model.catch(() => {});
    return model;
  }

  /**
   * Runs the task once, with its hooks: the entry point for a queue's handler. Rejects with the
   * task's error, or with the signal's reason; `isRetryable` says whether a retry helps. Settles
   * when the task's models are given back.
   *
   * @throws `INVALID_ARGUMENT` for options that it does not have, before any hook
   */
  async execute(payload: Payload, options: ExecuteOptions = {}): Promise<Result> {
    const {
      taskId = randomUUID(),
      attempt = 1,
      attempts = Number.POSITIVE_INFINITY,
      signal = new AbortController().signal,
      logger,
      partialWork,
      onProgress: progress = () => {},
      onTimings: timings = () => {},
      ...rest
    } = optionsOf("ExecuteOptions", options);
    refuseUnknown("ExecuteOptions", options, rest);
    checkOptions({ attempt }, wholeNumberFrom(1));
    checkOptions({ attempts }, numberFrom(1));
    checkOptions({ signal }, abortSignal);
    checkOptions({ logger }, loggerShape);
    checkOptions({ onProgress: progress, onTimings: timings }, aFunction);
    const isLastAttempt = attempt >= attempts;
    const { workerId } = this;
    const own = this.#logger.child({
      jobId: taskId,
      attempt,
      ...logFieldsOf(() => this.logFields(payload)),
    });
    const log = logger === undefined ? own : bothLoggers(own, logger);
    const context = {
      taskId,
      attempt,
      isLastAttempt,
      workerId,
      payload,
      signal,
      log,
      progress,
      timings,
      partialWork,
    };
    const outcome = await this.#runCounted(context, { own, job: logger });
    if (outcome.status === "succeeded") return outcome.result;
    throw outcome.error;
  }

  /** Gives the models back and counts the task, also where a logger throws. */
  async #runCounted(context: TaskContext<Payload>, logs: TaskLogs): Promise<TaskOutcome<Result>> {
    const run = new TaskRun(this.#cache, context);
    try {
      return await this.#runs.run(run, () => this.#runWithHooks(context, logs));
    } finally {
      await run[Symbol.asyncDispose]();
      await this.#count(context.log);
    }
  }

  /** Whatever the task and its hooks throw is in the outcome. */
  async #runWithHooks(context: TaskContext<Payload>, logs: TaskLogs): Promise<TaskOutcome<Result>> {
    const { log, isLastAttempt } = context;
    const startMs = performance.now();
    const outcome = await this.#runOnce(context);
    const durationMs = Math.round(performance.now() - startMs);
    if (outcome.status === "succeeded") {
      const found = logFieldsOf(() => this.resultLogFields(outcome.result));
      // There may be hundreds of thousands of these lines, but only one in each job's own log.
      logs.own.debug({ ...found, durationMs }, "task succeeded");
      logs.job?.info({ ...found, durationMs }, "task succeeded");
      await settleHook("onSuccess", log, () => this.onSuccess(outcome.result, context));
    } else {
      const { status, error } = outcome;
      logFailure(log, error, { durationMs, isCancelled: status === "cancelled", isLastAttempt });
      await settleHook("onFailure", log, () => this.onFailure(error, context));
    }
    await settleHook("afterReturn", log, () => this.afterReturn(outcome, context));
    return outcome;
  }

  async #runOnce(context: TaskContext<Payload>): Promise<TaskOutcome<Result>> {
    const { payload, signal, log } = context;
    try {
      signal.throwIfAborted();
      await settleHook("beforeStart", log, () => this.beforeStart(payload, context));
      signal.throwIfAborted();
      return { status: "succeeded", result: await this.run(payload, context) };
    } catch (error) {
      return toFailedOutcome(error, signal);
    }
  }

  async #count(log: Logger): Promise<void> {
    try {
      await this.#cache.taskDone();
    } catch (err) {
      log.error({ err }, "the model cache could not count this task");
    }
  }
}

const modelCache: Expectation = {
  expected: "a ModelCache",
  holds: (value) => aFunction.holds((value as Partial<ModelCache> | null)?.acquire),
};

/** Where an execution is logged: by the task's own logger, and in the job's own log. */
interface TaskLogs {
  readonly own: Logger;
  readonly job: Logger | undefined;
}

async function settleHook(
  hook: string,
  log: Logger,
  call: () => Promise<void> | void,
): Promise<void> {
  try {
    await call();
  } catch (err) {
    log.error({ err, hook }, `the task's ${hook} hook failed; the task goes on`);
  }
}
