import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Tensor } from "../../native/runtime.ts";
import { planLetterbox } from "../../vision/letterbox/plan-letterbox.ts";
import type { HeadLayout } from "./head-layout.ts";
import { readDetections } from "./network-output.ts";
import type { NetworkSignature } from "./network-signature.ts";
import type { CheckedPredictOptions } from "./predict-options.ts";

type FloatType = "float32" | "float16";

const tensors: Tensor[] = [];
afterEach(() => {
  for (const tensor of tensors.splice(0)) tensor[Symbol.dispose]();
  assert.deepEqual(liveNativeObjects(), {});
});

function tensor(elementType: FloatType, shape: number[], values: readonly number[]): Tensor {
  const made = onnxRuntime.createTensor(elementType, shape);
  made.data.set(values);
  tensors.push(made);
  return made;
}

/** One detection as a network gives it, in px of its input. */
interface Row {
  readonly boxXyxy: readonly [number, number, number, number];
  readonly score: number;
  readonly classId: number;
  readonly coefficients?: readonly number[];
}

function rawOutput(rows: readonly Row[], elementType: FloatType): Tensor {
  return anchorsOutput(rows, elementType, ({ score, classId }) =>
    [0, 0].map((none, id) => (id === classId ? score : none)),
  );
}

function bestClassOutput(rows: readonly Row[], elementType: FloatType): Tensor {
  return anchorsOutput(rows, elementType, ({ score, classId }) => [score, classId]);
}

function anchorsOutput(
  rows: readonly Row[],
  elementType: FloatType,
  scoresOf: (row: Row) => readonly number[],
): Tensor {
  const columns = rows.map((row) => {
    const [x1, y1, x2, y2] = row.boxXyxy;
    const boxXywh = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
    return [...boxXywh, ...scoresOf(row), ...(row.coefficients ?? [])];
  });
  const channels = columns[0]?.length ?? 6;
  const values = Array.from({ length: channels }, (_, channel) =>
    columns.map((column) => column[channel]!),
  );
  return tensor(elementType, [1, channels, rows.length], values.flat());
}

/** Objectness times the class's score is the score. */
function objectnessOutput(rows: readonly Row[], elementType: FloatType): Tensor {
  const values = rows.map(({ boxXyxy: [x1, y1, x2, y2], score, classId, coefficients = [] }) => {
    const scores = [0, 0].map((none, id) => (id === classId ? score / 0.875 : none));
    const box = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1];
    return [...box, 0.875, ...scores, ...coefficients];
  });
  return tensor(elementType, [1, rows.length, values[0]?.length ?? 7], values.flat());
}

function endToEndOutput(rows: readonly Row[], elementType: FloatType): Tensor {
  const values = rows.map(({ boxXyxy, score, classId, coefficients = [] }) => [
    ...boxXyxy,
    score,
    classId,
    ...coefficients,
  ]);
  const length = values[0]?.length ?? 6;
  return tensor(
    elementType,
    [1, rows.length + 1, length],
    [...values.flat(), ...Array<number>(length).fill(0)],
  );
}

const defaults: CheckedPredictOptions = {
  confidence: 0.25,
  iou: 0.7,
  maxDetections: 300,
  classes: undefined,
  classConfidence: undefined,
  classAgnostic: false,
  inputSizeHw: [32, 32],
  maskSize: "photo",
};

type ReadOptions = Partial<CheckedPredictOptions> & {
  readonly head?: HeadLayout;
  readonly elementType?: FloatType;
  readonly prototypes?: readonly number[];
};

/** Reads what a network with an input of 32 × 32 found on a photo of 64 × 64. */
async function read(rows: readonly Row[], options: ReadOptions = {}) {
  return (await readAll(rows, options)).detections;
}

