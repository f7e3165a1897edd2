import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { nextMessage } from "./next-message.ts";

const start = (program: string) => new Worker(program, { eval: true });

describe("the next message of a thread", { timeout: 60_000 }, () => {
  test("comes, also when it is the last that the thread does", async () => {
    const program = `require("node:worker_threads").parentPort.postMessage(5); process.exit();`;
    assert.equal(await nextMessage(start(program)), 5);
  });

  test("does not come from a thread that has ended", async () => {
    await assert.rejects(nextMessage(start("process.exit(3)")), /it ended with 3/);
  });

  test("does not come from a thread that has failed", async () => {
    await assert.rejects(nextMessage(start(`throw new Error("broken")`)), /broken/);
  });

  test("is waited for until the signal aborts", async () => {
    const thread = start(`require("node:worker_threads").parentPort.on("message", () => {});`);
    const message = nextMessage(thread, { signal: AbortSignal.timeout(10) });
    try {
      await assert.rejects(message, { name: "AbortError" });
      assert.deepEqual([thread.listenerCount("message"), thread.listenerCount("exit")], [0, 0]);
    } finally {
      await thread.terminate();
    }
  });
});
