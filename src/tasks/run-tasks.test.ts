import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { isOrangeryError, OrangeryError } from "../errors.ts";
import { ModelCache } from "../models/cache/model-cache.ts";
import { onnxRuntime } from "../native/onnx-runtime.ts";
import type { Runtime, Session } from "../native/runtime.ts";
import { ModelTask } from "./model-task.ts";
import { type RunTasksOptions, runTasks } from "./run-tasks.ts";
import type { TaskContext } from "./task-context.ts";
import { TinyModels } from "./tiny-models.fixture.ts";

type Work = (payload: number, context: TaskContext<number>) => Promise<number> | number;

/** Does what it is given, and notes what is in flight. No model is needed to run tasks in order. */
class GivenTask extends ModelTask<number, number> {
  readonly work: Work;
  inFlight = 0;
  mostInFlight = 0;
  readonly started: number[] = [];

  constructor(work: Work = (payload) => payload * 10) {
    super({ cache: new ModelCache({ models: {} }) });
    this.work = work;
  }

  async run(payload: number, context: TaskContext<number>): Promise<number> {
    this.started.push(payload);
    this.inFlight++;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    try {
      await nextTurn();
      return await this.work(payload, context);
    } finally {
      this.inFlight--;
    }
  }
}

/** A source that notes how far it was read and whether it was closed. */
class Source implements AsyncIterable<number> {
  given = 0;
  closed = false;
  readonly end: number;
  readonly atEnd: (() => Promise<void>) | undefined;

  constructor(end: number, atEnd?: () => Promise<void>) {
    this.end = end;
    this.atEnd = atEnd;
  }

  async *[Symbol.asyncIterator]() {
    try {
      while (this.given < this.end) yield this.given++;
      await this.atEnd?.();
    } finally {
      this.closed = true;
    }
  }
}

/** Reads to the end: the results or errors reported, and what the iteration itself threw. */
async function readAll(task: GivenTask, source: AsyncIterable<number>, options?: RunTasksOptions) {
  const reported: unknown[] = [];
  try {
    for await (const report of runTasks(task, source, options)) {
      reported.push(report.status === "succeeded" ? report.result : report.error);
    }
    return { reported, thrown: undefined };
  } catch (thrown) {
    return { reported, thrown };
  }
}

async function collect<T>(iteration: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const one of iteration) collected.push(one);
  return collected;
}

const never = () => new Promise<never>(() => {});
const boom = new Error("boom");

describe("every payload is reported, in order", () => {
  test("an empty source has no ends", async () => {
    assert.deepEqual(await readAll(new GivenTask(), new Source(0)), {
      reported: [],
      thrown: undefined,
    });
  });

  test("an end has the payload, its place, the attempts and the result", async () => {
    assert.deepEqual(await collect(runTasks(new GivenTask(), [7, 8])), [
      { payload: 7, index: 0, attempts: 1, status: "succeeded", result: 70 },
      { payload: 8, index: 1, attempts: 1, status: "succeeded", result: 80 },
    ]);
  });

  test("a later task that ends earlier waits for its turn", async () => {
    const second = Promise.withResolvers<void>();
    const task = new GivenTask(async (payload) => {
      if (payload === 0) await second.promise;
      if (payload === 1) second.resolve();
      return payload;
    });
    assert.deepEqual((await readAll(task, new Source(4))).reported, [0, 1, 2, 3]);
  });

  test("a failing task is a report and the others go on", async () => {
    const task = new GivenTask((payload) => {
      if (payload % 2 === 1) throw boom;
      return payload;
    });
    assert.deepEqual(await readAll(task, new Source(5)), {
      reported: [0, boom, 2, boom, 4],
      thrown: undefined,
    });
  });

  test("a source may be a synchronous generator that throws", async () => {
    function* source() {
      yield 1;
      throw boom;
    }
    const iteration = runTasks(new GivenTask(), source());
    assert.equal((await iteration.next()).value?.index, 0);
    await assert.rejects(iteration.next(), (error) => error === boom);
  });
});

