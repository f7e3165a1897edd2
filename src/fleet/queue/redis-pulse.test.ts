import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RedisPulse } from "./redis-pulse.ts";

describe("the pulse of Redis", () => {
  test("is there at first, and as long as requests are answered", async () => {
    let asked = 0;
    const pulse = new RedisPulse(async () => ++asked);
    assert.equal(pulse.isAlive, true);
    await pulse.beat();
    await pulse.beat();
    assert.deepEqual([pulse.isAlive, asked], [true, 2]);
  });

  test("is gone when a request is refused, and back when one is answered", async () => {
    const answers = [Promise.reject(new Error("the connection is closed")), Promise.resolve()];
    const pulse = new RedisPulse(() => answers.shift()!);
    await pulse.beat();
    assert.equal(pulse.isAlive, false);
    await pulse.beat();
    assert.equal(pulse.isAlive, true);
  });

  test("is gone when an answer takes too long; meanwhile nothing more is asked", async () => {
    let asked = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    const pulse = new RedisPulse(
      () => {
        asked++;
        return promise;
      },
      { patienceMs: 1 },
    );
    const beat = pulse.beat();
    await pulse.beat();
    await new Promise((wake) => setTimeout(wake, 5));
    assert.deepEqual([pulse.isAlive, asked], [false, 1]);
    resolve();
    await beat;
    assert.equal(pulse.isAlive, true);
  });
});
