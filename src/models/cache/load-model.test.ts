import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime } from "../../native/runtime.ts";
import { ownTurns } from "../../native/turns/own-turns.fixture.ts";
import { cpu, parseDevice } from "../devices/device.ts";
import { PretendDevices } from "../devices/pretend-devices.fixture.ts";
import { hasFileChanged, identifyModelFile } from "../files/model-file.ts";
import { blackPhoto, ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { isModelAtFault, type LoadModelOptions, loadModel } from "./load-model.ts";

let folder: ModelFolder;
before(async () => {
  folder = await ModelFolder.create();
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});
afterEach(() => assert.deepEqual(liveNativeObjects(), {}, "every native object is released"));

async function write(contents: Uint8Array | string) {
  return await identifyModelFile(await folder.write("model.onnx", contents));
}

function options(more: Partial<LoadModelOptions> = {}): LoadModelOptions {
  return { runtime: onnxRuntime, turns: ownTurns(), ...more };
}

/** The CPU as any device, that does something once a session is created, and counts its runs. */
function runtimeWith(afterCreation: () => Promise<unknown> = async () => {}) {
  const counts = { runs: 0 };
  const runtime: Runtime = {
    ...onnxRuntime,
    createSession: async (source, { provider: _, ...sessionOptions } = {}) => {
      const session = await onnxRuntime.createSession(source, sessionOptions);
      await afterCreation();
      const run = session.run.bind(session);
      session.run = async (...args) => {
        counts.runs++;
        return await run(...args);
      };
      // The CPU's session has no arenas of the device that is pretended.
      const trimMemory = session.trimMemory.bind(session);
      session.trimMemory = () => trimMemory("cpu:0");
      return session;
    },
  };
  return { runtime, counts };
}

/** A valid graph that is no YOLO network. */
function otherGraph(opType: string): Uint8Array {
  const graph = new GraphBuilder("other");
  const x = graph.input("x", "float32", [1, "n"]);
  graph.output("y", graph.node(opType, [x]), "float32", [1, "n"]);
  return serializeModel(graph.toModel());
}

describe("loading a model", () => {
  test("shares the session that the process has on that device", async () => {
    const file = await write(tinyYolo());
    const first = await loadModel(file, cpu, options());
    const second = await loadModel(file, cpu, options());
    assert.deepEqual([first.loaded, second.loaded], [true, false]);
    await first.model[Symbol.asyncDispose]();
    assert.equal((await second.model.predict(blackPhoto)).detections.length, 1);
    await second.model[Symbol.asyncDispose]();
    const third = await loadModel(file, cpu, options());
    assert.equal(third.loaded, true);
    await third.model[Symbol.asyncDispose]();
  });

  test("shares no session of other settings or of another device", async () => {
    const { runtime } = runtimeWith();
    const file = await write(tinyYolo());
    const loads = [
      await loadModel(file, cpu, options({ runtime })),
      await loadModel(file, cpu, options({ runtime, intraOpThreads: 1 })),
      await loadModel(file, parseDevice("directml:0"), options({ runtime })),
      await loadModel(file, parseDevice("directml:1"), options({ runtime })),
      await loadModel(file, parseDevice("cuda:0"), options({ runtime })),
      await loadModel(file, parseDevice("cuda:0"), options({ runtime, gpuMemoryLimitBytes: 1e9 })),
    ];
    assert.deepEqual(
      loads.map(({ loaded }) => loaded),
      Array(6).fill(true),
    );
    for (const { model } of loads) await model[Symbol.asyncDispose]();
  });

  for (const [device, warmUp, runs] of [
    [cpu, false, 0],
    [cpu, true, 1],
    [parseDevice("directml:0"), false, 1],
  ] as const) {
    test(`runs it ${runs} times on ${device.label} with warmUp: ${warmUp}`, async () => {
      const { runtime, counts } = runtimeWith();
      for (const freeSize of [false, true]) {
        counts.runs = 0;
        const file = await write(tinyYolo({ freeSize }));
        await using model = (await loadModel(file, device, options({ runtime, warmUp }))).model;
        assert.equal(counts.runs, runs);
        assert.equal(model.device, device.label);
      }
    });
  }

  test("proves a network of float16, too", async () => {
    const file = await write(tinyYolo({ elementType: "float16", task: "segment" }));
    const { model } = await loadModel(file, cpu, options({ warmUp: true }));
    await model[Symbol.asyncDispose]();
  });
});

describe("a model that cannot be loaded", () => {
  const cases: [
    what: string,
    contents: () => Uint8Array | string,
    code: ErrorCode,
    message: RegExp,
  ][] = [
    ["is empty", () => "", "MODEL_NOT_ONNX", /got an empty file\. Give/],
    ["is text", () => "not a model", "MODEL_NOT_ONNX", /got 11 bytes that begin with 6e 6f/],
    ["is a broken checkpoint", () => "PK\x03\x04rest", "CHECKPOINT_UNREADABLE", /damaged/],
    [
      "was cut short",
      () => tinyYolo().subarray(0, 300),
      "MODEL_NOT_ONNX",
      /got an ONNX model that is cut off \(it has 300 of at least \d+ bytes: copy or download/,
    ],
    ["has an operator that there is not", () => otherGraph("Guess"), "MODEL_LOAD_FAILED", /Guess/],
    ["is no YOLO network", () => otherGraph("Neg"), "MODEL_NOT_YOLO", /one input of shape/],
  ];
  for (const [what, contents, code, message] of cases) {
    test(`because it ${what} is ${code}`, async () => {
      const file = await write(contents());
      await assert.rejects(loadModel(file, cpu, options()), (error) => {
        assert.ok(isOrangeryError(error, code), String(error));
        assert.match(error.message, message);
        assert.ok(error.message.includes(file.path));
        assert.equal(isModelAtFault(error), code !== "MODEL_LOAD_FAILED");
        return true;
      });
    });
  }

  test("because it has gone since is MODEL_LOAD_FAILED", async () => {
    const file = await write(tinyYolo());
    await rm(file.path);
    await assert.rejects(loadModel(file, cpu, options()), { code: "MODEL_LOAD_FAILED" });
  });

  for (const score of [Number.NaN, Number.POSITIVE_INFINITY]) {
    test(`because its proving run gives ${score} is its device's failure`, async () => {
      const file = await write(tinyYolo({ score }));
      await assert.rejects(loadModel(file, cpu, options({ warmUp: true })), (error) => {
        assert.ok(isOrangeryError(error, "DEVICE_UNAVAILABLE"));
        return !isModelAtFault(error);
      });
    });
  }

  test("because its proving run fails is that failure, and the session is released", async () => {
    const runtime = new PretendDevices({ failAt: "run" });
    const file = await write(tinyYolo());
    const device = parseDevice("directml:0");
    await assert.rejects(loadModel(file, device, options({ runtime })), /the device went away/);
  });
});

describe("a model whose file changes between its identification and its load", () => {
  for (const score of [0.5, 0.75]) {
    test(`is refused unless its contents are the same (${score === 0.5})`, async () => {
      const file = await write(tinyYolo());
      const { runtime } = runtimeWith(() => folder.write("model.onnx", tinyYolo({ score })));
      const loading = loadModel(file, cpu, options({ runtime }));
      if (score === 0.5) {
        await (await loading).model[Symbol.asyncDispose]();
        return;
      }
      await assert.rejects(loading, (error) => {
        assert.ok(hasFileChanged(error), String(error));
        assert.ok(isModelAtFault(error), "no other device would do better");
        return isOrangeryError(error) && error.retryable;
      });
    });
  }
});

describe("an abort of a load", () => {
  const reason = new Error("left");

  test("that came before is the reason", async () => {
    const file = await write(tinyYolo());
    const loading = loadModel(file, cpu, options({ signal: AbortSignal.abort(reason) }));
    await assert.rejects(loading, reason);
  });

  test("stops the proving run", async () => {
    const aborter = new AbortController();
    const { runtime } = runtimeWith(async () => {
      setTimeout(() => aborter.abort(reason), 50);
    });
    const file = await write(tinyYolo({ slow: true }));
    const { signal } = aborter;
    const loading = loadModel(file, cpu, options({ runtime, warmUp: true, signal }));
    await assert.rejects(loading, reason);
    // The waiter has left at once, while the run that is being stopped still holds its session.
    while (liveNativeObjects().session !== undefined) await turn();
  });
});
