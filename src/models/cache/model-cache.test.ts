import assert from "node:assert/strict";
import { once } from "node:events";
import { rm, stat, writeFile } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { nextMessage } from "../../base/threads/next-message.ts";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { PretendDevices } from "../devices/pretend-devices.fixture.ts";
import { identifyModelFile } from "../files/model-file.ts";
import { blackPhoto, ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import {
  type AcquireOptions,
  ModelCache,
  type ModelCacheEvents,
  type ModelCacheOptions,
} from "./model-cache.ts";

let folder: ModelFolder;
let models: { segment: string; detect: string };
let caches: ModelCache[];

before(async () => {
  folder = await ModelFolder.create();
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  caches = [];
  models = {
    segment: await folder.write("segment.onnx", tinyYolo({ task: "segment" })),
    detect: await folder.write("detect.onnx", tinyYolo({ task: "detect" })),
  };
});
afterEach(async () => {
  for (const cache of caches) await cache[Symbol.asyncDispose]();
  assert.deepEqual(liveNativeObjects(), {}, "every native object is released");
});

/** A cache on the CPU that looks at its files every time, closed after the test. */
function makeCache(options: Partial<ModelCacheOptions> = {}): ModelCache {
  // One run at a time, on the session that was loaded: the tests count loads.
  const runs = { cpuRuns: 1, cpuSpinning: false };
  const cache = new ModelCache({ models, device: "cpu", reloadCheckMs: 0, ...runs, ...options });
  caches.push(cache);
  return cache;
}

function record<K extends keyof ModelCacheEvents>(cache: ModelCache, event: K) {
  const seen: ModelCacheEvents[K][] = [];
  cache.on(event, (payload) => seen.push(payload));
  return seen;
}

const coded = (code: ErrorCode) => (error: unknown) => isOrangeryError(error, code);
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe("a model cache", () => {
  test("gives the same instance on repeated calls, loaded once", async () => {
    const runtime = new PretendDevices();
    const cache = makeCache({ runtime });
    const hits = record(cache, "model:hit");
    const first = await cache.get("detect");
    for (let call = 0; call < 5; call += 1) assert.equal(await cache.get("detect"), first);
    assert.equal(runtime.loads, 1);
    assert.equal(hits.length, 5);
    assert.equal(first.task, "detect");
    const { detections } = await first.predict(blackPhoto);
    assert.deepEqual([...detections.boxesXyxy], [16, 16, 48, 48]);
  });

  test("loads once for many callers at once", async () => {
    const runtime = new PretendDevices();
    const cache = makeCache({ runtime });
    const leases = await Promise.all(Array.from({ length: 20 }, () => cache.acquire("detect")));
    assert.equal(runtime.loads, 1);
    assert.equal(new Set(leases.map(({ model }) => model)).size, 1);
    assert.equal(cache.info().models[0]!.leases, 20);
    for (const lease of leases) await lease[Symbol.asyncDispose]();
    assert.equal(cache.info().models[0]!.leases, 0);
  });

  test("has one instance for each device slot", async () => {
    const runtime = new PretendDevices();
    const cache = makeCache({ runtime, device: "directml" });
    const zero = await cache.get("detect", { workerId: 0 });
    const one = await cache.get("detect", { workerId: 1 });
    assert.notEqual(zero, one);
    assert.deepEqual([zero.device, one.device], ["directml:0", "directml:1"]);
    assert.equal(runtime.loads, 2);
    assert.equal(await cache.get("detect", { workerId: 1 }), one);
  });

  test("shares one load between workers that fall on the same device", async () => {
    const runtime = new PretendDevices();
    const cache = makeCache({ runtime });
    const zero = await cache.get("detect", { workerId: 0 });
    const one = await cache.get("detect", { workerId: 1 });
    assert.notEqual(zero, one);
    assert.equal(runtime.loads, 1);
    await cache.clear(0);
    assert.equal((await one.predict(blackPhoto)).detections.length, 1);
  });

  test("causes one load in four threads and this one", async () => {
    const script = new URL("./model-cache.fixture.ts", import.meta.url);
    const threads = Array.from({ length: 4 }, () => new Worker(script, { workerData: models }));
    const answers = threads.map(
      async (thread) => (await nextMessage(thread)) as { loads: number; found: number },
    );
    const exits = threads.map((thread) => once(thread, "exit"));
    const cache = makeCache();
    await cache.get("detect");
    const results = [...(await Promise.all(answers)), { loads: cache.info().loads, found: 1 }];
    assert.equal(
      results.reduce((sum, { loads }) => sum + loads, 0),
      1,
    );
    assert.deepEqual(
      results.map(({ found }) => found),
      Array(5).fill(1),
    );
    for (const thread of threads) thread.postMessage("end");
    await Promise.all(exits);
  });
});

test("a network that segments detects, too, and its objects have masks", async () => {
  await using cache = new ModelCache({ models: { detect: models.segment }, device: "cpu" });
  const detect = await cache.get("detect");
  assert.equal(detect.task, "segment");
  assert.equal((await detect.predict(blackPhoto)).detections.masks?.length, 1);
});

describe("a device that fails", () => {
  for (const failAt of ["creation", "run"] as const) {
    for (const failOnlyModels of [false, true]) {
      const when = failAt === "run" ? "proving run" : failAt;
      const what = `${failOnlyModels ? "a model's" : "its own"} ${when}`;
      test(`at ${what} is passed over, with one warning that says why`, async () => {
        const runtime = new PretendDevices({ failAt, failOnlyModels });
        const warnings: string[] = [];
        const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
        const cache = makeCache({ runtime, device: "directml:0", logger });
        const fallbacks = record(cache, "device:fallback");
        const reason = failAt === "run" ? "the device went away" : "the device is on fire";

        const model = await cache.get("detect");
        assert.deepEqual([model.device, model.deviceKind], ["cpu", "cpu"]);
        assert.match(model.fallbackReason!, new RegExp(reason));
        assert.equal((await cache.get("segment")).device, "cpu");
        assert.equal(warnings.length, 1, warnings.join("\n"));
        assert.match(warnings[0]!, new RegExp(`instead of directml:0.*${reason}`));
        assert.deepEqual(
          fallbacks.map(({ name, from, to }) => [name, from, to]),
          [
            ["detect", "directml:0", "cpu"],
            ["segment", "directml:0", "cpu"],
          ],
        );
        assert.equal(cache.info().models[0]!.fallbackReason, model.fallbackReason);
      });

      test(`at ${what} is an error where it is required`, async () => {
        const runtime = new PretendDevices({ failAt, failOnlyModels });
        const cache = makeCache({ runtime, device: "directml:0", requireDevice: true });
        await assert.rejects(cache.get("detect"), coded("DEVICE_UNAVAILABLE"));
        assert.deepEqual(cache.info().models, []);
        runtime.failAt = undefined;
        await cache.clear();
        assert.equal((await cache.get("detect")).device, "directml:0", "clear gives a new chance");
      });
    }
  }

  test("is not touched when the CPU is forced", async () => {
    const runtime = new PretendDevices({ failAt: "creation" });
    const cache = makeCache({ runtime, device: "directml:0", forceCpu: true });
    const fallbacks = record(cache, "device:fallback");
    assert.equal((await cache.get("detect")).device, "cpu");
    assert.deepEqual(fallbacks, []);
  });

  test("that nobody knows is refused at once", () => {
    for (const device of ["gpu", "cuda:x", "cuda:0:1", "cpu:1", ""]) {
      assert.throws(() => new ModelCache({ models, device }), coded("DEVICE_UNKNOWN"), device);
    }
  });
});

describe("a load that fails", () => {
  const cases: [string, ErrorCode, () => Promise<string>][] = [
    ["is of a missing file", "MODEL_NOT_FOUND", async () => folder.file("missing.onnx")],
    ["is of a folder", "MODEL_NOT_FOUND", async () => folder.path],
    ["is of an empty file", "MODEL_NOT_ONNX", () => folder.write("empty.onnx", "")],
    ["is of a corrupt file", "MODEL_NOT_ONNX", () => folder.write("corrupt.onnx", "corrupt")],
    [
      "is of a file that was cut short",
      "MODEL_NOT_ONNX",
      () => folder.write("cut.onnx", tinyYolo().subarray(0, 300)),
    ],
    [
      "is of a network for poses",
      "MODEL_NOT_YOLO",
      () => folder.write("pose.onnx", tinyYolo({ metadata: { task: "pose" } })),
    ],
  ];
  for (const [what, code, file] of cases) {
    test(`${what}: ${code}, and is forgotten`, async () => {
      const path = await file();
      const cache = makeCache({ models: { detect: path } });
      await assert.rejects(cache.get("detect"), (error) => {
        assert.ok(isOrangeryError(error, code), String(error));
        assert.ok(error.message.includes(path));
        return true;
      });
      await assert.rejects(cache.acquire("detect"), coded(code));
      assert.deepEqual(cache.info().models, []);
    });
  }

  test("is of a network that detects, under the name segment: MODEL_WRONG_TASK", async () => {
    const cache = makeCache({ models: { segment: models.detect } });
    const message = /a model that segments, to find regions with, got one to detect .*-seg\.pt\.$/;
    await assert.rejects(cache.get("segment"), { code: "MODEL_WRONG_TASK", message });
    assert.deepEqual(cache.info().models, []);
  });

  test("because of the model is not tried on another device", async () => {
    const runtime = new PretendDevices();
    const path = await folder.write("pose.onnx", tinyYolo({ metadata: { task: "pose" } }));
    const cache = makeCache({ models: { detect: path }, runtime, device: "directml:0" });
    await assert.rejects(cache.get("detect"), coded("MODEL_NOT_YOLO"));
    assert.equal(runtime.loads, 1);
  });

  test("is of a name that is not configured: the error lists the names", async () => {
    const cache = makeCache();
    await assert.rejects(
      cache.get("classify"),
      (error) =>
        isOrangeryError(error, "MODEL_NAME_UNKNOWN") && error.message.includes("segment, detect"),
    );
  });

  test("is refused for what it cannot be asked with, also where the model is loaded", async () => {
    const cache = makeCache();
    await cache.warmUp(["detect"]);
    const wrong = [{ workerId: "0" }, { signal: new AbortController() }, { workerID: 1 }, 0, null];
    for (const options of wrong as AcquireOptions[]) {
      await assert.rejects(cache.acquire("detect", options), coded("INVALID_ARGUMENT"));
    }
    await assert.rejects(cache.clear("0" as unknown as number), coded("INVALID_ARGUMENT"));
    for (const names of ["detect", { workerId: 0 }, null] as unknown[]) {
      await assert.rejects(cache.warmUp(names as string[]), coded("INVALID_ARGUMENT"));
    }
    assert.equal(cache.info().models.length, 1);
  });

  test("fails all who waited for it, and the next caller succeeds", async () => {
    const path = await folder.write("later.onnx", "not yet");
    const cache = makeCache({ models: { detect: path } });
    const waiting = Array.from({ length: 5 }, () => cache.acquire("detect"));
    for (const result of await Promise.allSettled(waiting)) {
      assert.equal(result.status, "rejected");
    }
    await folder.write("later.onnx", tinyYolo());
    await using lease = await cache.acquire("detect");
    assert.equal(lease.model.task, "detect");
  });
});

describe("a waiter that aborts", () => {
  for (const [which, index] of [
    ["first", 0],
    ["middle", 1],
    ["last", 2],
  ] as const) {
    test(`leaves alone when it is the ${which}; the others get the one load`, async () => {
      const gate = Promise.withResolvers<void>();
      const runtime = new PretendDevices({ gate: gate.promise });
      const cache = makeCache({ runtime });
      const aborters = [0, 1, 2].map(() => new AbortController());
      const waiting = aborters.map(({ signal }) => cache.acquire("detect", { signal }));
      await until(() => cache.info().models[0]?.leases === 3);
      aborters[index]!.abort(new Error("left"));
      await assert.rejects(waiting[index]!, /left/);
      gate.resolve();
      const others = await Promise.all(waiting.filter((_, other) => other !== index));
      assert.equal(runtime.loads, 1);
      for (const lease of others) await lease[Symbol.asyncDispose]();
    });
  }

  test("takes the load with it when nobody else waits; the next caller begins anew", async () => {
    const gate = Promise.withResolvers<void>();
    const runtime = new PretendDevices({ gate: gate.promise });
    const cache = makeCache({ runtime });
    const aborter = new AbortController();
    const waiting = cache.acquire("detect", { signal: aborter.signal });
    await until(() => cache.info().models[0]?.leases === 1);
    aborter.abort(new Error("left"));
    await assert.rejects(waiting, /left/);
    gate.resolve();
    await using lease = await cache.acquire("detect");
    assert.equal(runtime.loads, 1, "the abandoned load was cancelled");
    assert.equal((await lease.model.predict(blackPhoto)).detections.length, 1);
  });

  test("is refused at once when it has aborted before", async () => {
    const cache = makeCache();
    const signal = AbortSignal.abort(new Error("never mind"));
    await assert.rejects(cache.acquire("detect", { signal }), /never mind/);
  });
});

describe("clear", () => {
  test("releases one worker's models and leaves the others'", async () => {
    const cache = makeCache();
    const released = record(cache, "model:release");
    await cache.get("detect", { workerId: 0 });
    const other = await cache.get("detect", { workerId: 1 });
    await cache.clear(0);
    assert.deepEqual(
      released.map(({ workerId, reason }) => [workerId, reason]),
      [[0, "clear"]],
    );
    assert.equal(await cache.get("detect", { workerId: 1 }), other);
  });

  test("releases all models, and the next caller loads again", async () => {
    const runtime = new PretendDevices();
    const cache = makeCache({ runtime });
    const old = await cache.get("detect");
    await cache.get("segment");
    await cache.clear();
    assert.deepEqual(cache.info().models, []);
    await assert.rejects(old.predict(blackPhoto), coded("MODEL_RELEASED"));
    assert.notEqual(await cache.get("detect"), old);
    assert.equal(runtime.loads, 3);
  });

  test("during a load lets the waiters have it, and does not keep it", async () => {
    const gate = Promise.withResolvers<void>();
    const runtime = new PretendDevices({ gate: gate.promise });
    const cache = makeCache({ runtime });
    const waiting = cache.acquire("detect");
    await until(() => cache.info().models[0]?.leases === 1);
    await cache.clear();
    gate.resolve();
    const lease = await waiting;
    assert.equal((await lease.model.predict(blackPhoto)).detections.length, 1);
    assert.equal(cache.info().models[0]!.state, "draining");
    await lease[Symbol.asyncDispose]();
    assert.deepEqual(await settled(cache), []);
  });

  test("during a load makes those who get a model, to keep it, load again", async () => {
    const gate = Promise.withResolvers<void>();
    const runtime = new PretendDevices({ gate: gate.promise });
    const cache = makeCache({ runtime });
    const getting = cache.get("detect");
    await until(() => cache.info().models[0]?.leases === 1);
    await cache.clear();
    gate.resolve();
    const model = await getting;
    assert.equal((await model.predict(blackPhoto)).detections.length, 1, "it is not released");
    assert.equal((await settled(cache)).length, 1);
    assert.equal(await cache.get("detect"), model);
  });

  test("of one worker during its reload leaves another worker's reload alone", async () => {
    const path = await folder.write("shared.onnx", tinyYolo());
    const cache = makeCache({ models: { detect: path } });
    const workers = [0, 1];
    for (const workerId of workers) await cache.get("detect", { workerId });
    await folder.write("shared.onnx", tinyYolo({ score: 0.75 }));
    for (const workerId of workers) await cache.get("detect", { workerId });
    await cache.clear(0);
    await until(() => cache.info().models.every(({ workerId }) => workerId === 1));
    const scoreOf = async (workerId: number) => {
      await using lease = await cache.acquire("detect", { workerId });
      return (await lease.model.predict(blackPhoto)).detections.scores[0];
    };
    await until(async () => (await scoreOf(1)) === 0.75);
    assert.equal(await scoreOf(0), 0.75);
  });

  test("during a run lets the run end", async () => {
    const cache = makeCache();
    const lease = await cache.acquire("detect");
    const running = lease.model.predict(blackPhoto);
    await cache.clear();
    assert.equal((await running).detections.length, 1);
    assert.equal((await lease.model.predict(blackPhoto)).detections.length, 1, "leased still");
    await lease[Symbol.asyncDispose]();
    await lease[Symbol.asyncDispose]();
    assert.deepEqual(await settled(cache), []);
  });
});

describe("the memory budget", () => {
  const bytes = (name: string, cache: ModelCache) =>
    cache.info().models.find((model) => model.name === name)!.bytes!;

  test("evicts the least recently used, and spares what is leased or pinned", async () => {
    const names = ["a", "b", "c", "d"];
    const files = await Promise.all(
      names.map(async (name, index) => {
        const model = tinyYolo({ score: 0.5 + index / 100 });
        return [name, await folder.write(`${name}.onnx`, model)] as const;
      }),
    );
    const cache = makeCache({
      models: Object.fromEntries(files),
      memoryBudgetBytes: 1,
      thrashWindowMs: 0,
    });
    const released = record(cache, "model:release");
    const overBudget = record(cache, "memory:over-budget");
    const held = await cache.acquire("a");
    await cache.get("b");
    await (await cache.acquire("c"))[Symbol.asyncDispose]();
    await (await cache.acquire("d"))[Symbol.asyncDispose]();
    await turn();
    assert.deepEqual(
      released.map(({ name, reason }) => [name, reason]),
      [["c", "evict"]],
      "d was in use when it was weighed; a is leased and b is pinned",
    );
    assert.ok(bytes("a", cache) > 0);
    assert.ok(overBudget.length > 0);
    await held[Symbol.asyncDispose]();
  });

  test("refuses an eviction that would soon be a load, and reports it", async () => {
    const cache = makeCache({ memoryBudgetBytes: 1, thrashWindowMs: 60_000 });
    const released = record(cache, "model:release");
    const overBudget = record(cache, "memory:over-budget");
    for (const name of ["detect", "segment"]) {
      await (await cache.acquire(name))[Symbol.asyncDispose]();
    }
    assert.deepEqual(released, []);
    assert.ok(overBudget.some(({ spared }) => spared.includes("detect")));
  });

  test("is looked at with what a load really took, once that is known", async () => {
    const cache = makeCache({ memoryBudgetBytes: 1 });
    const overBudget = record(cache, "memory:over-budget");
    await using _ = await cache.acquire("detect");
    const { bytes: taken } = cache.info().models[0]!;
    assert.deepEqual(
      overBudget.map(({ bytes: came }) => came),
      [(await stat(models.detect)).size, taken],
      "the file's size before the load, what it took after it",
    );
  });

  test("counts a session that workers share once, and as long as one of them has it", async () => {
    const cache = makeCache({ memoryBudgetBytes: 1e12 });
    for (const workerId of [0, 1]) await cache.get("detect", { workerId });
    const [first, second] = cache.info().models;
    assert.deepEqual([first!.loadedHere, second!.loadedHere, second!.bytes], [true, false, 0]);
    await cache.clear(0);
    const tight = makeCache({ memoryBudgetBytes: 1 });
    const overBudget = record(tight, "memory:over-budget");
    await using _ = await tight.acquire("detect");
    const { size } = await stat(models.detect);
    assert.deepEqual(
      overBudget.map(({ bytes: came }) => came),
      [size, size],
      "a session that another cache has loaded takes at least its file's size",
    );
  });

  test("is no limit where none is set", async () => {
    const cache = makeCache();
    const released = record(cache, "model:release");
    await cache.warmUp();
    assert.deepEqual(
      cache.info().models.map(({ name }) => name),
      ["segment", "detect"],
    );
    assert.deepEqual(released, []);
  });

  test("apart, models that nobody uses for long expire", async () => {
    const cache = makeCache({ expireAfterMs: 20 });
    const expired = Promise.withResolvers<unknown>();
    cache.on("model:release", expired.resolve);
    await (await cache.acquire("detect"))[Symbol.asyncDispose]();
    // The cache's own timer does not keep a process alive; a test must.
    const alive = setInterval(() => {}, 1000);
    assert.equal(((await expired.promise) as { reason: string }).reason, "expire");
    clearInterval(alive);
  });
});

describe("a model file that changes", () => {
  test("is picked up by new tasks without a pause, while running ones keep the old", async () => {
    const path = await folder.write("changing.onnx", tinyYolo({ score: 0.5 }));
    const cache = makeCache({ models: { detect: path } });
    const released = record(cache, "model:release");
    const old = await cache.acquire("detect");
    await folder.write("changing.onnx", tinyYolo({ score: 0.75 }));

    // Under load: many tasks, each of which sees one version from its first to its last prediction.
    const scores = new Set<string>();
    let fresh = false;
    while (!fresh) {
      await using lease = await cache.acquire("detect");
      const first = await lease.model.predict(blackPhoto);
      const second = await lease.model.predict(blackPhoto);
      assert.equal(first.detections.scores[0], second.detections.scores[0]);
      scores.add(String(first.detections.scores[0]));
      fresh = first.detections.scores[0] === 0.75;
    }
    assert.deepEqual([...scores].sort(), ["0.5", "0.75"]);
    assert.equal((await old.model.predict(blackPhoto)).detections.scores[0], 0.5);
    assert.deepEqual(released, []);
    await old[Symbol.asyncDispose]();
    assert.deepEqual(
      released.map(({ reason }) => reason),
      ["reload"],
    );
  });

  test("to something broken leaves the old model in service, with one warning", async () => {
    const path = await folder.write("breaking.onnx", tinyYolo());
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
    const cache = makeCache({ models: { detect: path }, logger });
    const model = await cache.get("detect");
    await writeFile(path, "broken");
    for (let task = 0; task < 5; task += 1) {
      assert.equal(await cache.get("detect"), model);
      await until(() => cache.info().models.length === 1);
    }
    assert.deepEqual(warnings, ["a changed model file cannot be loaded; the old model stays"]);
    await folder.write("breaking.onnx", tinyYolo({ score: 0.75 }));
    await until(async () => (await cache.get("detect")) !== model);
  });

  test("is picked up under a tight memory budget, which does not evict the old one", async () => {
    const path = await folder.write("tight.onnx", tinyYolo({ score: 0.5 }));
    const cache = makeCache({ models: { detect: path }, memoryBudgetBytes: 1, thrashWindowMs: 0 });
    const scoreOfTask = async () => {
      await using lease = await cache.acquire("detect");
      return (await lease.model.predict(blackPhoto)).detections.scores[0];
    };
    assert.equal(await scoreOfTask(), 0.5);
    await folder.write("tight.onnx", tinyYolo({ score: 0.75 }));
    await until(async () => (await scoreOfTask()) === 0.75);
  });

  test("while it is loaded is never taken for what it was", async () => {
    const path = await folder.write("early.onnx", tinyYolo({ score: 0.5 }));
    const gate = Promise.withResolvers<void>();
    const runtime = new PretendDevices({ gate: gate.promise });
    const cache = makeCache({ models: { detect: path }, runtime });
    const getting = cache.get("detect");
    await until(() => cache.info().models[0]?.leases === 1);
    await folder.write("early.onnx", tinyYolo({ score: 0.75 }));
    gate.resolve();
    const model = await getting;
    const { sha256 } = await identifyModelFile(path);
    assert.equal(model.sha256, sha256);
    assert.equal((await model.predict(blackPhoto)).detections.scores[0], 0.75);
    assert.equal(runtime.loads, 2);
  });

  test("leaves the old model to those who got it, until clear", async () => {
    const path = await folder.write("kept.onnx", tinyYolo({ score: 0.5 }));
    const cache = makeCache({ models: { detect: path } });
    const old = await cache.get("detect");
    await folder.write("kept.onnx", tinyYolo({ score: 0.75 }));
    await until(async () => (await cache.get("detect")) !== old);
    assert.equal((await old.predict(blackPhoto)).detections.scores[0], 0.5);
    assert.deepEqual(
      cache.info().models.map(({ pinned, state }) => [pinned, state]),
      [
        [true, "ready"],
        [true, "ready"],
      ],
    );
    await cache.clear();
    await assert.rejects(old.predict(blackPhoto), coded("MODEL_RELEASED"));
  });

  test("that is gone for a moment leaves the loaded model in service", async () => {
    const path = await folder.write("gone.onnx", tinyYolo());
    const cache = makeCache({ models: { detect: path } });
    const model = await cache.get("detect");
    await rm(path);
    assert.equal(await cache.get("detect"), model);
  });
});

describe("counting tasks", () => {
  test("reports memory every 10 and trims at exactly 100 and 200", async () => {
    const cache = makeCache();
    const reports = record(cache, "memory:report");
    const trims = record(cache, "memory:trim");
    await cache.get("detect");
    for (let task = 1; task <= 200; task += 1) await cache.taskDone();
    assert.deepEqual(
      reports.map(({ tasks }) => tasks),
      Array.from({ length: 20 }, (_, index) => 10 * (index + 1)),
    );
    assert.deepEqual(
      trims.map(({ tasks, models: count }) => [tasks, count]),
      [
        [100, 1],
        [200, 1],
      ],
    );
    assert.ok(trims[0]!.after.processBytes > 0);
    const { tasks, loads, loadsPer1000Tasks } = cache.info();
    assert.deepEqual(
      { tasks, loads, loadsPer1000Tasks },
      { tasks: 200, loads: 1, loadsPer1000Tasks: 5 },
    );
  });

  test("info() says which device was asked for", () => {
    assert.equal(makeCache({ device: "cuda:1" }).info().wantedDevice, "cuda:1");
    assert.equal(makeCache({ device: "cuda:1", forceCpu: true }).info().wantedDevice, "cpu");
  });

  test("can be set to other numbers, which are checked", async () => {
    const cache = makeCache({ trimEvery: 2, logEvery: 3 });
    const trims = record(cache, "memory:trim");
    for (let task = 1; task <= 6; task += 1) await cache.taskDone();
    assert.deepEqual(
      trims.map(({ tasks }) => tasks),
      [2, 4, 6],
    );
    for (const bad of [
      { trimEvery: 0 },
      { logEvery: 1.5 },
      { thrashWindowMs: -1 },
      { workerId: -1 },
    ]) {
      assert.throws(() => new ModelCache({ models, ...bad }), coded("INVALID_ARGUMENT"));
    }
  });
});

test("an ONNX file of free size has its size logged where Ultralytics takes another", async () => {
  const lines: object[] = [];
  const logger: Logger = {
    ...silentLogger,
    info: (fields, message) => {
      if (/Ultralytics takes 640/.test(message)) lines.push(fields);
    },
  };
  const file = (imgsz: string) => tinyYolo({ freeSize: true, metadata: { imgsz } });
  const cache = makeCache({
    models: {
      other: await folder.write("other.onnx", file("[480, 640]")),
      same: await folder.write("same.onnx", file("[640, 640]")),
      fixed: models.detect,
    },
    logger,
  });
  await cache.warmUp();
  assert.deepEqual(lines, [{ name: "other", imageSizeHw: [480, 640] }]);
});

describe("a cache's events", () => {
  test("report loads, hits and releases", async () => {
    const cache = makeCache();
    const loads = record(cache, "model:load");
    const { sha256 } = await cache.get("detect", { workerId: 3 });
    await turn();
    assert.equal(loads.length, 1);
    const { name, workerId, device, loaded } = loads[0]!;
    assert.deepEqual(
      { name, workerId, device, loaded },
      { name: "detect", workerId: 3, device: "cpu", loaded: true },
    );
    assert.equal(loads[0]!.sha256, sha256);
  });

  test("come when the model can be used", async () => {
    const cache = makeCache();
    let state: string | undefined;
    cache.on("model:load", () => {
      state = cache.info().models[0]!.state;
    });
    await cache.get("detect");
    assert.equal(state, "ready");
  });

  test("have listeners that may clear the cache", async () => {
    const cache = makeCache();
    const cleared = Promise.withResolvers<void>();
    cache.on("model:load", () => void cache.clear().then(cleared.resolve));
    await using lease = await cache.acquire("detect");
    await cleared.promise;
    assert.equal((await lease.model.predict(blackPhoto)).detections.length, 1);
    assert.equal(cache.info().models[0]!.state, "draining");
  });

  test("have the names that there are, and listeners that are functions", () => {
    const cache = makeCache();
    const listen = (event: string, listener: unknown) => () =>
      cache.on(event as "model:load", listener as () => void);
    assert.throws(
      listen("model:loaded", () => {}),
      {
        code: "INVALID_ARGUMENT",
        message: /`event` to be model:load, model:hit, .*, got `model:loaded`/,
      },
    );
    assert.throws(listen("model:load", undefined), coded("INVALID_ARGUMENT"));
  });

  test("have listeners that cannot break anything", async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_, message) => errors.push(message) };
    const cache = makeCache({ logger });
    const broken = () => {
      throw new Error("broken listener");
    };
    cache.on("model:load", broken).on("model:hit", broken);
    await cache.get("detect");
    await cache.get("detect");
    assert.deepEqual(errors, ["a listener threw", "a listener threw"]);
    cache.off("model:hit", broken);
    await cache.get("detect");
    assert.equal(errors.length, 2);
  });
});

