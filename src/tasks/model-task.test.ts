import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "../logger.ts";
import { ModelCache } from "../models/cache/model-cache.ts";
import { type ExecuteOptions, ModelTask, type ModelTaskOptions } from "./model-task.ts";
import type { TaskContext, TaskOutcome } from "./task-context.ts";
import { TinyModels } from "./tiny-models.fixture.ts";

type Work = (context: TaskContext<string>) => Promise<number> | number;

/** Notes each step as it begins and, a turn of the event loop later, as it ends. */
class NotingTask extends ModelTask<string, number> {
  readonly steps: string[] = [];
  readonly seen: unknown[] = [];
  readonly work: Work;
  /** The hooks that throw. */
  readonly broken: readonly string[];

  constructor(options: ModelTaskOptions, work: Work = () => 42, broken: readonly string[] = []) {
    super(options);
    this.work = work;
    this.broken = broken;
  }

  async #step(name: string, ...seen: unknown[]) {
    this.steps.push(name);
    this.seen.push(...seen);
    await nextTurn();
    if (this.broken.includes(name)) throw new Error(`${name} is broken`);
    this.steps.push(`${name} ended`);
  }

  override beforeStart = (payload: string) => this.#step("beforeStart", payload);
  override onSuccess = (result: number) => this.#step("onSuccess", result);
  override onFailure = (error: unknown) => this.#step("onFailure", error);
  override afterReturn = (outcome: TaskOutcome<number>) => this.#step("afterReturn", outcome);

  async run(_payload: string, context: TaskContext<string>): Promise<number> {
    this.steps.push("run");
    const result = await this.work(context);
    this.steps.push("run ended");
    return result;
  }
}

interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

function recordingLogger(lines: LogLine[] = [], bound: object = {}): Logger {
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, ...bound, ...fields });
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => recordingLogger(lines, { ...bound, ...fields }),
  };
}

let models: TinyModels;

before(async () => {
  models = await TinyModels.create();
});
after(() => models[Symbol.asyncDispose]());

function openCache(): ModelCache {
  return new ModelCache({ models: models.files, device: "cpu" });
}

describe("the steps of an execution", () => {
  const boom = new Error("boom");
  const fail = () => {
    throw boom;
  };

  test("success: beforeStart, run, onSuccess, afterReturn, each awaited", async () => {
    await using cache = openCache();
    const task = new NotingTask({ cache });
    assert.equal(await task.execute("photo"), 42);
    assert.deepEqual(task.steps, [
      ...["beforeStart", "beforeStart ended", "run", "run ended"],
      ...["onSuccess", "onSuccess ended", "afterReturn", "afterReturn ended"],
    ]);
    assert.deepEqual(task.seen, ["photo", 42, { status: "succeeded", result: 42 }]);
  });

  test("failure: beforeStart, run, onFailure, afterReturn, and the task's own error", async () => {
    await using cache = openCache();
    const task = new NotingTask({ cache }, fail);
    await assert.rejects(task.execute("photo"), (error) => error === boom);
    assert.deepEqual(task.steps, [
      ...["beforeStart", "beforeStart ended", "run"],
      ...["onFailure", "onFailure ended", "afterReturn", "afterReturn ended"],
    ]);
    assert.deepEqual(task.seen, ["photo", boom, { status: "failed", error: boom }]);
  });

  test("a task without hooks needs none", async () => {
    class Bare extends ModelTask<number, number> {
      run = async (payload: number) => payload + 1;
    }
    await using cache = openCache();
    assert.equal(await new Bare({ cache }).execute(1), 2);
  });

  test("what has no text can be thrown too", async () => {
    const thrown = Object.create(null);
    await using cache = openCache();
    const task = new NotingTask({ cache }, () => {
      throw thrown;
    });
    await assert.rejects(task.execute("photo"), (error) => error === thrown);
    assert.equal(task.steps.at(-1), "afterReturn ended");
  });

  test("models are given back where the logger throws", async () => {
    const debug = () => assert.fail("broken");
    const logger: Logger = { ...recordingLogger(), debug, child: () => logger };
    await using cache = openCache();
    const work = async () => (await task.detModel).names.length;
    const task: NotingTask = new NotingTask({ cache, logger }, work);
    await assert.rejects(task.execute("photo"), /broken/);
    const { models, tasks } = cache.info();
    assert.deepEqual([models.map(({ leases }) => leases), tasks], [[0], 1]);
  });

  const hooks = ["beforeStart", "onSuccess", "onFailure", "afterReturn"];
  for (const broken of [...hooks.map((hook) => [hook]), hooks]) {
    test(`a throwing hook is logged and changes nothing: ${broken.join(", ")}`, async () => {
      const lines: LogLine[] = [];
      await using cache = openCache();
      const options = { cache, logger: recordingLogger(lines) };

      const good = new NotingTask(options, undefined, broken);
      assert.equal(await good.execute("photo"), 42);
      const bad = new NotingTask(options, fail, broken);
      await assert.rejects(bad.execute("photo"), (error) => error === boom);

      const begun = (task: NotingTask) => task.steps.filter((step) => !step.endsWith("ended"));
      assert.deepEqual(begun(good), ["beforeStart", "run", "onSuccess", "afterReturn"]);
      assert.deepEqual(begun(bad), ["beforeStart", "run", "onFailure", "afterReturn"]);
      const called = [...begun(good), ...begun(bad)].filter((step) => broken.includes(step));
      const logged = lines.filter((line) => line.level === "error").map((line) => line.hook);
      assert.deepEqual(logged, called);
    });
  }
});

