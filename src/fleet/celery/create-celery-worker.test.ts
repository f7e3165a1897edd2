import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ModelTask } from "../../tasks/model-task.ts";
import type { CeleryTasks, CeleryWorkerOptions } from "./app/celery-options.ts";
import { createCeleryWorker } from "./create-celery-worker.ts";

class Count extends ModelTask<unknown, number> {
  async run(): Promise<number> {
    return 1;
  }
}

const broker = "redis://localhost:1";
const tasks = { "plants.count": Count };

describe("creating a worker of a Celery app", () => {
  const misspelt = { "plants.count": { task: Count, parametres: ["photo"] } };
  const wrong: [what: string, tasks: unknown, options: unknown, message: RegExp][] = [
    ["no options", tasks, undefined, /`CeleryWorkerOptions` to be an object of options/],
    ["a misspelt option", tasks, { broker, globalKeyprefix: "app:" }, /got `globalKeyprefix`/],
    ["an option of BullMQ's", tasks, { broker, queue: "photos" }, /got `queue`, which is none/],
    ["no tasks", undefined, { broker }, /`tasks` to be tasks by the names that Celery calls/],
    ["a task that is none", { "plants.count": 5 }, { broker }, /`tasks` to be tasks by the names/],
    ["a function", { "plants.count": () => 1 }, { broker }, /Extend ModelTask/],
    ["a misspelt part of a task", misspelt, { broker }, /`CeleryTask`, got `parametres`/],
  ];
  for (const [what, given, options, message] of wrong) {
    test(`from ${what} is refused, before a server is asked`, () => {
      const create = () => createCeleryWorker(given as CeleryTasks, options as CeleryWorkerOptions);
      assert.throws(create, { code: "INVALID_ARGUMENT", message });
    });
  }
});
