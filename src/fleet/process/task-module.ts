import type { Telemetry } from "bullmq";
import type { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import type { PayloadParser } from "../jobs/job-data.ts";
import type { ModelTaskClass } from "../worker/task-instance.ts";
import type { FleetWorkerOptions } from "../worker/worker-options.ts";
import type { DeviceSlot } from "./device-slot.ts";
import { importTaskModule, unusableModule } from "./import-task-module.ts";
import type { QueueWorker } from "./queue-worker.ts";

/** Where a task will work: what the function of a task module is called with. */
export interface TaskEnvironment extends DeviceSlot {
  /** Model files by name, from the command line. */
  readonly models: Readonly<Record<string, string>>;
  /** Other structured-cloneable settings that the command line passes to the module. */
  readonly settings: unknown;
  readonly logger: Logger;
  /**
   * Call this when a newer Orangery has updated the results and this version can no longer record:
   * the process gives its jobs back and ends.
   */
  readonly onOvertaken?: ((error: OrangeryError) => void) | undefined;
  /** Aborted when the process is to end: what is still being set up is no longer needed. */
  readonly signal?: AbortSignal | undefined;
}

/** A task, ready for the jobs of a queue, and what belongs to it. */
export interface TaskSetup<Payload = unknown, Result = unknown> extends AsyncDisposable {
  readonly task: ModelTask<Payload, Result>;
  /** For figures of memory and loads. */
  readonly cache?: ModelCache | undefined;
  readonly parse?: PayloadParser<Payload> | undefined;
  /** Receives a span for each job. */
  readonly telemetry?: Telemetry | undefined;
  /** Loads the models and runs each once, before the first job is taken. */
  prove(signal: AbortSignal): Promise<void>;
}

/** What a process gives the worker in it. */
export interface ProcessWorkerOptions extends FleetWorkerOptions {
  /** Call this when somebody asks the worker to end for good. */
  readonly onShutdown?: (() => void) | undefined;
}

/** Workers of another kind than that of one task, and what belongs to them. */
export interface WorkerSetup extends AsyncDisposable {
  readonly cache?: ModelCache | undefined;
  openWorker(options: ProcessWorkerOptions): QueueWorker;
}

/** The default export of a task module, if it is not a class of tasks. */
export type SetUpTask = (
  environment: TaskEnvironment,
) => TaskSetup | WorkerSetup | Promise<TaskSetup | WorkerSetup>;

/** What a module exports that is given to `orangery worker --task <module>`. */
export interface TaskModule {
  readonly default: SetUpTask | ModelTaskClass<unknown, unknown>;
  /** With a class: its model files by name, unless the command line names others. */
  readonly models?: Readonly<Record<string, string>>;
  /** With a class: checks a job's data. */
  readonly parse?: PayloadParser<unknown>;
  /** With a class: receives a span for each job. */
  readonly telemetry?: Telemetry;
}

/**
 * Imports a task module and sets its task up.
 *
 * @throws `TASK_MODULE_UNUSABLE`, or what the module's function throws
 */
export async function setUpTask(
  moduleUrl: string,
  environment: TaskEnvironment,
): Promise<TaskSetup | WorkerSetup> {
  const module: Partial<TaskModule> = await importTaskModule(moduleUrl);
  const { default: exported } = module;
  if (typeof exported !== "function" || isOtherClass(exported)) {
    throw unusableModule(moduleUrl, {
      expected: "to export as its default a class of tasks, or a function that sets a task up",
      came: exported === undefined ? "it has no default export" : `it is ${nameOf(exported)}`,
    });
  }
  if (isTaskClass(exported)) return setUpClass(exported, module, environment);
  const setup = await exported(environment);
  if (isSetup(setup)) return setup;
  throw unusableModule(moduleUrl, {
    expected: "to export a function that returns { task, prove, [Symbol.asyncDispose] }",
    came: `it returned ${nameOf(setup)}`,
  });
}

/** A class without `execute`: neither a function to call nor a task. */
function isOtherClass(exported: TaskModule["default"]): boolean {
  return /^class\b/.test(Function.prototype.toString.call(exported)) && !isTaskClass(exported);
}

/** The module may be JavaScript, whose types nobody has checked. */
function isSetup(setup: unknown): boolean {
  if (typeof setup !== "object" || setup === null) return false;
  const hasWork = "openWorker" in setup || ("task" in setup && "prove" in setup);
  return hasWork && Symbol.asyncDispose in setup;
}

/** `a number`, `class Foo`, `{ task }` */
function nameOf(value: unknown): string {
  if (typeof value === "function") return `class ${value.name}, without a method \`execute\``;
  if (typeof value !== "object" || value === null) return String(value);
  return `an object with ${Object.keys(value).join(", ") || "nothing"}`;
}

function isTaskClass(
  exported: TaskModule["default"],
): exported is ModelTaskClass<unknown, unknown> {
  // Not `instanceof`: the module may use another copy of the package.
  return typeof exported.prototype?.execute === "function";
}

function setUpClass(
  Task: ModelTaskClass<unknown, unknown>,
  { models, parse, telemetry }: Partial<TaskModule>,
  environment: TaskEnvironment,
): TaskSetup {
  const { workerId, device, requireDevice, intraOpThreads, logger } = environment;
  const cache = new ModelCache({
    workerId,
    device,
    requireDevice,
    intraOpThreads,
    logger,
    models: { ...models, ...environment.models },
    // Each model is run as it is loaded: that is the proof.
    warmUp: true,
  });
  return {
    task: new Task({ cache, workerId, logger }),
    cache,
    parse,
    telemetry,
    prove: (signal) => cache.warmUp(undefined, { signal }),
    [Symbol.asyncDispose]: () => cache[Symbol.asyncDispose](),
  };
}
