import assert from "node:assert/strict";
import { test } from "node:test";
import {
  endToEndExtras,
  isFull,
  objectnessExtras,
  rawExtras,
  selectCandidates,
  selectEndToEnd,
  selectObjectness,
} from "./candidates.ts";

/** Channels first: four anchors, two classes, two extras. */
const raw = {
  data: Float32Array.from(
    [
      [10, 20, 30, 40],
      [1, 2, 3, 4],
      [4, 4, 4, 4],
      [2, 2, 2, 2],
      [0.9, 0.25, 0.1, 0.5],
      [0.2, 0.1, 0.8, 0.5],
      [100, 101, 102, 103],
      [200, 201, 202, 203],
    ].flat(),
  ),
  channelCount: 8,
  anchorCount: 4,
  classCount: 2,
};

const rows = {
  data: Float32Array.from(
    [
      [0, 0, 2, 2, 0.9, 1, 7, 8],
      [1, 1, 3, 3, 0.8, 0, 9, 10],
      [2, 2, 4, 4, 0.7, 1, 11, 12],
      [0, 0, 0, 0, 0, 0, 0, 0],
    ].flat(),
  ),
  rowCount: 4,
  rowLength: 8,
};

test("a raw head gives each anchor's best class, of equals the first, above the confidence", () => {
  for (const [options, sourceIds, classIds] of [
    [{ confidence: 1 }, [], []],
    [{ confidence: 0.25 }, [0, 2, 3], [0, 1, 0]],
    [{ confidence: 0.001 }, [0, 1, 2, 3], [0, 0, 1, 0]],
    [{ confidence: 0.25, classes: [1] }, [2], [1]],
    [{ confidence: 0.25, classes: [] }, [], []],
    [{ confidence: 0.25, classes: [0, 7] }, [0, 3], [0, 0]],
  ] as const) {
    const candidates = selectCandidates(raw, options);
    assert.deepEqual(Array.from(candidates.sourceIds), sourceIds);
    assert.deepEqual(Array.from(candidates.classIds), classIds);
  }
  const { boxesXyxy, scores } = selectCandidates(raw, { confidence: 0.6 });
  assert.deepEqual(Array.from(boxesXyxy), [8, 0, 12, 2, 28, 2, 32, 4]);
  assert.deepEqual(Array.from(scores), [Math.fround(0.9), Math.fround(0.8)]);
});

test("the confidence is compared as float32: a score that equals it is not above it", () => {
  const head = {
    data: Float32Array.of(0, 0, 1, 1, 0.3),
    channelCount: 5,
    anchorCount: 1,
    classCount: 1,
  };
  // As float64, float32(0.3) is above 0.3.
  assert.ok(Math.fround(0.3) > 0.3);
  assert.equal(selectCandidates(head, { confidence: 0.3 }).scores.length, 0);
});

test("the input is left as it was", () => {
  const before = raw.data.slice();
  selectCandidates(raw, { confidence: 0 });
  assert.deepEqual(raw.data, before);
});

test("an end-to-end head gives its first rows above the confidence", () => {
  for (const [options, sourceIds] of [
    [{ confidence: 1, maxDetections: 300 }, []],
    [{ confidence: 0, maxDetections: 300 }, [0, 1, 2]],
    [{ confidence: 0.75, maxDetections: 300 }, [0, 1]],
    [{ confidence: 0, maxDetections: 1 }, [0]],
    [{ confidence: 0, maxDetections: 300, classes: [1] }, [0, 2]],
    [{ confidence: 0, maxDetections: 1, classes: [0] }, [1]],
  ] as const) {
    assert.deepEqual(Array.from(selectEndToEnd(rows, options).sourceIds), sourceIds);
  }
  const { boxesXyxy, classIds } = selectEndToEnd(rows, { confidence: 0.75, maxDetections: 9 });
  assert.deepEqual(Array.from(boxesXyxy), [0, 0, 2, 2, 1, 1, 3, 3]);
  assert.deepEqual(Array.from(classIds), [1, 0]);
});

test("an end-to-end head is full where all of its rows are above the confidence", () => {
  const three = { ...rows, data: rows.data.subarray(0, 3 * rows.rowLength), rowCount: 3 };
  assert.equal(isFull(three, { confidence: 0.69 }), true);
  assert.equal(isFull(three, { confidence: 0.7 }), false);
  assert.equal(isFull(three, { confidence: 0.9, classConfidence: [[0, 0.1]] }), true);
  assert.equal(isFull(rows, { confidence: 0 }), false);
  assert.equal(
    isFull({ ...rows, data: new Float32Array(0), rowCount: 0 }, { confidence: 0 }),
    false,
  );
});

