/** A task module whose task has no models, and whose proof is as its settings say. */
import { ModelCache } from "../../models/cache/model-cache.ts";
import { ModelTask } from "../../tasks/model-task.ts";
import type { TaskEnvironment, TaskSetup } from "./task-module.ts";

class Echo extends ModelTask<unknown, unknown> {
  async run(payload: unknown): Promise<unknown> {
    return payload;
  }
}

/** Settings of this module. */
export interface NotingSettings {
  readonly prove: () => Promise<void>;
  readonly onDispose: () => void;
  /** Gets what the process has given the module. */
  readonly onSetUp: (environment: TaskEnvironment) => void;
}

export default function setUp(environment: TaskEnvironment): TaskSetup {
  const { settings, workerId } = environment;
  const { prove, onDispose, onSetUp } = settings as NotingSettings;
  onSetUp(environment);
  const cache = new ModelCache({ models: {} });
  return {
    task: new Echo({ cache, workerId }),
    cache,
    prove,
    [Symbol.asyncDispose]: async () => onDispose(),
  };
}
