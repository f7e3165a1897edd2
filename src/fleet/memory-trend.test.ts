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
    assert.ok(Math.abs(growthAfter(1000, (task) => 5 * megabyte + 2000 * task) - 2000) < 1e-3);
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
    const growth = growthAfter(2000, (task, jump) => 100_000 * task + 100 * megabyte * jump);
    assert.ok(growth > 80_000 && growth < 100_000, `${growth}`);
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
