import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { ModelCache, type ModelCacheOptions } from "../models/cache/model-cache.ts";
import type { YoloModel } from "../models/yolo/yolo-model.ts";
import { ModelTask, type ModelTaskOptions } from "./model-task.ts";
import type { TaskContext } from "./task-context.ts";
import { blackPhoto, TinyModels } from "./tiny-models.fixture.ts";

type Work<Result> = (
  task: ModelTask<number, unknown>,
  context: TaskContext<number>,
) => Promise<Result>;

/** Does what it is given. */
class GivenTask<Result> extends ModelTask<number, Result> {
  readonly work: Work<Result>;

  constructor(options: ModelTaskOptions, work: Work<Result>) {
    super(options);
    this.work = work;
  }

  run(_payload: number, context: TaskContext<number>): Promise<Result> {
    return this.work(this, context);
  }
}

let models: TinyModels;

before(async () => {
  models = await TinyModels.create();
});
after(() => models[Symbol.asyncDispose]());

function openCache(options: Partial<ModelCacheOptions> = {}): ModelCache {
  return new ModelCache({ models: models.files, device: "cpu", ...options });
}

function leases(cache: ModelCache): number {
  return cache.info().models.reduce((sum, model) => sum + model.leases, 0);
}

describe("models in a task", () => {
  test("ten tasks load each model once, and have the same instances", async () => {
    await using cache = openCache();
    const seen = new Set<YoloModel>();
    const task = new GivenTask({ cache }, async (self) => {
      const seg = await self.segModel;
      const det = await self.detModel;
      assert.deepEqual([seg.task, det.task], ["segment", "detect"]);
      assert.equal(await self.segModel, seg);
      assert.equal(await self.model("detect"), det);
      seen.add(seg).add(det);
      return (await det.predict(blackPhoto)).device;
    });
    for (let i = 0; i < 10; i++) assert.equal(await task.execute(i), "cpu");
    assert.equal(seen.size, 2);
    assert.equal(cache.info().loads, 2);
  });

  test("a task that uses no model loads none", async () => {
    await using cache = openCache();
    await new GivenTask({ cache }, async () => 1).execute(1);
    assert.equal(cache.info().loads, 0);
  });

  test("models are loaded into the slot of the task's worker", async () => {
    await using cache = openCache();
    const task = new GivenTask({ cache, workerName: "gpu1@host" }, (self) => self.detModel);
    await task.execute(1);
    assert.deepEqual(
      cache.info().models.map((model) => model.workerId),
      [1],
    );
  });

  test("a model is leased once from its first use to the last hook, then given back", async () => {
    await using cache = openCache();
    const held: number[] = [];
    class Holding extends GivenTask<void> {
      override beforeStart() {
        held.push(leases(cache));
      }
      override async onSuccess() {
        await this.detModel;
        held.push(leases(cache));
      }
      override afterReturn() {
        held.push(leases(cache));
      }
    }
    const task = new Holding({ cache }, async (self) => {
      await self.detModel;
      await self.detModel;
      held.push(leases(cache));
    });
    await task.execute(1);
    assert.deepEqual(held, [0, 1, 1, 1]);
    assert.equal(leases(cache), 0);
  });

  test("a failed task gives its models back", async () => {
    await using cache = openCache();
    const task = new GivenTask({ cache }, async (self) => {
      await self.detModel;
      throw new Error("boom");
    });
    await assert.rejects(task.execute(1), { message: "boom" });
    assert.equal(leases(cache), 0);
  });

  test("overlapping executions of one instance hold a lease each", async () => {
    await using cache = openCache();
    const both = Promise.withResolvers<void>();
    let ready = 0;
    const task = new GivenTask({ cache }, async (self) => {
      const model = await self.detModel;
      if (++ready === 2) both.resolve();
      await both.promise;
      const held = leases(cache);
      await nextTurn();
      return { model, held };
    });
    const [a, b] = await Promise.all([task.execute(1), task.execute(2)]);
    assert.equal(a.model, b.model);
    assert.equal(a.held, 2);
    assert.equal(cache.info().loads, 1);
    assert.equal(leases(cache), 0);
  });

  test("a task may execute another, and each has the models of its own worker", async () => {
    await using cache = openCache();
    const inner = new GivenTask({ cache, workerId: 1 }, (self) => self.detModel);
    const outer = new GivenTask({ cache, workerId: 0 }, async (self) => {
      const own = await self.detModel;
      const others = await inner.execute(1);
      assert.notEqual(own, others);
      assert.equal(await self.detModel, own);
      return leases(cache);
    });
    assert.equal(await outer.execute(1), 1);
  });

  test("an unknown model is the task's error", async () => {
    await using cache = openCache();
    const task = new GivenTask({ cache }, (self) => self.model("weeds"));
    await assert.rejects(task.execute(1), { code: "MODEL_NAME_UNKNOWN" });
  });

  test("a failed load is forgotten, also within the task", async () => {
    const weeds = models.files.detect.replace("detect", "weeds");
    await using cache = openCache({ models: { ...models.files, weeds } });
    const task = new GivenTask({ cache }, async (self) => {
      await assert.rejects(self.model("weeds"), { code: "MODEL_NOT_FOUND" });
      await models.write("detect", 1, weeds);
      return (await self.model("weeds")).task;
    });
    assert.equal(await task.execute(1), "detect");
  });

  test("a model that is asked for and not awaited leaves no lease and no rejection", async () => {
    await using cache = openCache();
    const task = new GivenTask({ cache }, async (self) => {
      void self.detModel;
      void self.model("weeds");
      return 1;
    });
    assert.equal(await task.execute(1), 1);
    assert.equal(leases(cache), 0);
    await nextTurn();
  });

  test("work that outlives its task gets no model", async () => {
    await using cache = openCache();
    const ended = Promise.withResolvers<void>();
    let late: Promise<YoloModel> | undefined;
    const task = new GivenTask({ cache }, async (self) => {
      late = ended.promise.then(() => self.detModel);
    });
    await task.execute(1);
    ended.resolve();
    await assert.rejects(late!, { code: "MODEL_RELEASED", message: /`detect`.*Await everything/ });
  });

  test("outside an execution a model is loaded and pinned for the first task", async () => {
    await using cache = openCache();
    const task = new GivenTask({ cache }, (self) => self.detModel);
    const warm = await task.detModel;
    assert.deepEqual(
      cache.info().models.map(({ pinned, leases }) => ({ pinned, leases })),
      [{ pinned: true, leases: 0 }],
    );
    assert.equal(await task.execute(1), warm);
    assert.equal(cache.info().loads, 1);
  });

  test("a changed file: one version in one task, the new one in a later task", async () => {
    await using own = await TinyModels.create();
    await using cache = openCache({ models: own.files, reloadCheckMs: 0 });
    const versions = new GivenTask({ cache }, async (self) => {
      const first = (await self.detModel).sha256;
      await nextTurn();
      const model = await self.detModel;
      await model.predict(blackPhoto);
      return [first, model.sha256];
    });
    const [old] = await versions.execute(1);
    const reloaded = Promise.withResolvers<string>();
    cache.on("model:release", ({ reason }) => reloaded.resolve(reason));

    const straddling = new GivenTask({ cache }, async (self) => {
      const before = await self.detModel;
      await own.write("detect", 2);
      // This one sees the change and makes the cache load the new file beside the old.
      await versions.execute(2);
      while (cache.info().loads < 2) await nextTurn();
      assert.equal(await self.detModel, before);
      await before.predict(blackPhoto);
      return before.sha256;
    });
    assert.equal(await straddling.execute(3), old);
    assert.equal(await reloaded.promise, "reload");
    const [first, second] = await versions.execute(4);
    assert.equal(first, second);
    assert.notEqual(first, old);
  });

  test("a signal that outlives many tasks keeps no listeners", async () => {
    await using cache = openCache();
    const { signal } = new AbortController();
    const task = new GivenTask({ cache }, (self) => self.detModel);
    for (let i = 0; i < 20; i++) await task.execute(i, { signal });
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });
});

