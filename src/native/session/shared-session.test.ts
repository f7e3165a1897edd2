import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { nextMessage } from "../../base/threads/next-message.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { liveNativeObjects } from "../library/native-object.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import type { Order, ThreadData } from "./shared-session.fixture.ts";

const script = new URL("./shared-session.fixture.ts", import.meta.url);

const workers: Worker[] = [];
after(() => Promise.all(workers.map((worker) => worker.terminate())));

describe("a session shared by threads", { timeout: 120_000 }, () => {
  afterEach(() => {
    assert.deepEqual(liveNativeObjects(), {}, "every native object is released");
  });

  test("is loaded once by ten threads and the main thread that ask at once", async () => {
    const data = threadData("ten threads", { steps: 2, size: 8 });
    const threads = Array.from({ length: 10 }, () => new Thread(data));
    const [mine, ...theirs] = await Promise.all([
      open(data),
      ...threads.map((thread) => thread.send("open")),
    ]);
    assert.equal([mine.loaded !== undefined, ...theirs].filter(Boolean).length, 1);

    const answers = await Promise.all(threads.map((thread) => thread.send("run")));
    assert.deepEqual(answers, Array(10).fill(2));
    await Promise.all(threads.map((thread) => thread.end()));
    await mine.session[Symbol.asyncDispose]();
  });

  test("stays with the others when the thread that loaded it ends without closing it", async () => {
    const data = threadData("loader ends", { steps: 2, size: 8 });
    const loader = new Thread(data);
    assert.equal(await loader.send("open"), true);
    const other = new Thread(data);
    assert.equal(await other.send("open"), false);
    await loader.end();
    assert.equal(await other.send("run"), 2);
    await other.end();
  });

  for (const order of ["end", "exit"] as const) {
    test(`is released by the last thread out, also when it leaves by "${order}"`, async () => {
      const data = threadData(`last out by ${order}`, { steps: 2, size: 8 });
      const threads = [new Thread(data), new Thread(data)];
      for (const thread of threads) await thread.send("open");
      for (const thread of threads) await thread.leave(order);
      const { session, loaded } = await open(data);
      assert.ok(loaded !== undefined, "there was none left to find");
      await session[Symbol.asyncDispose]();
    });
  }

  for (const order of ["end", "exit"] as const) {
    test(`leaves no tensors behind when its threads leave by "${order}"`, async () => {
      const data = { key: "tensors", model: new Uint8Array(), size: 4096 };
      const bytes = 4 * data.size ** 2;
      const before = process.memoryUsage.rss();
      for (let round = 0; round < 8; round += 1) {
        const thread = new Thread(data);
        await thread.send("keep a tensor");
        await thread.leave(order);
      }
      const grownBytes = process.memoryUsage.rss() - before;
      assert.ok(grownBytes < 4 * bytes, `${grownBytes}`);
    });
  }

  test("leaves no tensors behind when its threads are killed, once another is opened", async () => {
    const data = { ...threadData("killed with tensors", { steps: 2, size: 8 }), size: 4096 };
    const bytes = 4 * data.size ** 2;
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 8; round += 1) {
      const thread = new Thread(data);
      await thread.send("open");
      await thread.send("keep a tensor");
      await thread.kill();
    }
    const { session } = await open(data);
    await session[Symbol.asyncDispose]();
    const grownBytes = process.memoryUsage.rss() - before;
    assert.ok(grownBytes < 4 * bytes, `${grownBytes}`);
  });

  test("is adopted by the next opener when every thread that had it was killed", async () => {
    const data = threadData("killed", { steps: 2, size: 8 });
    const thread = new Thread(data);
    await thread.send("open");
    await thread.kill();
    const { session, loaded } = await open(data);
    assert.equal(loaded, undefined);
    await session[Symbol.asyncDispose]();
    const again = await open(data);
    assert.ok(again.loaded !== undefined, "the adopter released it");
    await again.session[Symbol.asyncDispose]();
  });

  test("is released by the last live thread when another was killed", async () => {
    const data = threadData("killed beside another", { steps: 2, size: 8 });
    const killed = new Thread(data);
    await killed.send("open");
    const mine = await open(data);
    await killed.kill();
    await mine.session[Symbol.asyncDispose]();
    // The orphan is released behind the scenes, or adopted: either way nothing breaks.
    const again = await open(data);
    await again.session[Symbol.asyncDispose]();
    const last = await open(data);
    assert.ok(last.loaded !== undefined);
    await last.session[Symbol.asyncDispose]();
  });

  test("survives threads that are killed in the middle of a run", async () => {
    const data = threadData("killed in a run", { steps: 40, size: 256 });
    const { session } = await open(data);
    for (let round = 0; round < 5; round += 1) {
      const thread = new Thread(data);
      await thread.send("open");
      await thread.send("start a run");
      await thread.kill();
    }
    using x = onnxRuntime.createTensor("float32", [256, 256]);
    x.data.fill(5);
    using y = (await session.run({ x })).y!;
    assert.equal(y.data[0], 5);
    await session[Symbol.asyncDispose]();
  });

  test("lets the process exit while a thread is in the middle of a run", () => {
    const { model, ...data } = threadData("exit", { steps: 40, size: 256 });
    const base64 = Buffer.from(model).toString("base64");
    const program = `
      import { Worker } from "node:worker_threads";
      const data = ${JSON.stringify(data)};
      data.model = new Uint8Array(Buffer.from("${base64}", "base64"));
      const script = new URL(${JSON.stringify(script.href)});
      const worker = new Worker(script, { workerData: data, execArgv: [] });
      worker.once("message", () => {
        worker.once("message", () => process.exit(7));
        worker.postMessage("start a run");
      });
      worker.postMessage("open");
    `;
    const { status, signal, stderr } = spawnSync(
      process.execPath,
      ["--input-type=module", "--eval", program],
      { encoding: "utf8", timeout: 60_000, killSignal: "SIGKILL" },
    );
    assert.deepEqual({ status, signal }, { status: 7, signal: null }, stderr);
  });

  test("goes on loading for a waiting thread when the thread that began it gives up", async () => {
    const data = threadData("gives up", { steps: 2, size: 8 });
    const aborter = new AbortController();
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<AbortSignal | undefined>();
    const mine = onnxRuntime.openSharedSession(data.key, {
      signal: aborter.signal,
      load: async (signal) => {
        begun.resolve(signal);
        await gate.promise;
        return { session: await onnxRuntime.createSession(data.model, { signal }) };
      },
    });
    const loadSignal = await begun.promise;
    const thread = new Thread(data);
    const theirs = thread.send("open");
    // The thread has asked once it is counted; until then the load would rightly be cancelled.
    await thread.waits();
    aborter.abort(new Error("no longer needed"));
    await assert.rejects(mine, /no longer needed/);
    assert.equal(loadSignal?.aborted, false);
    gate.resolve();
    assert.equal(await theirs, false, "it found what was loaded for it");
    await thread.end();
  });
});

