import type { Telemetry } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import type { PayloadParser } from "../jobs/job-data.ts";
import type { ModelTaskClass } from "../worker/create-worker.ts";
import type { DeviceSlot } from "./device-slot.ts";

/** What a worker process is told of its place and its work. */
export interface TaskEnvironment extends DeviceSlot {
  /** Model files by name, from the command line. */
  readonly models: Readonly<Record<string, string>>;
  /** What else the command line says to the module: anything that can be cloned. */
  readonly settings: unknown;
  readonly logger: Logger;
}

/** What a worker process works with. */
export interface TaskSetup<Payload = unknown, Result = unknown> extends AsyncDisposable {
  readonly task: ModelTask<Payload, Result>;
  /** For figures of memory and loads. */
  readonly cache?: ModelCache;
  readonly parse?: PayloadParser<Payload>;
  /** Told of a span for each job. */
  readonly telemetry?: Telemetry;
  /** Loads the models and does a first piece of work with them, before the first job is taken. */
  prove(signal: AbortSignal): Promise<void>;
}

/** What a module of tasks exports as its default, if not a class of tasks. */
export type SetUpTask = (slot: TaskEnvironment) => TaskSetup | Promise<TaskSetup>;

/** A module of tasks: `orangery worker --task <module>`. */
export interface TaskModule {
  readonly default: SetUpTask | ModelTaskClass<unknown, unknown>;
  /** Of a class: its model files by name, unless the command line says others. */
  readonly models?: Readonly<Record<string, string>>;
  /** Of a class: checks a job's data. */
  readonly parse?: PayloadParser<unknown>;
  /** Of a class: told of a span for each job. */
  readonly telemetry?: Telemetry;
}

/**
 * Imports a module of tasks and sets its work up.
 *
 * @throws `INVALID_ARGUMENT` for a module that exports neither
 */
export async function setUpTask(moduleUrl: string, slot: TaskEnvironment): Promise<TaskSetup> {
  const module: Partial<TaskModule> = await import(moduleUrl);
  const { default: exported } = module;
  if (typeof exported !== "function") {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected ${moduleUrl} to export a class of tasks, or a function that sets a worker up, as its default, got ${typeof exported}.`,
      { details: { module: moduleUrl } },
    );
  }
  if (isTaskClass(exported)) return setUpClass(exported, module, slot);
  return await exported(slot);
}

function isTaskClass(
  exported: TaskModule["default"],
): exported is ModelTaskClass<unknown, unknown> {
  // Not `instanceof`: the module may have another copy of the package.
  return typeof exported.prototype?.execute === "function";
}

function setUpClass(
  Task: ModelTaskClass<unknown, unknown>,
  { models, parse, telemetry }: Partial<TaskModule>,
  slot: TaskEnvironment,
): TaskSetup {
  const { workerId, device, requireDevice, intraOpThreads, logger } = slot;
  const cache = new ModelCache({
    ...{ workerId, device, requireDevice, intraOpThreads, logger },
    models: { ...models, ...slot.models },
    // A run of each model as it is loaded: the proof.
    warmUp: true,
  });
  return {
    task: new Task({ cache, workerId, logger }),
    cache,
    ...(parse && { parse }),
    ...(telemetry && { telemetry }),
    prove: (signal) => cache.warmUp(undefined, { signal }),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}
