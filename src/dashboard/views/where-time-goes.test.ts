import assert from "node:assert/strict";
import { test } from "node:test";
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

test("int8 is not advised: it may be refused", () => {
  for (const step of ["detect", "segment"]) {
    const { bottleneck } = whereTimeGoes([{ ...about, timingsMs: { read: 1, [step]: 9 } }]);
    assert.match(bottleneck!, /takes longest: a GPU .*would help\./);
    assert.doesNotMatch(bottleneck!, /int8/);
  }
});

test("without times nothing is named", () => {
  assert.deepEqual(whereTimeGoes([]), { steps: [], bottleneck: undefined });
});
