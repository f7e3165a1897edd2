import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MemoryTrend } from "./memory-trend.ts";

const megabyte = 1e6;

/** Numbers that look like chance and are the same in every run, from 0 to 1. */
function* chance(seed = 1): Generator<number, never> {
  for (let state = seed; ; state = (state * 48_271) % 2_147_483_647) yield state / 2_147_483_647;
}

function growthAfter(tasks: number, bytesAt: (task: number, chance: number) => number): number {
  const trend = new MemoryTrend();
  const numbers = chance(7);
  for (let task = 1; task <= tasks; task += 1) trend.add(task, bytesAt(task, numbers.next().value));
  return trend.growthBytesPerTask;
}

describe("the growth of memory with each task", () => {
  test("is not known after a few tasks, however fast memory grows", () => {
    assert.equal(
      growthAfter(0, () => 0),
      0,
    );
    assert.equal(
      growthAfter(250, (task) => task * megabyte),
      0,
    );
  });

  test("is the slope where memory grows evenly", () => {
    assert.ok(Math.abs(growthAfter(1000, (task) => megabyte * (5 + task)) - megabyte) < 1e-3);
  });

  test("is 0 where memory is flat, or jumps by as much as photos differ", () => {
    assert.equal(
      growthAfter(2000, () => 300 * megabyte),
      0,
    );
    assert.equal(
      growthAfter(2000, (_task, jump) => 300 * megabyte + 100 * megabyte * jump),
      0,
    );
  });

  test("is found under such jumps when it is a leak, and never said to be larger", () => {
    const growth = growthAfter(2000, (task, jump) => 400_000 * task + 100 * megabyte * jump);
    assert.ok(growth > 380_000 && growth < 400_000, `${growth}`);
  });

  test("is 0 while it has added up to little, and what it is afterwards", () => {
    const leak = (task: number) => 300 * megabyte + 0.1 * megabyte * task;
    assert.equal(growthAfter(2500, leak), 0);
    assert.ok(Math.abs(growthAfter(3500, leak) - 100_000) < 1e-3);
  });

  test("is 0 where memory fills up as the heap of JavaScript does", () => {
    // Measured: a worker took 160 MB at first and 295 MB after 3,400 photos, and no more then.
    for (const tasks of [300, 1000, 2000, 3400, 5000]) {
      assert.equal(
        growthAfter(tasks, (task) => megabyte * Math.min(295, 160 + 0.04 * task)),
        0,
      );
    }
  });

  test("is not that of the first tasks, which take memory that later ones use again", () => {
    assert.equal(
      growthAfter(1500, (task) => Math.min(task, 100) * megabyte),
      0,
    );
  });

  test("is that of the last thousand tasks, not of the ones before", () => {
    assert.equal(
      growthAfter(3000, (task) => Math.min(task, 1500) * megabyte),
      0,
    );
  });
});