describe("tasks are counted by the cache", () => {
  test("trimmed at exactly 100 and 200, reported every 10, failures included", async () => {
    await using cache = openCache();
    const trims: number[] = [];
    const reports: number[] = [];
    cache.on("memory:trim", ({ tasks }) => trims.push(tasks));
    cache.on("memory:report", ({ tasks }) => reports.push(tasks));
    class Counted extends GivenTask<void> {
      override afterReturn() {
        throw new Error("a broken hook");
      }
    }
    const task = new Counted({ cache }, async (self, { payload }) => {
      await self.detModel;
      if (payload % 3 === 0) throw new Error("boom");
    });
    for (let i = 1; i <= 250; i++) {
      await task.execute(i).catch(() => {});
      assert.deepEqual(trims, [100, 200].slice(0, Math.floor(i / 100)));
      assert.equal(reports.length, Math.floor(i / 10));
    }
    assert.deepEqual(reports.slice(0, 3), [10, 20, 30]);
    assert.equal(cache.info().tasks, 250);
    assert.equal(cache.info().loads, 1);
  });

  test("over all tasks of the process that share the cache, cancelled ones included", async () => {
    await using cache = openCache();
    const a = new GivenTask({ cache, workerId: 0 }, async () => 1);
    const b = new GivenTask({ cache, workerId: 1 }, async () => 2);
    await a.execute(1);
    await b.execute(1);
    await assert.rejects(a.execute(1, { signal: AbortSignal.abort() }));
    assert.equal(cache.info().tasks, 3);
  });

  test("a count that fails is logged and loses no result", async () => {
    class Uncounting extends ModelCache {
      override taskDone(): Promise<void> {
        return Promise.reject(new Error("cannot count"));
      }
    }
    await using cache = new Uncounting({ models: models.files });
    assert.equal(await new GivenTask({ cache }, async () => 7).execute(1), 7);
  });
});