/** x times the identity, again and again: y = x. */
function multiplier({ steps, size }: { steps: number; size: number }): Uint8Array {
  const graph = new GraphBuilder("multiplier");
  const x = graph.input("x", "float32", [size, size]);
  const identity = graph.node("EyeLike", [x]);
  let y = x;
  for (let step = 0; step < steps; step += 1) y = graph.node("MatMul", [y, identity]);
  graph.output("y", y, "float32", [size, size]);
  return serializeModel(graph.toModel());
}

function threadData(name: string, shape: { steps: number; size: number }) {
  return { key: `${process.pid} ${name}`, model: multiplier(shape), size: shape.size };
}

function open({ key, model }: Pick<ThreadData, "key" | "model">) {
  return onnxRuntime.openSharedSession(key, {
    load: async (signal) => ({ session: await onnxRuntime.createSession(model, { signal }) }),
  });
}

class Thread {
  readonly #worker: Worker;
  readonly #key: string;

  constructor(data: ThreadData) {
    this.#worker = new Worker(script, { workerData: data });
    workers.push(this.#worker);
    this.#key = data.key;
  }

  async send(order: Order): Promise<unknown> {
    this.#worker.postMessage(order);
    return await nextMessage(this.#worker);
  }

  async leave(order: "end" | "exit"): Promise<void> {
    const exited = once(this.#worker, "exit");
    this.#worker.postMessage(order);
    await exited;
  }

  async end(): Promise<void> {
    await this.leave("end");
  }

  async kill(): Promise<void> {
    await this.#worker.terminate();
  }

  /** Resolves once a second caller waits for this thread's key. */
  async waits(): Promise<void> {
    const { SessionRecord } = await import("./session-record.ts");
    const record = await SessionRecord.of(this.#key);
    while (record.waiters < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
