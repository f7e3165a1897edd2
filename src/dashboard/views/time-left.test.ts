import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timeLeft } from "./time-left.ts";

const nowMs = 1e12;
/** Moments before now, so many ms apart. */
const every = (ms: number, count: number) =>
  Array.from({ length: count }, (_, i) => nowMs - i * ms);

describe("the time left", () => {
  test("of steady work is narrow", () => {
    const { perSecond, leftMs } = timeLeft(every(500, 600), { left: 1000, nowMs });
    assert.equal(perSecond, 2);
    const [least, likely, most] = leftMs!;
    assert.equal(likely, 500_000);
    assert.ok(least > 480_000 && most < 520_000, `${leftMs}`);
  });

  test("of uneven work is wide, and the likely time is between", () => {
    // In every second tenth of the span there is nothing.
    const moments = every(500, 1200).filter((ms) => Math.floor((nowMs - ms) / 60_000) % 2 === 0);
    const [least, likely, most] = timeLeft(moments, { left: 1000, nowMs }).leftMs!;
    assert.ok(least < 0.75 * likely && likely < 0.6 * most, `${[least, likely, most]}`);
  });

  test("is not known of few results, and there is none where nothing is left", () => {
    assert.equal(timeLeft(every(500, 19), { left: 10, nowMs }).leftMs, undefined);
    const none = { perSecond: 0, leftMs: undefined };
    assert.deepEqual(timeLeft(every(500, 100), { left: 0, nowMs }), none);
    assert.deepEqual(timeLeft([], { left: 10, nowMs }), none);
  });

  test("slows down while results fail to come", () => {
    const { perSecond } = timeLeft(every(500, 600), { left: 10, nowMs: nowMs + 300_000 });
    assert.ok(Math.abs(perSecond - 1) < 0.01, `${perSecond}`);
  });

  test("looks at the last quarter of an hour only", () => {
    const old = every(10, 500).map((ms) => ms - 3_600_000);
    assert.equal(timeLeft([...every(500, 100), ...old], { left: 10, nowMs }).perSecond, 2);
  });
});
