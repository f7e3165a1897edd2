import assert from "node:assert/strict";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { nextMessage } from "../../base/threads/next-message.ts";
import type { TurnsData } from "./process-turns.fixture.ts";
import { processTurns } from "./process-turns.ts";

let devices = 0;
const threads: Worker[] = [];
after(() => Promise.all(threads.map((thread) => thread.terminate())));

/** Threads that take turns on a device of their own, and what they count together. */
function threadsOn({ cores = 1, places = 1 } = {}) {
  const device = `test ${devices++}`;
  const counts = new Int32Array(new SharedArrayBuffer(16));
  const start = (data: Pick<TurnsData, "times" | "inTurn">) => {
    const thread = new Worker(new URL("./process-turns.fixture.ts", import.meta.url), {
      workerData: { device, counts, cores, places, ...data } satisfies TurnsData,
    });
    threads.push(thread);
    return thread;
  };
  return { device, counts, start };
}

async function ended(thread: Worker): Promise<number> {
  const [status] = await once(thread, "exit");
  return status as number;
}

describe("turns on a device", { timeout: 120_000 }, () => {
  test("are one at a time, whichever thread they are of, and all come", async () => {
    const { start, counts } = threadsOn();
    const threads = Array.from({ length: 8 }, () => start({ times: 20 }));
    let turns = 0;
    for (const thread of threads) thread.on("message", () => turns++);
    assert.deepEqual(new Set(await Promise.all(threads.map(ended))), new Set([0]));
    assert.deepEqual([turns, ...counts], [160, 0, 1, 0, 1]);
  });

  test("are no more at a time than places, with no more threads than cores", async () => {
    const { start, counts } = threadsOn({ cores: 4, places: 3 });
    const threads = Array.from({ length: 6 }, () => start({ times: 20 }));
    await Promise.all(threads.map(ended));
    const [, mostRuns, , mostThreads] = counts;
    assert.ok(mostRuns! > 1 && mostRuns! <= 3, `${mostRuns} runs at a time`);
    assert.ok(mostThreads! <= 4, `${mostThreads} threads at a time`);
  });

  for (const how of ["terminated", "ended by process.exit"] as const) {
    test(`go on when a thread is ${how} in its turn, and keep a waiting thread alive`, async () => {
      const { start, counts } = threadsOn();
      const first = start({ times: 1, inTurn: how === "terminated" ? "stay" : "exit" });
      await nextMessage(first);
      const second = start({ times: 1 });
      // Both at once: a thread's last message and its end may arrive in the same moment.
      const [began, end] = [nextMessage(second), ended(second)];
      if (how === "terminated") {
        await once(second, "online");
        assert.equal(counts[0], 1);
        await first.terminate();
      }
      assert.equal(await began, 1);
      assert.equal(await end, 0);
    });
  }

  test("come in the order of asking, and a caller that aborts leaves the queue", async () => {
    const { device } = threadsOn();
    const turns = await processTurns(device);
    const [gate, aborter] = [Promise.withResolvers<void>(), new AbortController()];
    const done: number[] = [];
    const running = turns.run(() => gate.promise);
    const waiting = [0, 1, 2, 3].map((index) =>
      turns.run(async () => void done.push(index), {
        signal: index === 1 ? aborter.signal : undefined,
      }),
    );
    const left = assert.rejects(waiting[1]!, /enough/);
    await turn();
    assert.ok(turns.busyMs > 0);
    aborter.abort(new Error("enough"));
    await left;
    assert.deepEqual(done, []);
    gate.resolve();
    await Promise.all([running, waiting[0], waiting[2], waiting[3]]);
    assert.deepEqual([done, turns.busyMs], [[0, 2, 3], 0]);
  });

  test("come to another copy of the package in the thread without its looking", async (t) => {
    t.mock.timers.enable({ apis: ["setInterval"] });
    const { device } = threadsOn();
    const url = new URL("./process-turns.ts?copy", import.meta.url).href;
    const copy: typeof import("./process-turns.ts") = await import(url);
    const [mine, theirs] = [await processTurns(device), await copy.processTurns(device)];
    const gate = Promise.withResolvers<void>();
    const first = mine.run(() => gate.promise);
    const second = theirs.run(async () => "theirs");
    await turn();
    gate.resolve();
    await first;
    // A channel alone does not keep the process alive.
    const alive = setTimeout(() => {}, 60_000);
    assert.equal(await second, "theirs");
    clearTimeout(alive);
  });

  test("go on after work that failed", async () => {
    const turns = await processTurns(threadsOn().device);
    const failing = turns.run(() => Promise.reject(new Error("broken")));
    await assert.rejects(failing, /broken/);
    assert.equal(await turns.run(async () => "next"), "next");
  });
});
