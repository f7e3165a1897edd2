import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ModelTask } from "../../tasks/model-task.ts";
import { createWorker } from "./create-worker.ts";
import type { FleetWorkerOptions } from "./worker-options.ts";

class Count extends ModelTask<unknown, number> {
  async run(): Promise<number> {
    return 1;
  }
}

const least = { connection: "redis://localhost:1", queue: "photos" };

describe("creating a worker", () => {
  const wrong: [what: string, task: unknown, options: unknown, message: RegExp][] = [
    ["no options", Count, undefined, /`FleetWorkerOptions` to be an object of options, got `undef/],
    [
      "null for options",
      Count,
      null,
      /`FleetWorkerOptions` to be an object of options, got `null`/,
    ],
    ["no queue", Count, { connection: least.connection }, /`queue` to be .*, got `undefined`/],
    ["a function", async () => 1, least, /Expected a task with `execute`, or a class of tasks/],
    ["another class", class Other {}, least, /Expected a task with `execute`, or a class of tasks/],
    ["no task", undefined, least, /a class of tasks, got `undefined`\. Extend ModelTask\./],
  ];
  for (const [what, task, options, message] of wrong) {
    test(`from ${what} is refused, before a server is asked`, () => {
      const create = () => createWorker(task as typeof Count, options as FleetWorkerOptions);
      assert.throws(create, { code: "INVALID_ARGUMENT", message });
    });
  }
});
