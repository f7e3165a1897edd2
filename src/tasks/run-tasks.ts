import { randomUUID } from "node:crypto";
import { FollowingController, untilAborted } from "../base/abort.ts";
import {
  abortSignal,
  aFunction,
  checkOptions,
  type Defined,
  type Expectation,
  iterableOf,
  optionsOf,
  refuseUnknown,
  requireOptions,
  trueOrFalse,
  wholeNumberFrom,
} from "../base/check-options.ts";
import { OrangeryError } from "../errors.ts";
import { isRetryable } from "./is-retryable.ts";
import type { ModelTask } from "./model-task.ts";
import { type TaskOutcome, toFailedOutcome } from "./task-context.ts";

/** How many tasks run at once, how often, and until when. */
export interface RunTasksOptions {
  /**
   * How many tasks are in flight, from 1. Default 2: models run one inference at a time on a
   * device, so while one task infers the next one reads and decodes its photo. More helps if
   * decoding takes longer than inference, at the cost of a decoded photo each.
   */
  readonly concurrency?: number | undefined;
  /**
   * How often a task is tried, from 1, the default. Only a failure that {@link isRetryable} is
   * retried, immediately: pauses between attempts are a queue's business.
   */
  readonly attempts?: number | undefined;
  /** Whether the first failed task ends the run. Default: no, the others continue. */
  readonly stopOnFailure?: boolean | undefined;
  /** Cancels the tasks in flight and ends the run. */
  readonly signal?: AbortSignal | undefined;
}

/** How the task for one payload ended. */
export type TaskEnd<Payload, Result> = TaskOutcome<Result> & {
  readonly payload: Payload;
  /** The payload's place in the source, from 0; ends come in this order. */
  readonly index: number;
  /** The number of attempts, from 1. */
  readonly attempts: number;
};

/**
 * Runs a task for every payload in this process and yields how each ended, in the payloads' order;
 * a failed task is an end, not an exception.
 *
 * The source is asked for the next payload only when a task may start: never more than
 * `concurrency` payloads ahead of the consumed ends. If the run ends early (the source throws,
 * `signal` aborts, or a task fails with `stopOnFailure`), nothing new starts, started tasks are
 * yielded, and then the iteration throws the reason. If the reader stops early, the tasks in flight
 * are cancelled and awaited. Either way the source is closed; a payload that it was about to yield
 * is dropped.
 *
 * ```ts
 * for await (const end of runTasks(countPlants, photos)) {
 *   if (end.status === "succeeded") console.log(end.payload, end.result);
 * }
 * ```
 *
 * @throws `INVALID_ARGUMENT` for `concurrency` or `attempts` below 1
 */
export function runTasks<Payload, Result>(
  // Inferred from the payloads alone: a `run` whose context is of any payload would make it
  // unknown.
  task: ModelTask<NoInfer<Payload>, Result>,
  payloads: AsyncIterable<Payload> | Iterable<Payload>,
  options: RunTasksOptions = {},
): AsyncGenerator<TaskEnd<Payload, Result>, void, undefined> {
  const {
    concurrency = 2,
    attempts = 1,
    stopOnFailure = false,
    signal,
    ...rest
  } = optionsOf("RunTasksOptions", options);
  refuseUnknown("RunTasksOptions", options, rest);
  checkOptions({ concurrency, attempts }, wholeNumberFrom(1));
  checkOptions({ stopOnFailure }, trueOrFalse);
  checkOptions({ signal }, abortSignal);
  requireOptions({ task }, taskShape);
  requireOptions({ payloads }, iterableOf("payloads"));
  return run(task, payloads, { concurrency, attempts, stopOnFailure, signal });
}

const taskShape: Expectation = {
  expected: "a ModelTask",
  holds: (value) =>
    aFunction.holds((value as Partial<ModelTask<unknown, unknown>> | null)?.execute),
};

