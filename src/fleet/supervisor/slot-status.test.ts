import assert from "node:assert/strict";
import { test } from "node:test";
import { idle } from "./pretend-process.fixture.ts";
import { isOnCpu, isServed, type SlotStatus, slotProblem } from "./slot-status.ts";

const well: SlotStatus = {
  name: "cpu0@host",
  kind: "cpu",
  state: "working",
  healthy: true,
  stats: idle,
  silentMs: 2000,
  failures: 0,
  recycled: 0,
};
const cases: [status: Partial<SlotStatus>, problem: string | undefined][] = [
  [{}, undefined],
  [{ healthy: false, state: "starting" }, "it is starting"],
  [{ healthy: false, state: "waiting", reason: "no model" }, "it is waiting: no model"],
  [{ silentMs: 30_001 }, "it has reported nothing for 30 s"],
  [{ stats: { ...idle, isConnected: false } }, "it does not reach Redis"],
  [{ stats: { ...idle, queueTrouble: "QUEUE_UNREACHABLE" } }, "it does not reach Redis"],
  [{ stats: { ...idle, queueTrouble: "QUEUE_FULL" } }, "Redis does not serve it: QUEUE_FULL"],
];
for (const [status, problem] of cases) {
  test(`a slot is ${problem === undefined ? "ready" : `not ready: ${problem}`}`, () => {
    assert.equal(slotProblem({ ...well, ...status }), problem);
  });
}

test("a GPU's slot works on the CPU when its process does, or one of its models", () => {
  const gpu = { ...well, kind: "gpu", device: "cuda:0" } as const;
  assert.equal(isOnCpu({ ...well, device: "cpu", stats: { ...idle, modelsOnCpu: 2 } }), false);
  assert.equal(isOnCpu(gpu), false);
  assert.equal(isOnCpu({ ...gpu, device: "cpu" }), true);
  assert.equal(isOnCpu({ ...gpu, stats: { ...idle, modelsOnCpu: 1 } }), true);
});

test("a slot is not served when its process says so, or is not answered though it was", () => {
  const unanswered = { ...idle, isConnected: false };
  assert.equal(isServed(well), true);
  assert.equal(isServed({ ...well, stats: unanswered }), false);
  assert.equal(isServed({ ...well, stats: { ...idle, queueTrouble: "QUEUE_FULL" } }), false);
  const starting = { ...well, healthy: false, state: "starting", stats: unanswered } as const;
  assert.equal(isServed(starting), true);
  assert.equal(
    isServed({ ...starting, stats: { ...unanswered, queueTrouble: "QUEUE_UNREACHABLE" } }),
    false,
  );
});