async function readAll(
  rows: readonly Row[],
  { head = "raw", elementType = "float32", prototypes, ...options }: ReadOptions,
) {
  const coefficientCount = rows[0]?.coefficients?.length ?? 0;
  const network: NetworkSignature = {
    task: coefficientCount > 0 ? "segment" : "detect",
    head,
    isCertain: true,
    isAnchorFree: head !== "objectness",
    names: ["bed", "plant"],
    stride: 32,
    inputName: "images",
    inputType: elementType,
    precision: elementType,
    inputChannels: 3,
    inputLayout: "planes",
    fixedSizeHw: [32, 32],
    defaultSizeHw: [32, 32],
    freeBatch: false,
    coefficientCount,
    outputNames: prototypes === undefined ? ["rows"] : ["rows", "masks"],
  };
  const toOutput = {
    raw: rawOutput,
    "end-to-end": endToEndOutput,
    objectness: objectnessOutput,
    "objectness-only": objectnessOutput,
    "best-class": bestClassOutput,
  }[head];
  const output = toOutput(rows, elementType);
  return await readDetections({
    network,
    outputs: {
      rows: output,
      ...(prototypes && {
        masks: tensor(elementType, [1, coefficientCount, 8, 8], prototypes),
      }),
    },
    plan: planLetterbox({ photoWh: [64, 64], inputWh: [32, 32] }),
    options: { ...defaults, ...options },
  });
}

const plant: Row = { boxXyxy: [4, 8, 12, 16], score: 0.5, classId: 1 };
const bed: Row = { boxXyxy: [0, 0, 32, 24], score: 0.75, classId: 0 };

for (const head of ["raw", "best-class", "end-to-end", "objectness"] as const) {
  describe(`${head} output`, () => {
    test("without anything in it is no detections", async () => {
      const detections = await read([], { head });
      assert.equal(detections.length, 0);
      assert.deepEqual(detections.names, ["bed", "plant"]);
      assert.equal(detections.masks, undefined);
    });

    test("is boxes in pixels of the photo, with scores and names", async () => {
      const detections = await read([bed, plant], { head });
      const scores = [...detections.scores].map((score) => Number(score.toFixed(6)));
      assert.deepEqual(
        [...detections].map((detection, index) => ({ ...detection, score: scores[index] })),
        [
          { classId: 0, name: "bed", score: 0.75, boxXyxy: [0, 0, 64, 48] },
          { classId: 1, name: "plant", score: 0.5, boxXyxy: [8, 16, 24, 32] },
        ],
      );
    });

    test("is cut by confidence, class and number", async () => {
      const count = async (options: Partial<CheckedPredictOptions>) =>
        (await read([bed, plant], { head, ...options })).length;
      assert.equal(await count({ confidence: 0.501 }), 1, "a score must be above it");
      assert.equal(await count({ confidence: 0.8 }), 0);
      assert.equal(await count({ classes: [1] }), 1);
      assert.equal(await count({ classes: [] }), 0);
      assert.equal(await count({ confidence: 0.8, classConfidence: [[1, 0.4]] }), 1);
      assert.equal(await count({ classConfidence: [[1, 0.5]] }), 1, "a score must be above it");
      assert.equal(await count({ maxDetections: 1 }), 1);
    });

    test("says where there may be more than were let through", async () => {
      const isCut = async (maxDetections: number) =>
        (await readAll([bed, plant], { head, maxDetections })).reachedMaxDetections;
      assert.deepEqual(await Promise.all([1, 2, 3].map(isCut)), [true, true, false]);
    });

    test("of float16 is read as that of float32", async () => {
      const [half, full] = await Promise.all([
        read([bed, plant], { head, elementType: "float16" }),
        read([bed, plant], { head }),
      ]);
      assert.deepEqual([...half.boxesXyxy], [...full.boxesXyxy]);
      for (const [i, score] of half.scores.entries()) {
        assert.ok(Math.abs(score - full.scores[i]!) < 5e-4);
      }
    });
  });
}

for (const head of ["raw", "best-class", "objectness"] as const) {
  describe(`a ${head} head`, () => {
    const twice = { ...plant, boxXyxy: [4, 8, 12, 15.5] as const, score: 0.4 };

    test("has its overlapping boxes suppressed, best first", async () => {
      const [kept, ...others] = await read([twice, plant], { head });
      assert.deepEqual([kept!.boxXyxy[3], others], [32, []]);
      assert.equal((await read([twice, plant], { head, iou: 0.95 })).length, 2);
    });

    test("has boxes of different classes suppressed where classes do not matter", async () => {
      const other = { ...twice, classId: 0 };
      assert.equal((await read([other, plant], { head })).length, 2);
      assert.equal((await read([other, plant], { head, classAgnostic: true })).length, 1);
    });
  });
}

test("a head of objectness only has it for the score", async () => {
  const [bestOf] = await read([plant], { head: "objectness-only" });
  assert.deepEqual([bestOf!.score, bestOf!.classId], [0.875, 0]);
});