async function* run<Payload, Result>(
  task: ModelTask<Payload, Result>,
  payloads: AsyncIterable<Payload> | Iterable<Payload>,
  {
    concurrency,
    attempts,
    stopOnFailure,
    signal: outerSignal,
  }: Defined<RunTasksOptions, Exclude<keyof RunTasksOptions, "signal">> &
    Pick<RunTasksOptions, "signal">,
): AsyncGenerator<TaskEnd<Payload, Result>, void, undefined> {
  using stopping = new FollowingController(outerSignal);
  const { signal } = stopping;
  const source = new Source(payloads);
  /** Started and not yet yielded, oldest first; these promises never reject. */
  const inFlight: Promise<TaskEnd<Payload, Result>>[] = [];
  let started = 0;
  let pulling: Promise<void> | undefined;
  let exhausted = false;
  /** Why the run ends before its source. */
  let failure: { readonly error: unknown } | undefined;

  async function start(payload: Payload): Promise<TaskEnd<Payload, Result>> {
    const index = started++;
    const end = await attempt(task, { payload, index, attempts, signal });
    if (end.status === "cancelled" || (end.status === "failed" && stopOnFailure)) {
      failure ??= { error: end.error };
    }
    return end;
  }

  async function pull(): Promise<void> {
    try {
      signal.throwIfAborted();
      const next = await untilAborted(source.next(), signal);
      if (next.done) exhausted = true;
      else if (failure === undefined) inFlight.push(start(next.value));
    } catch (error) {
      failure ??= { error };
    }
    pulling = undefined;
  }

  try {
    for (;;) {
      if (!exhausted && failure === undefined && inFlight.length < concurrency) pulling ??= pull();
      const oldest = inFlight[0];
      if (oldest === undefined) {
        if (failure !== undefined || pulling === undefined) break;
        await pulling;
        continue;
      }
      // Whichever comes first, so that a running task does not delay the start of another.
      const end = await (pulling === undefined ? oldest : Promise.race([oldest, pulling]));
      if (end === undefined) continue;
      inFlight.shift();
      yield end;
    }
  } finally {
    if (inFlight.length > 0 || pulling !== undefined) stopping.abort(readerLeft());
    await Promise.all(inFlight);
    await source.close();
  }
  if (failure !== undefined) throw failure.error;
}

async function attempt<Payload, Result>(
  task: ModelTask<Payload, Result>,
  o: { payload: Payload; index: number; attempts: number; signal: AbortSignal },
): Promise<TaskEnd<Payload, Result>> {
  const { payload, index, signal } = o;
  const taskId = randomUUID();
  for (let attempts = 1; ; attempts++) {
    try {
      const options = { taskId, attempt: attempts, attempts: o.attempts, signal };
      const result = await task.execute(payload, options);
      return { payload, index, attempts, status: "succeeded", result };
    } catch (error) {
      if (attempts < o.attempts && !signal.aborted && isRetryable(error)) continue;
      return { payload, index, attempts, ...toFailedOutcome(error, signal) };
    }
  }
}

/** Reads both kinds of source; what a synchronous one throws becomes a rejection. */
class Source<Payload> {
  readonly #iterator: AsyncIterator<Payload> | Iterator<Payload>;
  #state: "idle" | "reading" | "ended" = "idle";

  constructor(payloads: AsyncIterable<Payload> | Iterable<Payload>) {
    this.#iterator =
      Symbol.asyncIterator in payloads
        ? payloads[Symbol.asyncIterator]()
        : payloads[Symbol.iterator]();
  }

  async next(): Promise<IteratorResult<Payload>> {
    this.#state = "reading";
    try {
      const next = await this.#iterator.next();
      this.#state = next.done ? "ended" : "idle";
      return next;
    } catch (error) {
      this.#state = "ended";
      throw error;
    }
  }

  /**
   * Waits for the source to close, unless it hangs in `next`, after which it would close, or never.
   */
  async close(): Promise<void> {
    if (this.#state === "ended") return;
    const closed = (async () => this.#iterator.return?.())();
    if (this.#state === "idle") await closed;
    else closed.catch(() => {});
  }
}

function readerLeft(): OrangeryError {
  return new OrangeryError(
    "TASK_INTERRUPTED",
    "Expected the reader of `runTasks` to take how this task ended, but it stopped before. " +
      "Run the task again.",
  );
}
