import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { checkCacheOptions, checkWorkerId, type ModelCacheOptions } from "./cache-options.ts";
import { ModelCache } from "./model-cache.ts";

const models = { detect: "detect.onnx" };

describe("a model cache's options", () => {
  test("have defaults, also where undefined is given", () => {
    const defaults = {
      models,
      device: "auto",
      forceCpu: false,
      requireDevice: false,
      workerId: 0,
      trimEvery: 100,
      logEvery: 10,
      memoryBudgetBytes: Number.POSITIVE_INFINITY,
      thrashWindowMs: 10_000,
      reloadCheckMs: 1000,
      warmUp: false,
      intraOpThreads: 0,
      cpuRuns: undefined,
      cpuSpinning: undefined,
      logger: silentLogger,
      runtime: onnxRuntime,
    };
    assert.deepEqual(checkCacheOptions({ models }), defaults);
    const nothing = Object.fromEntries(Object.keys(defaults).map((key) => [key, undefined]));
    assert.deepEqual(checkCacheOptions({ ...nothing, models }), defaults);
  });

  test("are taken as they are given", () => {
    const given: ModelCacheOptions = {
      models: {},
      device: "cuda",
      forceCpu: true,
      requireDevice: true,
      workerId: 7,
      trimEvery: 1,
      logEvery: 1,
      memoryBudgetBytes: 1,
      thrashWindowMs: 0,
      expireAfterMs: 0,
      reloadCheckMs: 0,
      warmUp: true,
      intraOpThreads: 4,
      cpuRuns: 3,
      cpuSpinning: true,
      gpuMemoryLimitBytes: 1,
      arenaGrowth: "as-requested",
      logger: { ...silentLogger },
      runtime: { ...onnxRuntime },
    };
    assert.deepEqual(checkCacheOptions(given), given);
  });

  const wholeFrom1 = [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null];
  const wholeFrom0 = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", null];
  const from0 = [-1, Number.NaN, "1", null];
  const wrong: [option: string, values: unknown[], expected: RegExp][] = [
    ["trimEvery", wholeFrom1, /a whole number from 1 up/],
    ["logEvery", wholeFrom1, /a whole number from 1 up/],
    ["cpuRuns", wholeFrom1, /a whole number from 1 up/],
    ["cpuSpinning", ["1", 0, null], /true or false/],
    ["forceCpu", ["false", 0, null], /true or false/],
    ["requireDevice", ["false", 0, null], /true or false/],
    ["warmUp", ["false", 0, null], /true or false/],
    ["deviceOptions", ["num_streams=1", { num_streams: 1 }, null], /texts by name/],
    [
      "logger",
      [{ ...silentLogger, child: 1 }, "pino", null],
      /a logger with debug, info, warn, error and child/,
    ],
    ["gpuMemoryLimitBytes", wholeFrom1, /a whole number from 1 up/],
    ["workerId", wholeFrom0, /a whole number from 0 up/],
    ["intraOpThreads", wholeFrom0, /a whole number from 0 up/],
    ["memoryBudgetBytes", [0, -1, Number.NaN, "1 GB", null], /a number from 1 up/],
    ["thrashWindowMs", from0, /a number from 0 up/],
    ["expireAfterMs", from0, /a number from 0 up/],
    ["reloadCheckMs", from0, /a number from 0 up/],
    ["arenaGrowth", ["fast", "", 0, null], /power-of-two or as-requested/],
    ["device", [0, null, {}], /the name of a device/],
    ["models", [undefined, null, "model.onnx", 1, [], new Map()], /model files by name/],
  ];
  for (const [option, values, expected] of wrong) {
    for (const value of values) {
      test(`do not take ${option}: ${String(value)} (${typeof value})`, () => {
        assert.throws(
          () => checkCacheOptions({ models, [option]: value }),
          (error) => {
            assert.ok(isOrangeryError(error, "INVALID_ARGUMENT"), String(error));
            assert.match(error.message, expected);
            assert.ok(error.message.includes(`\`${option}\``));
            return true;
          },
        );
      });
    }
  }

  test("are an object", () => {
    for (const options of [undefined, null, "plants.pt"]) {
      assert.throws(() => new ModelCache(options as unknown as ModelCacheOptions), {
        code: "INVALID_ARGUMENT",
        message: /^Expected `ModelCacheOptions` to be an object of options, got/,
      });
    }
  });

  test("do not take a name that none of them has", () => {
    const wrong = [
      [{ models, trimEvrey: 5 }, /`ModelCacheOptions`, got `trimEvrey`/],
      [{ models: { weeds: { file: "a.pt", presicion: "float16" } } }, /`ReducedModel`, got `presi/],
    ] as const;
    for (const [options, message] of wrong) {
      assert.throws(() => checkCacheOptions(options), { code: "INVALID_ARGUMENT", message });
    }
    checkCacheOptions({ models, ...{ notGiven: undefined } });
  });

  test("name the model whose precision is none that it can be made of", () => {
    const weeds = { file: "weeds.onnx", precision: "float32" as "float16" };
    assert.throws(() => checkCacheOptions({ models: { weeds } }), {
      code: "INVALID_ARGUMENT",
      message: /`models\.weeds\.precision` to be float16/,
    });
  });

  test("name the model whose calibration is none", () => {
    for (const calibration of [null, "ranges", { method: "extremes" }]) {
      const weeds = { file: "weeds.onnx", calibration: calibration as unknown as undefined };
      assert.throws(() => checkCacheOptions({ models: { weeds } }), {
        code: "INVALID_ARGUMENT",
        message: /`models\.weeds\.calibration` to be a calibration, as `tryInt8` makes it/,
      });
      const cache = new ModelCache({ models: {} });
      assert.throws(() => cache.add("weeds", weeds), { code: "INVALID_ARGUMENT" });
    }
  });

  test("name the model whose file is no path", () => {
    for (const file of [undefined, null, 1, new URL("file:///a.onnx")]) {
      assert.throws(() => checkCacheOptions({ models: { weeds: file as unknown as string } }), {
        code: "INVALID_ARGUMENT",
        message:
          `Expected \`models.weeds\` to be the path of a model file, got \`${file}\` ` +
          `(${typeof file}).`,
      });
    }
  });
});

test("a worker id is a whole number from 0 up", () => {
  for (const workerId of [0, 1, 123456]) checkWorkerId(workerId);
  for (const workerId of [-1, 0.5, Number.NaN, "0" as unknown as number]) {
    assert.throws(() => checkWorkerId(workerId), { code: "INVALID_ARGUMENT" });
  }
});
