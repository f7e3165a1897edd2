import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { takePixels } from "../../graph/byte-input.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Session } from "../../native/runtime.ts";
import { ownTurns } from "../../native/turns/own-turns.fixture.ts";
import { cpu } from "../devices/device.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { type Extents, ModelRuns, type SessionThreads } from "./model-runs.ts";
import { RunPlans } from "./run-plans.ts";

let folder: ModelFolder;
let model: string;
before(async () => {
  folder = await ModelFolder.create();
  model = await folder.write("model.onnx", tinyYolo());
});
after(async () => await folder[Symbol.asyncDispose]());

let keys = 0;

/** Runs on 4 cores, two at a time, and which threads the sessions have that are opened. */
async function openRuns({ opens = true, cpuRuns = 2 } = {}) {
  const threads: SessionThreads[] = [];
  const openAgain = async (how: SessionThreads): Promise<Session> => {
    threads.push(how);
    if (!opens) throw new Error("there is no saved network");
    return await onnxRuntime.createSession(model, how);
  };
  const options = { key: `test ${keys++}`, intraOpThreads: 4, cpuRuns, spinning: false };
  const runs = new ModelRuns({
    session: await onnxRuntime.createSession(model, { intraOpThreads: 4 }),
    device: cpu,
    turns: ownTurns(),
    plans: new RunPlans(options),
    openAgain,
  });
  const run = async () => {
    using images = onnxRuntime.createTensor("float32", [1, 3, 32, 32]);
    images.data.fill(0.5);
    const { outputs, inferenceMs } = await runs.run({ images });
    assert.ok(inferenceMs > 0);
    return Object.values(outputs).map((output) => {
      using tensor = output;
      return Array.from(tensor.data as Float32Array);
    });
  };
  return { runs, run, threads, [Symbol.asyncDispose]: () => runs[Symbol.asyncDispose]() };
}

describe("the runs of a model", () => {
  test("have all cores alone, and share them when there are several, with one result", async () => {
    await using open = await openRuns();
    const first = await open.run();
    assert.deepEqual(open.threads, []);
    for (const outputs of await Promise.all(Array.from({ length: 6 }, open.run))) {
      assert.deepEqual(outputs, first);
    }
    assert.deepEqual(open.threads, [{ intraOpThreads: 2, allowSpinning: false }]);
    const { runs, threads, reason } = open.runs.plan!.choice;
    assert.deepEqual([runs, threads, reason], [2, 2, "the number of runs was set"]);
  });

  test("share the threads of the first session where there is no other to be had", async () => {
    await using open = await openRuns({ opens: false });
    const first = await open.run();
    const outputs = await Promise.all(Array.from({ length: 4 }, open.run));
    for (const one of outputs) assert.deepEqual(one, first);
    assert.equal(open.threads.length, 1, "another one is not asked for again and again");
  });

  test("have sessions for the first four sizes of input that occur twice", async () => {
    const free = await folder.write("free.onnx", tinyYolo({ freeSize: true }));
    const opened: [Extents, number][] = [];
    const openForSize = async (freeDimensions: Extents, threads: number): Promise<Session> => {
      opened.push([freeDimensions, threads]);
      if (freeDimensions.height === 96) throw new Error("there is no memory for it");
      return await onnxRuntime.createSession(free, { freeDimensions });
    };
    await using runs = new ModelRuns({
      session: await onnxRuntime.createSession(free),
      device: cpu,
      turns: ownTurns(),
      openForSize,
    });
    const run = async (height: number) => {
      using images = onnxRuntime.createTensor("float32", [1, 3, height, 64]);
      images.data.fill(0.5);
      const { outputs } = await runs.run({ images });
      return Object.values(outputs).map((output) => {
        using tensor = output;
        return Array.from(tensor.data as Float32Array);
      });
    };
    for (const height of [32, 64, 96, 128, 160]) {
      const first = await run(height);
      for (let time = 0; time < 3; time++) assert.deepEqual(await run(height), first);
    }
    const asked = [32, 64, 96, 128].map((height) => [{ height, width: 64 }, 1]);
    assert.deepEqual(opened, asked);
  });

  test("are planned by the pixels of their input, however it is laid out", async () => {
    const byPixel = takePixels(readWholeModel(tinyYolo()));
    const other = await folder.write("by-pixel.onnx", serializeModel(byPixel));
    for (const [file, shape] of [
      [model, [1, 3, 32, 32]],
      [other, [1, 32, 32, 3]],
    ] as const) {
      const places: string[] = [];
      const kept = {
        read: async (place: string) => void places.push(place),
        write: async () => {},
      };
      await using runs = new ModelRuns({
        session: await onnxRuntime.createSession(file),
        device: cpu,
        turns: ownTurns(),
        plans: new RunPlans({ key: `test ${keys++}`, intraOpThreads: 2, kept }),
      });
      using images = onnxRuntime.createTensor("float32", shape);
      const { outputs } = await runs.run({ images });
      for (const output of Object.values(outputs)) output[Symbol.dispose]();
      assert.deepEqual(places, ["2 cores, 2^10 pixels"]);
    }
  });

  test("give memory back in a turn of their own", async () => {
    await using open = await openRuns({ cpuRuns: 1 });
    await Promise.all([open.run(), open.runs.trimMemory(), open.run()]);
    assert.deepEqual(open.threads, []);
  });
});
