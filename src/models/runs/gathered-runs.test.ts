import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Tensor } from "../../native/runtime.ts";
import { GatheredRuns, partsOf } from "./gathered-runs.ts";

afterEach(() => assert.deepEqual(liveNativeObjects(), {}, "every native object is released"));

/** A device that doubles numbers, whose runs end one by one as they are let go. */
class Doubler {
  readonly batches: number[][] = [];
  readonly signals: (AbortSignal | undefined)[] = [];
  readonly #runs: PromiseWithResolvers<void>[] = [];

  run = async (inputs: readonly Tensor[], signal: AbortSignal | undefined) => {
    this.batches.push(inputs.map(({ data }) => data[0] as number));
    this.signals.push(signal);
    const run = Promise.withResolvers<void>();
    this.#runs.push(run);
    await run.promise;
    const doubled = onnxRuntime.createTensor("float32", [inputs.length, inputs[0]!.shape[1]!]);
    doubled.data.set(inputs.map(({ data }) => 2 * (data[0] as number)));
    return partsOf({ outputs: { doubled }, inferenceMs: 8 }, inputs.length);
  };

  async end(error?: Error): Promise<void> {
    await turn();
    const run = this.#runs.shift()!;
    if (error === undefined) run.resolve();
    else run.reject(error);
    await turn();
  }
}

async function ask(runs: GatheredRuns, value: number, { width = 1, signal }: AskOptions = {}) {
  using input = onnxRuntime.createTensor("float32", [1, width]);
  input.data[0] = value;
  using part = await runs.run(input, signal);
  const { data } = part.outputs.doubled!;
  return { value: (data as Float32Array)[part.index], ms: part.inferenceMs };
}

interface AskOptions {
  readonly width?: number;
  readonly signal?: AbortSignal;
}

function open({ inFlight = 1, largest = 16 } = {}) {
  const device = new Doubler();
  const limit = { largest };
  const runs = new GatheredRuns({ inFlight, largest: () => limit.largest, run: device.run });
  return { device, runs, limit };
}

describe("gathered runs", () => {
  test("begin at once, and take what came meanwhile together, each with its own answer", async () => {
    const { device, runs } = open();
    const asked = [1, 2, 3, 4, 5, 6, 7, 8].map((value) => ask(runs, value));
    assert.deepEqual(device.batches, [[1]]);
    for (let run = 0; run < 4; run++) await device.end();
    assert.deepEqual(device.batches, [[1], [2, 3, 4, 5], [6, 7], [8]]);
    const answers = await Promise.all(asked);
    assert.deepEqual(
      answers.map(({ value }) => value),
      [2, 4, 6, 8, 10, 12, 14, 16],
    );
    assert.deepEqual(
      answers.map(({ ms }) => ms),
      [8, 2, 2, 2, 2, 4, 4, 8],
    );
  });

  test("are as many at a time as the device takes", async () => {
    const { device, runs } = open({ inFlight: 2 });
    const asked = [1, 2, 3, 4].map((value) => ask(runs, value));
    assert.deepEqual(device.batches, [[1], [2]]);
    await device.end();
    assert.deepEqual(device.batches, [[1], [2], [3, 4]]);
    await device.end();
    await device.end();
    await Promise.all(asked);
  });

  test("have inputs of one shape, the one that has waited longest first", async () => {
    const { device, runs } = open();
    const widths = [1, 2, 1, 2, 2];
    const asked = widths.map((width, value) => ask(runs, value, { width }));
    for (let run = 0; run < 4; run++) await device.end();
    assert.deepEqual(device.batches, [[0], [1, 3], [2], [4]]);
    await Promise.all(asked);
  });

  test("are no larger than they may be now", async () => {
    const { device, runs, limit } = open({ largest: 4 });
    const asked = [0, 1, 2, 3, 4, 5, 6, 7].map((value) => ask(runs, value));
    await device.end();
    assert.deepEqual(device.batches.at(-1), [1, 2, 3, 4]);
    limit.largest = 1;
    for (let run = 0; run < 4; run++) await device.end();
    assert.deepEqual(device.batches.slice(2), [[5], [6], [7]]);
    await Promise.all(asked);
  });

  test("that fail do so for each of their inputs, and no other", async () => {
    const { device, runs } = open();
    const asked = [1, 2, 3].map((value) => ask(runs, value));
    const outcomes = Promise.allSettled(asked);
    await device.end();
    const error = new Error("the device is gone");
    await device.end(error);
    const settled = await outcomes;
    assert.deepEqual(
      settled.map(({ status }) => status),
      ["fulfilled", "rejected", "rejected"],
    );
    assert.equal(settled[2]!.status === "rejected" && settled[2]!.reason, error);
    const later = ask(runs, 4);
    await device.end();
    assert.equal((await later).value, 8);
  });

  test("are left by who aborts, and go on for the others", async () => {
    const { device, runs } = open();
    const reason = new Error("enough");
    const [waits, computes] = [new AbortController(), new AbortController()];
    const first = ask(runs, 1);
    const waiting = assert.rejects(ask(runs, 2, waits), reason);
    const computing = assert.rejects(ask(runs, 3, computes), reason);
    const other = ask(runs, 4);
    waits.abort(reason);
    await waiting;
    await assert.rejects(ask(runs, 5, waits), reason);
    await device.end();
    assert.deepEqual(device.batches, [[1], [3, 4]]);
    assert.equal(device.signals.at(-1), undefined, "the run itself is not stopped");
    computes.abort(reason);
    await device.end();
    await computing;
    assert.equal((await other).value, 8);
    await first;
    const alone = new AbortController();
    const stopping = assert.rejects(ask(runs, 6, alone), reason);
    assert.equal(device.signals.at(-1), alone.signal);
    await device.end(reason);
    await stopping;
  });
});
