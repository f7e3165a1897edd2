import assert from "node:assert/strict";
import { test } from "node:test";
import { reportSlices } from "./slice-progress.ts";

test("the slices of a photo are reported once a second, and not of a photo that is done sooner", () => {
  const reported: unknown[] = [];
  let nowMs = 0;
  const report = reportSlices(
    (progress) => reported.push(progress),
    () => nowMs,
  );
  for (let done = 0; done <= 30; done++, nowMs += 100) report({ done, total: 30 });
  assert.deepEqual(reported, [
    { slices: 10, of: 30 },
    { slices: 20, of: 30 },
    { slices: 30, of: 30 },
  ]);
});