describe("closing a cache", () => {
  test("releases everything and refuses callers, once and for all", async () => {
    const cache = makeCache();
    await cache.get("detect");
    await cache[Symbol.asyncDispose]();
    await cache[Symbol.asyncDispose]();
    assert.deepEqual(cache.info().models, []);
    await assert.rejects(cache.acquire("detect"), coded("MODEL_RELEASED"));
  });

  test("during a load gives the model to those who wait, and is done when they are", async () => {
    const gate = Promise.withResolvers<void>();
    const runtime = new PretendDevices({ gate: gate.promise });
    const cache = makeCache({ runtime });
    const acquiring = cache.acquire("detect");
    const getting = assert.rejects(cache.get("segment"), coded("MODEL_RELEASED"));
    await until(() => cache.info().models.filter(({ leases }) => leases === 1).length === 2);
    let closed = false;
    const closing = cache[Symbol.asyncDispose]().then(() => {
      closed = true;
    });
    await assert.rejects(cache.acquire("detect"), coded("MODEL_RELEASED"));
    gate.resolve();
    const lease = await acquiring;
    await getting;
    assert.equal((await lease.model.predict(blackPhoto)).detections.length, 1);
    assert.equal(closed, false);
    await lease[Symbol.asyncDispose]();
    await closing;
    assert.deepEqual(cache.info().models, []);
  });

  test("during a reload cancels it", async () => {
    const path = await folder.write("closing.onnx", tinyYolo());
    const cache = makeCache({ models: { detect: path } });
    await cache.get("detect");
    await folder.write("closing.onnx", tinyYolo({ score: 0.75 }));
    await cache.get("detect");
    await cache[Symbol.asyncDispose]();
    assert.deepEqual(cache.info().models, []);
  });
});

test("a model may have any name", async () => {
  const names = ["constructor", "toString", "__proto__", "", "a/b"];
  const cache = makeCache({
    models: Object.fromEntries(names.map((name) => [name, models.detect])),
  });
  for (const name of names) assert.equal((await cache.get(name)).task, "detect");
});

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await turn();
}

/** What is left when the releases under way have ended. */
async function settled(cache: ModelCache): Promise<readonly unknown[]> {
  await until(() => cache.info().models.every(({ state }) => state !== "draining"));
  return cache.info().models;
}