test("an end-to-end head has suppressed already: nothing is done again", async () => {
  assert.equal((await read([plant, plant], { head: "end-to-end" })).length, 2);
});

test("a score that is no number is an error, with an advice that fits the precision", async () => {
  const broken = [{ ...bed, score: Number.NaN }];
  for (const [elementType, words] of [
    ["float32", /got NaN\. Use another device\. (?!.*float32)/],
    ["float16", /got NaN\. It computes in float16.* Use the model in float32, or another device\./],
  ] as const) {
    const wanted = { code: "INFERENCE_NOT_FINITE", message: words };
    await assert.rejects(read(broken, { elementType }), wanted);
  }
});

describe("masks", () => {
  // The first prototype is the left half, the second is nothing anywhere.
  const half = Array.from({ length: 64 }, (_, cell) => (cell % 8 < 4 ? 1 : -1));
  const prototypes = [...half, ...Array<number>(64).fill(-1)];
  const left = { ...bed, coefficients: [1, 0] };
  const nothing = { ...plant, boxXyxy: [20, 20, 30, 30] as const, coefficients: [0, 1] };

  for (const head of ["raw", "best-class", "end-to-end", "objectness"] as const) {
    test(`of a ${head} head have the photo's size and end at the box`, async () => {
      const { masks, boxesXyxy } = await read([left], { head, prototypes });
      assert.deepEqual([...boxesXyxy], [0, 0, 64, 48]);
      const [mask] = masks!;
      assert.deepEqual([mask!.widthPx, mask!.heightPx], [64, 64]);
      const bitmap = mask!.toBitmap();
      for (const [x, y, expected] of [
        [0, 0, 1],
        [31, 47, 1],
        [31, 48, 0],
        [32, 0, 0],
      ] as const) {
        assert.equal(bitmap[y * 64 + x], expected, `${x}, ${y}`);
      }
      assert.equal(mask!.areaPx, 32 * 48);
    });

    test(`of a ${head} head may have the input's size, while boxes keep the photo's`, async () => {
      const { masks, boxesXyxy } = await read([left], { head, prototypes, maskSize: "input" });
      assert.deepEqual([...boxesXyxy], [0, 0, 64, 48]);
      assert.deepEqual([masks![0]!.widthPx, masks![0]!.areaPx], [32, 16 * 24]);
    });

    test(`of a ${head} head may be left out, which changes nothing that is found`, async () => {
      const all = await read([left, nothing], { head, prototypes });
      const unmasked = await read([left, nothing], { head, prototypes, maskSize: "none" });
      assert.deepEqual([all.length, unmasked.length, unmasked.masks], [1, 1, undefined]);
      assert.deepEqual(unmasked.boxesXyxy, all.boxesXyxy);
    });

    test(`of a ${head} head that are empty take their detections with them`, async () => {
      const suppresses = head !== "end-to-end";
      const order = suppresses ? [nothing, left] : [left, nothing, { ...left, score: 0.3 }];
      const detections = await read(order, { head, prototypes });
      assert.equal(detections.masks!.length, detections.length);
      assert.deepEqual([...detections.classIds], suppresses ? [0] : [0, 0]);
    });

    test(`of a ${head} head that are empty took a place before they were dropped`, async () => {
      const best = { ...nothing, score: 0.9 };
      const rows = head === "end-to-end" ? [best, left] : [left, best];
      const found = await readAll(rows, { head, prototypes, maxDetections: 1 });
      assert.deepEqual([found.detections.length, found.reachedMaxDetections], [0, true]);
    });
  }

  test("that are no numbers are an error, not empty", async () => {
    const broken = { ...left, coefficients: [Number.NaN, 0] };
    await assert.rejects(read([broken], { prototypes }), {
      code: "INFERENCE_NOT_FINITE",
      message: /every mask, got NaN/,
    });
  });

  test("that are all empty leave no detections, and no masks", async () => {
    const detections = await read([nothing], { prototypes });
    assert.deepEqual([detections.length, detections.masks], [0, []]);
  });

  test("of float16 are those of float32", async () => {
    const half16 = await read([left], { prototypes, elementType: "float16" });
    const full = await read([left], { prototypes });
    assert.deepEqual(half16.masks![0]!.toRle(), full.masks![0]!.toRle());
  });
});