/** Rows of box, objectness, two classes, two extras. */
const objectness = {
  data: Float32Array.from(
    [
      [10, 1, 4, 2, 0.5, 0.25, 1, 100, 200],
      [20, 2, 4, 2, 0.5, 0.5, 0.5, 101, 201],
      [30, 3, 4, 2, 0.125, 1, 0, 102, 202],
    ].flat(),
  ),
  rowCount: 3,
  rowLength: 9,
  classCount: 2,
  isClassScored: true,
};

test("a head with objectness multiplies it with each row's best class", () => {
  for (const [options, sourceIds, scores, classIds] of [
    [{ confidence: 0.5 }, [], [], []],
    [{ confidence: 0.25 }, [0], [0.5], [1]],
    [{ confidence: 0.1 }, [0, 1, 2], [0.5, 0.25, 0.125], [1, 0, 0]],
    [{ confidence: 0.1, classes: [0] }, [1, 2], [0.25, 0.125], [0, 0]],
  ] as const) {
    const found = selectObjectness(objectness, options);
    assert.deepEqual([...found.sourceIds], sourceIds);
    assert.deepEqual([...found.scores], scores);
    assert.deepEqual([...found.classIds], classIds);
  }
  const { boxesXyxy } = selectObjectness(objectness, { confidence: 0.25 });
  assert.deepEqual([...boxesXyxy], [8, 0, 12, 2]);
  const alone = selectObjectness({ ...objectness, isClassScored: false }, { confidence: 0.1 });
  assert.deepEqual([...alone.scores], [0.5, 0.5, 0.125]);
  assert.deepEqual([...alone.classIds], [0, 0, 0]);
});

test("extras are one row an object", () => {
  assert.deepEqual(Array.from(rawExtras(raw, Int32Array.of())), []);
  assert.deepEqual(Array.from(rawExtras(raw, Int32Array.of(3, 1))), [103, 203, 101, 201]);
  assert.deepEqual(Array.from(endToEndExtras(rows, Int32Array.of(2, 0))), [11, 12, 7, 8]);
  assert.deepEqual([...objectnessExtras(objectness, Int32Array.of(2, 0))], [102, 202, 100, 200]);
});

test("a head of another size than it says is refused", () => {
  const options = { confidence: 0, maxDetections: 1 };
  for (const wrong of [
    () => selectCandidates({ ...raw, anchorCount: 5 }, options),
    () => selectCandidates({ ...raw, classCount: 5 }, options),
    () => selectEndToEnd({ ...rows, rowCount: 3 }, options),
    () => selectObjectness({ ...objectness, rowCount: 4 }, options),
    () => selectObjectness({ ...objectness, classCount: 5 }, options),
    () => selectEndToEnd({ data: new Float32Array(20), rowCount: 4, rowLength: 5 }, options),
  ]) {
    assert.throws(wrong, { code: "INVALID_ARGUMENT" });
  }
});

test("scores and boxes that are no numbers are an error", () => {
  const broken = (data: Float32Array, at: number, value: number) => data.with(at, value);
  for (const [at, value, what] of [
    [16, Number.NaN, /every score, got NaN/],
    // Of the other class, in which it is not the best of its anchor.
    [21, Number.NaN, /every score, got NaN/],
    [0, Number.NaN, /every box, got NaN/],
    [12, Number.POSITIVE_INFINITY, /every box, got Infinity/],
  ] as const) {
    assert.throws(
      () => selectCandidates({ ...raw, data: broken(raw.data, at, value) }, { confidence: 0.6 }),
      { code: "INFERENCE_NOT_FINITE", message: what },
    );
  }
  for (const at of [0, 4]) {
    const data = broken(rows.data, at, Number.NaN);
    const options = { confidence: 0.6, maxDetections: 9 };
    assert.throws(() => selectEndToEnd({ ...rows, data }, options), {
      code: "INFERENCE_NOT_FINITE",
    });
  }
  for (const at of [0, 4, 5, 6]) {
    const data = broken(objectness.data, at, Number.NaN);
    assert.throws(() => selectObjectness({ ...objectness, data }, { confidence: 0.25 }), {
      code: "INFERENCE_NOT_FINITE",
    });
  }
  // A box that nobody asks for may be what it likes.
  selectCandidates({ ...raw, data: broken(raw.data, 1, Number.NaN) }, { confidence: 0.6 });
});