describe("cancellation", () => {
  const reason = new Error("the user left");

  const rows: [
    when: string,
    cancel: (controller: AbortController, task: () => NotingTask) => Work,
    steps: string[],
  ][] = [
    [
      "before it starts: only onFailure and afterReturn",
      (controller) => {
        controller.abort(reason);
        return () => 42;
      },
      ["onFailure", "afterReturn"],
    ],
    [
      "while run waits for something that takes the signal",
      (controller) => (context) => {
        queueMicrotask(() => controller.abort(reason));
        return sleep(60_000, 1, { signal: context.signal });
      },
      ["beforeStart", "run", "onFailure", "afterReturn"],
    ],
    [
      "while run waits for a model",
      (controller, task) => async () => {
        queueMicrotask(() => controller.abort(reason));
        await task().detModel;
        return 1;
      },
      ["beforeStart", "run", "onFailure", "afterReturn"],
    ],
  ];
  for (const [when, cancel, steps] of rows) {
    test(`${when}; the error is the reason`, async () => {
      await using cache = openCache();
      const controller = new AbortController();
      const work = cancel(controller, () => task);
      const task: NotingTask = new NotingTask({ cache }, work);
      await assert.rejects(
        task.execute("photo", { signal: controller.signal }),
        (error) => error === reason,
      );
      assert.deepEqual(
        task.steps.filter((step) => !step.endsWith("ended")),
        steps,
      );
      assert.deepEqual(task.seen.slice(-2), [reason, { status: "cancelled", error: reason }]);
    });
  }

  test("while beforeStart runs: run is left out", async () => {
    await using cache = openCache();
    const controller = new AbortController();
    const task = new NotingTask({ cache });
    const execution = task.execute("photo", { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(execution, (error) => error === reason);
    assert.deepEqual(task.steps, [
      ...["beforeStart", "beforeStart ended", "onFailure", "onFailure ended"],
      ...["afterReturn", "afterReturn ended"],
    ]);
  });

  test("a run that has its result all the same has succeeded", async () => {
    await using cache = openCache();
    const controller = new AbortController();
    const task = new NotingTask({ cache }, () => {
      controller.abort(reason);
      return 42;
    });
    assert.equal(await task.execute("photo", { signal: controller.signal }), 42);
    assert.ok(task.steps.includes("onSuccess ended"));
  });

  test("a run that fails for another reason has failed", async () => {
    await using cache = openCache();
    const controller = new AbortController();
    const own = new Error("disk on fire");
    const task = new NotingTask({ cache }, () => {
      controller.abort(reason);
      throw own;
    });
    await assert.rejects(
      task.execute("photo", { signal: controller.signal }),
      (error) => error === own,
    );
    assert.deepEqual(task.seen.at(-1), { status: "failed", error: own });
  });
});

describe("the context", () => {
  test("passes on what the queue said, and the log carries it", async () => {
    const lines: LogLine[] = [];
    await using cache = openCache();
    let context: TaskContext<string> | undefined;
    const options = { cache, workerName: "gpu1@host", logger: recordingLogger(lines) };
    const task = new NotingTask(options, (given) => {
      context = given;
      given.log.info({ beds: 3 }, "counted");
      return 42;
    });
    const { signal } = new AbortController();
    const partialWork = { read: async () => undefined, write: async () => {} };
    const given = { taskId: "job-7", attempt: 2, attempts: 2, signal, partialWork };
    await task.execute("photo", given);
    const { log: _log, progress: _progress, timings: _timings, ...others } = context!;
    assert.deepEqual(others, {
      taskId: "job-7",
      attempt: 2,
      isLastAttempt: true,
      workerId: 1,
      payload: "photo",
      signal,
      partialWork,
    });
    assert.partialDeepStrictEqual(lines, [
      { level: "info", message: "counted", beds: 3, jobId: "job-7", attempt: 2, workerId: 1 },
      { level: "debug", message: "task succeeded", task: "NotingTask", jobId: "job-7" },
    ]);
  });

  test("an execution may have its own log beside the task's, and report progress", async () => {
    const own: LogLine[] = [];
    const lines: LogLine[] = [];
    const reported: unknown[] = [];
    await using cache = openCache();
    const task = new NotingTask({ cache, logger: recordingLogger(own) }, (context) => {
      context.log.info({}, "counting");
      context.progress(50);
      context.progress({ slices: 3, of: 4 });
      return 42;
    });
    await task.execute("photo", {
      taskId: "job-8",
      logger: recordingLogger(lines),
      onProgress: (progress) => reported.push(progress),
    });
    assert.partialDeepStrictEqual(lines, [
      { level: "info", message: "counting" },
      { level: "info", message: "task succeeded" },
    ]);
    assert.deepEqual(
      lines.map(({ message }) => message),
      own.map(({ message }) => message),
    );
    assert.deepEqual(reported, [50, { slices: 3, of: 4 }]);
  });

  test("without a queue a task is its first attempt, under an id of its own", async () => {
    await using cache = openCache();
    const contexts: TaskContext<string>[] = [];
    const task = new NotingTask({ cache }, (context) => contexts.push(context));
    await task.execute("a");
    await task.execute("b");
    assert.deepEqual(
      contexts.map(({ attempt, isLastAttempt, workerId, signal }) => [
        attempt,
        isLastAttempt,
        workerId,
        signal.aborted,
      ]),
      [
        [1, false, 0, false],
        [1, false, 0, false],
      ],
    );
    assert.equal(new Set(contexts.map(({ taskId }) => taskId)).size, 2);
  });

  test("a line has what the task says of its payload and its result, if it can", async () => {
    class Counting extends NotingTask {
      override logFields(photo: string) {
        if (photo === "") throw new Error("no photo");
        return { photo };
      }
      override resultLogFields(objects: number) {
        return { objects };
      }
    }
    const lines: LogLine[] = [];
    await using cache = openCache();
    const task = new Counting({ cache, logger: recordingLogger(lines) }, () => 42);
    await task.execute("a.jpg");
    assert.equal(await task.execute(""), 42);
    assert.partialDeepStrictEqual(lines, [
      { level: "debug", message: "task succeeded", photo: "a.jpg", objects: 42 },
      { level: "debug", logFields: "no photo", objects: 42 },
    ]);
  });

  test("the worker id comes from the name, or is said", async () => {
    await using cache = openCache();
    assert.equal(new NotingTask({ cache }).workerId, 0);
    assert.equal(new NotingTask({ cache, workerName: "worker-1@host" }).workerId, 1);
    assert.equal(new NotingTask({ cache, workerName: "worker-1@host", workerId: 3 }).workerId, 3);
    for (const workerId of [-1, 0.5, Number.NaN]) {
      assert.throws(() => new NotingTask({ cache, workerId }), { code: "INVALID_ARGUMENT" });
    }
  });

  test("a task is not made without a cache, nor with what is no logger or name", async () => {
    await using cache = openCache();
    const wrong = [
      undefined,
      {},
      { cache: { models: models.files } },
      { cache, logger: {} },
      { cache, workerName: 5 },
    ];
    for (const options of wrong as ModelTaskOptions[]) {
      assert.throws(() => new NotingTask(options), { code: "INVALID_ARGUMENT" });
    }
  });

  test("options of an execution that cannot be are refused before any hook", async () => {
    await using cache = openCache();
    const task = new NotingTask({ cache });
    const wrong = [
      { attempt: "1" },
      { attempt: Number.NaN },
      { attempts: 0 },
      { signal: new AbortController() },
      { logger: { info() {} } },
      { onProgress: 50 },
      { onTimings: {} },
      { atempt: 2 },
      null,
    ];
    for (const options of wrong as ExecuteOptions[]) {
      await assert.rejects(task.execute("photo", options), { code: "INVALID_ARGUMENT" });
    }
    assert.deepEqual(task.steps, []);
  });
});
