import assert from "node:assert/strict";
import { test } from "node:test";
import { idle } from "./pretend-process.fixture.ts";
import { type SlotStatus, slotTrouble } from "./slot-status.ts";

const well: SlotStatus = {
  name: "cpu0@host",
  state: "working",
  healthy: true,
  stats: idle,
  silentMs: 2000,
  failures: 0,
  recycled: 0,
};
const cases: [status: Partial<SlotStatus>, trouble: string | undefined][] = [
  [{}, undefined],
  [{ healthy: false, state: "starting" }, "it is starting"],
  [{ healthy: false, state: "waiting", reason: "no model" }, "it is waiting: no model"],
  [{ silentMs: 30_001 }, "it has reported nothing for 30 s"],
  [{ stats: { ...idle, isConnected: false } }, "it does not reach Redis"],
  [{ stats: { ...idle, queueTrouble: "QUEUE_UNREACHABLE" } }, "it does not reach Redis"],
  [{ stats: { ...idle, queueTrouble: "QUEUE_FULL" } }, "Redis does not serve it: QUEUE_FULL"],
];
for (const [status, trouble] of cases) {
  test(`a slot is ${trouble === undefined ? "ready" : `not ready: ${trouble}`}`, () => {
    assert.equal(slotTrouble({ ...well, ...status }), trouble);
  });
}
