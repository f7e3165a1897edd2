import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { OneAtATime } from "./one-at-a-time.ts";

describe("one at a time", () => {
  test("runs in the order of asking, each when the one before has ended", async () => {
    const turns = new OneAtATime();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await turn();
      log.push(`${name} ends`);
      return name;
    };
    const results = await Promise.all(["a", "b", "c"].map((name) => turns.run(work(name))));
    assert.deepEqual(results, ["a", "b", "c"]);
    assert.deepEqual(
      log,
      ["a", "b", "c"].flatMap((name) => [`${name} begins`, `${name} ends`]),
    );
  });

  test("reports how long the work has been running, not how long others wait", async () => {
    const turns = new OneAtATime();
    assert.equal(turns.busyMs, 0);
    for (const fails of [false, true]) {
      const gate = Promise.withResolvers<void>();
      const work = turns.run(() => gate.promise);
      const waiting = turns.run(async () => assert.ok(turns.busyMs < before));
      await sleep(5);
      const before = turns.busyMs;
      assert.ok(before > 0);
      await sleep(5);
      assert.ok(turns.busyMs > before);
      if (fails) gate.reject(new Error("broken"));
      else gate.resolve();
      await Promise.allSettled([work]);
      await waiting;
      assert.equal(turns.busyMs, 0);
    }
  });

  test("goes on after work that failed", async () => {
    const turns = new OneAtATime();
    const failing = turns.run(async () => {
      throw new Error("broken");
    });
    const next = turns.run(async () => "next");
    await assert.rejects(failing, /broken/);
    assert.equal(await next, "next");
  });

  for (const which of [1, 2]) {
    test(`lets waiter ${which} of 2 leave, and keeps the order of the others`, async () => {
      const turns = new OneAtATime();
      const gate = Promise.withResolvers<void>();
      const aborter = new AbortController();
      const done: number[] = [];
      const waiting = [0, 1, 2, 3].map((index) =>
        turns.run(
          async () => {
            if (index === 0) await gate.promise;
            done.push(index);
          },
          index === which ? aborter.signal : undefined,
        ),
      );
      aborter.abort(new Error("left"));
      await assert.rejects(waiting[which]!, /left/);
      await turn();
      assert.deepEqual(done, [], "the place before it is still taken");
      gate.resolve();
      await Promise.allSettled(waiting);
      assert.deepEqual(
        done,
        [0, 1, 2, 3].filter((index) => index !== which),
      );
    });
  }

  test("frees a place when the work ends, not when its caller leaves", async () => {
    const turns = new OneAtATime();
    const gate = Promise.withResolvers<void>();
    const aborter = new AbortController();
    const first = turns.run(() => gate.promise, aborter.signal);
    let began = false;
    const second = turns.run(async () => {
      began = true;
    });
    await turn();
    aborter.abort(new Error("left"));
    await turn();
    assert.equal(began, false);
    gate.resolve();
    await Promise.all([first, second]);
    assert.equal(began, true);
  });
});
