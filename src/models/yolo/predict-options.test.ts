import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import type { NetworkSignature } from "./network-signature.ts";
import { checkPredictOptions, type PredictOptions } from "./predict-options.ts";

const fixed: NetworkSignature = {
  task: "detect",
  head: "raw",
  isCertain: true,
  isAnchorFree: true,
  names: ["a", "b", "c"],
  stride: 32,
  inputName: "images",
  inputType: "float32",
  precision: "float32",
  inputChannels: 3,
  inputLayout: "planes",
  fixedSizeHw: [480, 640],
  defaultSizeHw: [480, 640],
  freeBatch: false,
  coefficientCount: 0,
  outputNames: ["output0"],
};
const free: NetworkSignature = { ...fixed, fixedSizeHw: undefined, defaultSizeHw: [600, 640] };

describe("options to predict", () => {
  test("have Ultralytics' defaults", () => {
    assert.deepEqual(checkPredictOptions({}, fixed), {
      confidence: 0.25,
      iou: 0.7,
      maxDetections: 300,
      classes: undefined,
      classConfidence: undefined,
      classAgnostic: false,
      inputSizeHw: [480, 640],
      maskSize: "photo",
    });
  });

  test("are taken as they are given", () => {
    const given = {
      confidence: 0,
      iou: 1,
      maxDetections: 1,
      classes: [0, 2],
      classAgnostic: true,
      maskSize: "none",
    } as const;
    assert.deepEqual(checkPredictOptions(given, fixed), {
      ...given,
      classConfidence: undefined,
      inputSizeHw: [480, 640],
    });
    assert.deepEqual(checkPredictOptions({ classes: [] }, fixed).classes, []);
  });

  test("name classes, which are found by their ids", () => {
    const options = { classes: ["c", 0], classConfidence: { b: 0.4, 0: 0.6 } };
    const { classes, classConfidence } = checkPredictOptions(options, fixed);
    assert.deepEqual(classes, [0, 2]);
    assert.deepEqual(classConfidence, [
      [0, 0.6],
      [1, 0.4],
    ]);
  });

  const wrong: [option: keyof PredictOptions, values: unknown[], expected: RegExp][] = [
    ["confidence", [-0.1, 1.1, Number.NaN, "0.5", null], /a number from 0 to 1/],
    ["iou", [-0.1, 70, Number.NaN, "0.5", null], /a number from 0 to 1/],
    ["maxDetections", [0, -1, 1.5, Number.POSITIVE_INFINITY, "3"], /a whole number from 1 up/],
    ["classes", [[3], [-1], [0.5], ["d"], ["3"]], /of the model's classes: 0 a, 1 b, 2 c/],
    ["classes", [[null], 0, "a", null], /a list of classes, by name or id/],
    ["classConfidence", [{ d: 0.5 }, [[3, 0.5]]], /of the model's classes: 0 a, 1 b, 2 c/],
    ["classConfidence", [{ a: 2 }, { a: "1" }, [["a"]], 0.5, "a", null], /scores from 0 to 1/],
    ["classAgnostic", [0, "yes", null], /true or false/],
    ["maskSize", ["large", "", null, 640], /photo, input or none/],
    ["signal", [new AbortController(), {}, null], /an AbortSignal/],
    [
      "imageSize",
      [0, -32, 640.5, Number.NaN, 16385, "640", null, [], [640], [640, 0], [640, 640, 3], {}],
      /pixels from 1 to 16384, one number or \[height, width\]/,
    ],
  ];
  for (const [option, values, expected] of wrong) {
    for (const value of values) {
      test(`do not take ${option}: ${JSON.stringify(value)} (${typeof value})`, () => {
        assert.throws(
          () => checkPredictOptions({ [option]: value }, free),
          (error) => {
            assert.ok(isOrangeryError(error, "INVALID_ARGUMENT"), String(error));
            assert.match(error.message, expected);
            assert.ok(error.message.includes(`\`${option}\``));
            assert.equal(error.details.option, option);
            return true;
          },
        );
      });
    }
  }
});

test("options to predict are an object, and have no other name", () => {
  const misspelt = { confidance: 0.9 } as object;
  assert.throws(() => checkPredictOptions(misspelt, fixed), {
    code: "INVALID_ARGUMENT",
    message: /options of `PredictOptions`, got `confidance`/,
  });
  for (const value of [0.9, "0.9", [0.9]]) {
    assert.throws(() => checkPredictOptions(value as object, fixed), { code: "INVALID_ARGUMENT" });
  }
});

describe("the size of the input", () => {
  const sizes: [imageSize: PredictOptions["imageSize"], inputSizeHw: [number, number]][] = [
    [undefined, [608, 640]],
    [1, [32, 32]],
    [32, [32, 32]],
    [33, [64, 64]],
    [640, [640, 640]],
    [
      [500, 1000],
      [512, 1024],
    ],
    [16384, [16384, 16384]],
  ];
  for (const [imageSize, inputSizeHw] of sizes) {
    test(`is ${inputSizeHw} when ${imageSize} is asked for: rounded up to the stride`, () => {
      assert.deepEqual(checkPredictOptions({ imageSize }, free).inputSizeHw, inputSizeHw);
    });
  }

  test("follows the network's own stride", () => {
    const wide = { ...free, stride: 64 };
    assert.deepEqual(checkPredictOptions({ imageSize: 640 }, wide).inputSizeHw, [640, 640]);
    assert.deepEqual(checkPredictOptions({ imageSize: 650 }, wide).inputSizeHw, [704, 704]);
  });

  test("of a network of fixed size can be asked for, and no other", () => {
    assert.deepEqual(checkPredictOptions({ imageSize: [480, 640] }, fixed).inputSizeHw, [480, 640]);
    assert.deepEqual(checkPredictOptions({ imageSize: [450, 610] }, fixed).inputSizeHw, [480, 640]);
    for (const imageSize of [640, 480, [640, 480]] as const) {
      assert.throws(() => checkPredictOptions({ imageSize }, fixed), {
        code: "INVALID_ARGUMENT",
        message: /480 × 640 \(height × width\), which this model was exported for/,
      });
    }
  });

  test("of a network of fixed size need not be a multiple of its stride", () => {
    const odd: NetworkSignature = { ...fixed, fixedSizeHw: [300, 300], defaultSizeHw: [300, 300] };
    assert.deepEqual(checkPredictOptions({}, odd).inputSizeHw, [300, 300]);
    assert.deepEqual(checkPredictOptions({ imageSize: 300 }, odd).inputSizeHw, [300, 300]);
  });
});
