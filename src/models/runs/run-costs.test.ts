import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RunCosts, runCostsBytes } from "./run-costs.ts";

function noCosts(): RunCosts {
  return new RunCosts(new ArrayBuffer(runCostsBytes));
}

describe("the costs of runs", () => {
  test("are the least of the last eight runs, once there are four", () => {
    const costs = noCosts();
    for (const cost of [1, 5, 4]) costs.note(2, cost);
    assert.equal(costs.least(2), undefined);
    costs.note(2, 6);
    assert.equal(costs.least(2), 1);
    for (let time = 0; time < 5; time++) costs.note(2, 7);
    assert.equal(costs.least(2), 4, "the first run is forgotten");
    assert.equal(costs.least(1), undefined);
  });

  test("are taken over from before, but for what has been measured again", () => {
    const [before, costs] = [noCosts(), noCosts()];
    for (const way of [0, 3]) for (let time = 0; time < 4; time++) before.note(way, 2);
    costs.note(3, 9);
    costs.restore(before.all);
    assert.deepEqual([costs.least(0), costs.least(1), costs.least(3)], [2, undefined, undefined]);
  });

  test("are the same in every thread that sees the memory", () => {
    const memory = new ArrayBuffer(runCostsBytes);
    const [one, other] = [new RunCosts(memory), new RunCosts(memory)];
    for (let time = 0; time < 4; time++) one.note(0, 3);
    assert.equal(other.least(0), 3);
  });
});
