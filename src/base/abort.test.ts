import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { FollowingController, settlesWithin, untilAborted } from "./abort.ts";

describe("untilAborted", () => {
  test("settles as the promise does", async () => {
    const { signal } = new AbortController();
    assert.equal(await untilAborted(Promise.resolve(1), signal), 1);
    assert.equal(await untilAborted(Promise.resolve(1)), 1);
    await assert.rejects(untilAborted(Promise.reject(new Error("no")), signal), /no/);
    assert.equal(getEventListeners(signal, "abort").length, 0);
  });

  test("rejects with the signal's reason, and leaves no listener", async () => {
    const aborter = new AbortController();
    const never = untilAborted(new Promise(() => {}), aborter.signal);
    aborter.abort(new Error("left"));
    await assert.rejects(never, /left/);
    assert.equal(getEventListeners(aborter.signal, "abort").length, 0);
  });

  test("rejects at once when it has aborted before, even if the promise fails too", async () => {
    const signal = AbortSignal.abort(new Error("left"));
    await assert.rejects(untilAborted(Promise.resolve(1), signal), /left/);
    const failing = Promise.withResolvers<never>();
    await assert.rejects(untilAborted(failing.promise, signal), /left/);
    failing.reject(new Error("unhandled, were it not for the race"));
    await turn();
  });
});

describe("settlesWithin", () => {
  test("is true of work that ends in any way, and false of work that does not", async () => {
    assert.equal(await settlesWithin(Promise.resolve(), 10_000), true);
    assert.equal(await settlesWithin(Promise.reject(new Error("no")), 10_000), true);
    assert.equal(await settlesWithin(new Promise(() => {}), 1), false);
  });
});

describe("FollowingController", () => {
  test("aborts with the signal that it follows, until it is disposed", () => {
    const outer = new AbortController();
    const followers = [0, 1].map(() => new FollowingController(outer.signal));
    followers[1]![Symbol.dispose]();
    outer.abort("enough");
    assert.deepEqual(
      followers.map(({ signal }) => [signal.aborted, signal.reason]),
      [
        [true, "enough"],
        [false, undefined],
      ],
    );
    assert.equal(getEventListeners(outer.signal, "abort").length, 0);
  });

  test("is aborted from the start where the signal is", () => {
    using follower = new FollowingController(AbortSignal.abort("before"));
    assert.equal(follower.signal.reason, "before");
  });

  test("aborts alone after its time, and leaves the signal that it follows as it is", async () => {
    const outer = new AbortController();
    using follower = new FollowingController(outer.signal, { timeoutMs: 1 });
    await assert.rejects(untilAborted(new Promise(() => {}), follower.signal), /abort/i);
    assert.equal(outer.signal.aborted, false);
  });
});
