import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { whereTimeGoes } from "./where-time-goes.ts";

const about = { createdAtMs: 0, device: "cpu", fallbackReason: undefined };

test("the step that takes longest is named, and sums are no steps", () => {
  const { steps, bottleneck } = whereTimeGoes([
    { ...about, timingsMs: { read: 10, decode: 60, detect: 20, inference: 19, total: 90 } },
    { ...about, timingsMs: { read: 30, decode: 60, detect: 20, inference: 19, total: 110 } },
  ]);
  assert.deepEqual(steps, [
    { step: "read", ms: 20, share: 0.2 },
    { step: "decode", ms: 60, share: 0.6 },
    { step: "detect", ms: 20, share: 0.2 },
  ]);
  assert.match(bottleneck!, /^Decoding takes longest: .* It is 60 % of the work on a photo\.$/);
});

describe("what helps the models", () => {
  const advice = (step: string, device = "cpu", options = {}) =>
    whereTimeGoes([{ ...about, device, timingsMs: { read: 1, [step]: 9 } }], options).bottleneck!;

  test("on a CPU is a GPU, and int8 as something to try: it may be refused", () => {
    assert.match(advice("detect"), /takes longest: a GPU would help, and int8 may: .* tries it/);
    assert.match(advice("segment"), /takes longest: a GPU or regions of your own would help\./);
  });

  test("is not what they have already", () => {
    assert.match(advice("detect", "openvino:cpu", { isReduced: true }), /a GPU would help\. It is/);
    assert.match(advice("detect", "cuda:0"), /^Finding objects takes longest\. It is 90 %/);
    assert.match(advice("segment", "cuda:0"), /takes longest: regions of your own would help\./);
  });
});

test("without times nothing is named", () => {
  assert.deepEqual(whereTimeGoes([]), { steps: [], bottleneck: undefined });
});
