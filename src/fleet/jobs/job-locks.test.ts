import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Worker } from "bullmq";
import { BullmqLocks } from "./job-locks.ts";

test("a lock that BullMQ could not renew is lost, while it is held", () => {
  const worker = new EventEmitter() as Pick<Worker, "on"> & EventEmitter;
  const locks = new BullmqLocks(worker);
  const lost: string[] = [];
  const first = locks.hold({ jobId: "a", token: "1" }, () => lost.push("a1"));
  // Given back, and taken again by the same worker.
  const second = locks.hold({ jobId: "a", token: "2" }, () => lost.push("a2"));
  first[Symbol.dispose]();
  locks.hold({ jobId: "b", token: "3" }, () => lost.push("b"));
  worker.emit("lockRenewalFailed", ["a", "c"]);
  assert.deepEqual(lost, ["a2"]);
  second[Symbol.dispose]();
  worker.emit("lockRenewalFailed", ["a", "b"]);
  assert.deepEqual(lost, ["a2", "b"]);
});
