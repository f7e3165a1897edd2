import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aloneWay, chooseRuns, isSpinningUnknown, spinsBetter, wayOf } from "./choose-runs.ts";
import { RunCosts, runCostsBytes } from "./run-costs.ts";

function costsOf(measured: readonly (number | null)[]): RunCosts {
  const costs = new RunCosts(new ArrayBuffer(runCostsBytes));
  costs.restore(measured.map((cost) => cost && cost / 1e6));
  return costs;
}

/** [runs, threads of each, whether more is to be measured] */
function choose(cores: number, mostRuns: number, measured: readonly (number | null)[]) {
  const choice = chooseRuns({ cores, mostRuns, costs: costsOf(measured) });
  return [choice.runs, choice.threads, choice.isMeasuring];
}

describe("how runs share the cores", () => {
  test("is measured from one run on all cores to one core a run, until more cost more", () => {
    assert.deepEqual(choose(8, 8, []), [1, 8, true]);
    assert.deepEqual(choose(8, 8, [10]), [2, 4, true]);
    assert.deepEqual(choose(8, 8, [10, 8]), [4, 2, true]);
    assert.deepEqual(choose(8, 8, [10, 8, 9]), [2, 4, false]);
    assert.deepEqual(choose(8, 8, [10, 8, 7]), [8, 1, true]);
    assert.deepEqual(choose(8, 8, [10, 8, 7, 6]), [8, 1, false]);
    assert.deepEqual(choose(2, 3, [5, 6]), [1, 2, false]);
  });

  test("is no more at a time than allowed", () => {
    assert.deepEqual(choose(16, 3, [9, 8, 7]), [3, 4, false]);
    assert.deepEqual(choose(4, 3, [9, 8, 7]), [3, 1, false]);
    assert.deepEqual(choose(4, 1, []), [1, 4, false]);
    assert.deepEqual(choose(1, 3, []), [1, 1, false]);
  });

  test("is explained by what was measured", () => {
    const { reason } = chooseRuns({ cores: 2, mostRuns: 2, costs: costsOf([5, 4]) });
    assert.equal(
      reason,
      "core-seconds a megapixel: 5.00 with 1 × 2, 4.00 with 2 × 1 (runs × threads)",
    );
  });

  test("numbers the ways by how often the cores were halved", () => {
    assert.deepEqual(
      [16, 8, 4, 2, 1].map((threads) => wayOf(threads, 16)),
      [0, 1, 2, 3, 4],
    );
    assert.deepEqual([wayOf(3, 6), wayOf(1, 6)], [1, 2]);
  });
});

test("threads spin once that was seen to be quicker by more than chance", () => {
  const alone = (sleeping: number | null, spinning: number | null) => {
    const costs: (number | null)[] = Array(8).fill(null);
    costs[aloneWay.sleeping] = sleeping;
    costs[aloneWay.spinning] = spinning;
    return [spinsBetter(costsOf(costs)), isSpinningUnknown(costsOf(costs))];
  };
  assert.deepEqual(alone(null, null), [false, false]);
  assert.deepEqual(alone(10, null), [false, true]);
  assert.deepEqual(alone(10, 9.8), [false, false]);
  assert.deepEqual(alone(10, 9), [true, false]);
});