describe("tasks in flight", () => {
  for (const [concurrency, most] of [
    [undefined, 2],
    [1, 1],
    [3, 3],
    [100, 6],
  ] as const) {
    test(`concurrency ${concurrency ?? "by default"}: at most ${most} of 6`, async () => {
      const task = new GivenTask(async (payload) => {
        for (let turn = 0; turn < 20; turn++) await nextTurn();
        return payload;
      });
      await readAll(task, new Source(6), concurrency === undefined ? {} : { concurrency });
      assert.equal(task.mostInFlight, most);
    });
  }

  test("the source is never read further ahead of the reader than that", async () => {
    const source = new Source(20);
    let taken = 0;
    for await (const _report of runTasks(new GivenTask(), source, { concurrency: 3 })) {
      taken++;
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      assert.ok(source.given - taken <= 3, `${source.given} given, ${taken} taken`);
    }
    assert.equal(taken, 20);
  });

  test("a slow source does not hold back a report that is ready", async () => {
    const task = new GivenTask();
    const iteration = runTasks(task, new Source(1, never));
    assert.equal((await iteration.next()).value?.index, 0);
    await iteration.return();
  });

  for (const options of [{ concurrency: 0 }, { concurrency: 1.5 }, { attempts: 0 }]) {
    test(`${JSON.stringify(options)} is refused at the call`, () => {
      assert.throws(() => runTasks(new GivenTask(), [], options), { code: "INVALID_ARGUMENT" });
    });
  }

  test("what JavaScript may pass by mistake is refused at the call", () => {
    const task = new GivenTask();
    const wrong: [unknown, unknown, unknown?][] = [
      [async () => 1, []],
      [undefined, []],
      [task, undefined],
      [task, 5],
      [task, [], { stopOnFailure: "no" }],
      [task, [], { signal: new AbortController() }],
      [task, [], { concurency: 3 }],
      [task, [], null],
    ];
    for (const [given, payloads, options] of wrong) {
      const run = () => runTasks(given as typeof task, payloads as number[], options as object);
      assert.throws(run, { code: "INVALID_ARGUMENT" });
    }
  });
});

describe("a run that ends before its source yields what has started, then throws", () => {
  test("the source throws", async () => {
    const source = new Source(3, () => Promise.reject(boom));
    const ended = await readAll(new GivenTask(), source, { concurrency: 2 });
    assert.deepEqual(ended, { reported: [0, 10, 20], thrown: boom });
  });

  test("a task fails and stopOnFailure was asked for", async () => {
    const gate = Promise.withResolvers<void>();
    const task = new GivenTask(async (payload) => {
      if (payload === 1) {
        gate.resolve();
        throw boom;
      }
      if (payload === 0) await gate.promise;
      return payload;
    });
    const source = new Source(10);
    const ended = await readAll(task, source, { stopOnFailure: true });
    assert.deepEqual(ended, { reported: [0, boom], thrown: boom });
    assert.deepEqual(task.started, [0, 1]);
    assert.ok(source.closed);
  });

  test("stopOnFailure after the source has ended", async () => {
    const task = new GivenTask(() => {
      throw boom;
    });
    const ended = await readAll(task, new Source(1), { stopOnFailure: true });
    assert.deepEqual(ended, { reported: [boom], thrown: boom });
  });

  test("the signal aborts: tasks in flight are cancelled and waited for", async () => {
    const controller = new AbortController();
    const task = new GivenTask(async (payload, { signal }) => {
      if (payload < 2) return payload;
      if (payload === 3) controller.abort(boom);
      await sleep(60_000, undefined, { signal });
      return payload;
    });
    const source = new Source(10);
    const ended = await readAll(task, source, { signal: controller.signal });
    assert.deepEqual(ended, { reported: [0, 1, boom, boom], thrown: boom });
    assert.equal(task.inFlight, 0);
    assert.ok(source.closed);
    assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  });

  test("the signal aborts while the source hangs", async () => {
    const controller = new AbortController();
    const source = new Source(1, async () => {
      controller.abort(boom);
      await never();
    });
    const ended = await readAll(new GivenTask(), source, { signal: controller.signal });
    assert.equal(ended.thrown, boom);
    assert.equal(ended.reported.length, 1);
  });

  test("the signal was aborted before: nothing starts", async () => {
    const task = new GivenTask();
    const ended = await readAll(task, new Source(3), { signal: AbortSignal.abort(boom) });
    assert.deepEqual(ended, { reported: [], thrown: boom });
    assert.deepEqual(task.started, []);
  });

  test("an abort after the last task changes nothing", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    for await (const report of runTasks(new GivenTask(), [1], { signal })) {
      assert.equal(report.status, "succeeded");
      controller.abort(boom);
    }
  });
});

