import { OrangeryError } from "../../errors.ts";
import type { ExecuteOptions, ModelTask } from "../../tasks/model-task.ts";
import { type PayloadParser, parseJobData } from "../jobs/job-data.ts";
import { bindArguments } from "./bind-arguments.ts";
import type { CeleryMessage } from "./protocol/celery-message.ts";

/** A task, ready for messages. */
export interface ServedTask {
  readonly task: ModelTask<unknown, unknown>;
  readonly parameters?: readonly string[] | undefined;
  readonly parse?: PayloadParser<unknown> | undefined;
}

/** A message's task, with its payload. */
export interface BoundCall {
  readonly served: ServedTask;
  readonly message: CeleryMessage;
  readonly payload: unknown;
}

/** A task's result, and which task it was. */
export interface ServedResult {
  readonly served: ServedTask;
  readonly value: unknown;
}

export interface ServedTasksOptions {
  readonly tasks: ReadonlyMap<string, ServedTask>;
  /** For messages that have none of their own. */
  readonly softTimeLimitMs: number | undefined;
  readonly timeLimitMs: number | undefined;
  /** Aborts a task that has passed its soft limit. */
  readonly onSoftTimeLimit: (message: CeleryMessage, reason: OrangeryError) => void;
  /** Called when a task has passed its hard limit, aborted or not. */
  readonly onTimeLimit: (message: CeleryMessage, limitMs: number) => void;
}

/** All tasks of a worker as one task, which runs the one that a message names. */
export class ServedTasks {
  readonly #options: ServedTasksOptions;

  constructor(options: ServedTasksOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [...this.#options.tasks.keys()].sort();
  }

  has(name: string): boolean {
    return this.#options.tasks.has(name);
  }

  /** Checks a message's arguments. */
  readonly parse = {
    "~standard": {
      version: 1,
      vendor: "orangery",
      validate: async (data: unknown) => {
        const message = data as CeleryMessage;
        const served = this.#options.tasks.get(message.task)!;
        const { args, kwargs } = message;
        const bound = await parseJobData({ args, kwargs }, (call) =>
          bindArguments(call as typeof message, served.parameters),
        );
        const payload = await parseJobData(bound, served.parse);
        return { value: { served, message, payload } satisfies BoundCall };
      },
    },
  } as const satisfies PayloadParser<BoundCall>;

  /** Runs the task of a message within its time limits. */
  async execute(
    { served, message, payload }: BoundCall,
    options: ExecuteOptions = {},
  ): Promise<ServedResult> {
    const { onSoftTimeLimit, onTimeLimit } = this.#options;
    const softMs = message.softTimeLimitMs ?? this.#options.softTimeLimitMs;
    const hardMs = message.timeLimitMs ?? this.#options.timeLimitMs;
    using soft = timer(softMs, (ms) => onSoftTimeLimit(message, passedLimit(message, ms)));
    using hard = timer(hardMs, (ms) => onTimeLimit(message, ms));
    void soft;
    void hard;
    return { served, value: await served.task.execute(payload, options) };
  }
}

/** What a task logs of its result. */
export function resultLogFields({ served, value }: ServedResult): object {
  return served.task.resultLogFields(value);
}

/** The longest that a timer of Node takes. */
const longestTimerMs = 2 ** 31 - 1;

function timer(ms: number | undefined, onOver: (ms: number) => void): Disposable {
  if (ms === undefined || ms > longestTimerMs) return { [Symbol.dispose]: () => {} };
  const started = setTimeout(() => onOver(ms), ms);
  return { [Symbol.dispose]: () => clearTimeout(started) };
}

function passedLimit({ id, task }: CeleryMessage, ms: number): OrangeryError {
  return new OrangeryError(
    "TASK_TIMED_OUT",
    `Expected task ${task} to end within its soft time limit of ${ms / 1000} s, but it did not. ` +
      "Raise the limit, or look at what takes so long.",
    { details: { id, task, limitMs: ms } },
  );
}