describe("a reader that stops early", () => {
  test("cancels the tasks in flight, waits for them and closes the source", async () => {
    const reasons: unknown[] = [];
    const task = new GivenTask(async (payload, { signal }) => {
      if (payload === 0) return payload;
      try {
        return await sleep(60_000, payload, { signal });
      } finally {
        await nextTurn();
        reasons.push(signal.reason);
      }
    });
    const source = new Source(10);
    for await (const report of runTasks(task, source, { concurrency: 3 })) {
      while (task.inFlight < 2) await nextTurn();
      assert.equal(report.index, 0);
      break;
    }
    assert.equal(task.inFlight, 0);
    assert.equal(reasons.length, 2);
    assert.ok(reasons.every((reason) => isOrangeryError(reason, "TASK_INTERRUPTED")));
    assert.ok(source.closed);
  });

  test("does not wait for a source that hangs", async () => {
    for await (const _report of runTasks(new GivenTask(), new Source(1, never))) break;
  });

  test("before the first report has nothing to wait for", async () => {
    const source = new Source(3);
    const iteration = runTasks(new GivenTask(), source);
    await iteration.return();
    assert.equal(source.given, 0);
  });

  test("leaves no listener on a signal that outlives the run", async () => {
    const { signal } = new AbortController();
    for await (const report of runTasks(new GivenTask(), new Source(100), { signal })) {
      assert.ok(getEventListeners(signal, "abort").length <= 1);
      if (report.index === 50) break;
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
});

describe("attempts", () => {
  /** Fails the first two times. */
  function flaky(error: unknown) {
    const contexts: TaskContext<number>[] = [];
    const task = new GivenTask((payload, context) => {
      contexts.push(context);
      if (context.attempt < 3) throw error;
      return payload;
    });
    return { task, contexts };
  }

  const rows: [what: string, error: unknown, attempts: number, tried: number, status: string][] = [
    ["by default a task is tried once", boom, 1, 1, "failed"],
    ["a failure that a retry may cure is tried again", boom, 3, 3, "succeeded"],
    ["but no more often than was said", boom, 2, 2, "failed"],
    ["others are not", new OrangeryError("PHOTO_UNREADABLE", "…"), 3, 1, "failed"],
  ];
  for (const [what, error, attempts, tried, status] of rows) {
    test(what, async () => {
      const { task, contexts } = flaky(error);
      const [report] = await collect(runTasks(task, [5], { attempts }));
      assert.equal(report?.status, status);
      assert.equal(report?.attempts, tried);
      assert.deepEqual(
        contexts.map((context) => context.attempt),
        Array.from({ length: tried }, (_, i) => i + 1),
      );
      assert.equal(new Set(contexts.map((context) => context.taskId)).size, 1);
    });
  }

  test("a cancelled task is not tried again", async () => {
    const controller = new AbortController();
    const task = new GivenTask(() => {
      controller.abort(new OrangeryError("TASK_INTERRUPTED", "…"));
      throw boom;
    });
    const options = { attempts: 5, signal: controller.signal };
    const { reported } = await readAll(task, new Source(1), options);
    assert.deepEqual(reported, [boom]);
    assert.equal(task.started.length, 1);
  });
});

describe("tasks with a model", () => {
  test("run one inference at a time, and decode the next photo meanwhile", async () => {
    await using models = await TinyModels.create();
    const photo = await sharp({
      create: { width: 64, height: 48, channels: 3, background: "lime" },
    })
      .jpeg()
      .toBuffer();

    // ONNX Runtime, watched: an inference is held until the next task's photo is decoded and waits
    // in its tensor, which never happens where decoding waits for the inference.
    let watching = false;
    let running = 0;
    let mostRunning = 0;
    let runs = 0;
    let tensors = 0;
    const nextPhotoReady = Promise.withResolvers<void>();
    const watch = (session: Session): Session =>
      new Proxy(session, {
        get(target, key) {
          const value = Reflect.get(target, key, target);
          if (typeof value !== "function") return value;
          if (key !== "run" || !watching) return value.bind(target);
          return async (...args: Parameters<Session["run"]>) => {
            mostRunning = Math.max(mostRunning, ++running);
            if (++runs === 1) await nextPhotoReady.promise;
            return await target.run(...args).finally(() => running--);
          };
        },
      });
    const runtime: Runtime = {
      ...onnxRuntime,
      createTensor(elementType, shape) {
        if (watching && ++tensors === 2) nextPhotoReady.resolve();
        return onnxRuntime.createTensor(elementType, shape);
      },
      async openSharedSession(key, options) {
        const { session, loaded } = await onnxRuntime.openSharedSession(key, options);
        return { session: watch(session), loaded };
      },
    };

    class Detect extends ModelTask<Uint8Array, string> {
      async run(bytes: Uint8Array) {
        return (await (await this.detModel).predict(bytes)).device;
      }
    }
    const one = { device: "cpu", cpuRuns: 1, runtime };
    await using cache = new ModelCache({ models: models.files, ...one });
    const detect = new Detect({ cache });
    await detect.detModel;
    watching = true;
    const reports = await collect(runTasks(detect, Array<Uint8Array>(8).fill(photo)));
    assert.ok(reports.every((report) => report.status === "succeeded"));
    assert.equal(runs, 8);
    assert.equal(mostRunning, 1);
  });
});
