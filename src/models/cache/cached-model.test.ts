import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { silentLogger } from "../../logger.ts";
import { pretendModel, pretendOutcome } from "./pretend-loads.fixture.ts";

const left = new Error("left");

describe("a cached model", () => {
  test("begins its load as it is made, and is ready before its waiters have it", async () => {
    const { cached, load, log } = pretendModel();
    assert.equal(cached.state, "loading");
    const waiting = [cached.use(), cached.use()].map(async (use) => {
      const { model, done } = await use;
      log.push("used");
      done();
      return model;
    });
    assert.equal(cached.users, 2);
    const outcome = pretendOutcome();
    load.resolve(outcome);
    assert.deepEqual(await Promise.all(waiting), [outcome.model, outcome.model]);
    assert.deepEqual(log, ["ready, ready", "used", "used"]);
    assert.equal(cached.state, "ready");
    assert.equal(cached.idle, true);
    assert.equal(outcome.model.releases, 0);
  });

  test("may become ready without anyone who waits", async () => {
    const { cached, load, log } = pretendModel();
    load.resolve(pretendOutcome());
    await turn();
    assert.deepEqual(log, ["ready, ready"]);
    assert.equal(cached.idle, true);
  });

  test("is not idle while it is used or pinned", async () => {
    const { cached, load } = pretendModel();
    load.resolve(pretendOutcome());
    const { done } = await cached.use();
    assert.equal(cached.idle, false);
    done();
    assert.equal(cached.idle, true);
    cached.pinned = true;
    assert.equal(cached.idle, false);
  });

  test("goes when it is retired and nobody uses it", async () => {
    const { cached, load, log } = pretendModel();
    const outcome = pretendOutcome();
    load.resolve(outcome);
    await turn();
    cached.retire("expire");
    cached.retire("clear");
    await cached.released;
    assert.deepEqual(log, ["ready, ready", "left", "released: expire"]);
    assert.equal(outcome.model.releases, 1);
  });

  test("drains when it is retired in use, until its last user leaves", async () => {
    const { cached, load, log } = pretendModel();
    const outcome = pretendOutcome();
    load.resolve(outcome);
    const uses = await Promise.all([cached.use(), cached.use()]);
    cached.retire("reload");
    assert.equal(cached.state, "draining");
    uses[0].done();
    uses[0].done();
    assert.equal(cached.users, 1, "done counts once");
    assert.deepEqual(log, ["ready, ready", "left"]);
    uses[1].done();
    await cached.released;
    assert.deepEqual(log, ["ready, ready", "left", "released: reload"]);
    assert.equal(outcome.model.releases, 1);
  });

  test("that is retired while it loads is still given to those who wait", async () => {
    const { cached, load, log, loadSignal } = pretendModel();
    const waiting = cached.use();
    cached.retire("clear");
    assert.equal(loadSignal.aborted, false);
    const outcome = pretendOutcome();
    load.resolve(outcome);
    const { model, done } = await waiting;
    assert.equal(model, outcome.model);
    assert.equal(outcome.model.releases, 0);
    done();
    await cached.released;
    assert.deepEqual(log, ["left", "ready, draining", "released: clear"]);
  });
});

describe("a load that nobody waits for any more", () => {
  test("is cancelled when its last waiter leaves, not before", async () => {
    const { cached, load, log, loadSignal } = pretendModel();
    const aborters = [new AbortController(), new AbortController()];
    const waiting = aborters.map(({ signal }) => cached.use(signal));
    aborters[0]!.abort(left);
    await assert.rejects(waiting[0]!, left);
    assert.deepEqual([loadSignal.aborted, log], [false, []]);
    aborters[1]!.abort(left);
    await assert.rejects(waiting[1]!, left);
    assert.deepEqual([loadSignal.aborted, log], [true, ["left"]]);
    assert.equal(cached.state, "draining", "it is no load that a new caller could join");
    load.reject(loadSignal.reason);
    await cached.released;
    assert.deepEqual(log, ["left"], "a cancelled load has not failed");
  });

  test("is cancelled when it is retired without waiters", async () => {
    const { cached, load, log, loadSignal } = pretendModel();
    cached.retire("clear");
    assert.deepEqual([loadSignal.aborted, log], [true, ["left"]]);
    load.reject(loadSignal.reason);
    await cached.released;
  });

  for (const cancel of ["left", "retired", "left, then retired"]) {
    test(`and ends well all the same is released, unannounced (${cancel})`, async () => {
      const { cached, load, log } = pretendModel();
      if (cancel !== "retired") {
        await assert.rejects(cached.use(AbortSignal.abort(left)), left);
      }
      if (cancel !== "left") cached.retire("clear");
      let isReleased = false;
      void cached.released.then(() => {
        isReleased = true;
      });
      await turn();
      assert.equal(isReleased, false, "it is not released while its load goes on");
      const outcome = pretendOutcome();
      load.resolve(outcome);
      await cached.released;
      assert.equal(outcome.model.releases, 1);
      assert.deepEqual(log, ["left"]);
    });
  }
});

test("an abort just as the load ends gives a use or a rejection, and leaves no user", async () => {
  const ends = new Set<string>();
  for (let ticks = 0; ticks < 12; ticks += 1) {
    const { cached, load } = pretendModel();
    const outcome = pretendOutcome();
    const aborter = new AbortController();
    const using = cached.use(aborter.signal);
    if (ticks % 2 === 0) load.resolve(outcome);
    for (let tick = 0; tick < ticks / 2; tick += 1) await undefined;
    aborter.abort(left);
    load.resolve(outcome);
    const [end] = await Promise.allSettled([using]);
    ends.add(end.status);
    if (end.status === "fulfilled") end.value.done();
    await turn();
    assert.equal(cached.users, 0);
    assert.equal(outcome.model.releases, cached.state === "draining" ? 1 : 0, `${ticks} ticks`);
  }
  assert.deepEqual([...ends].sort(), ["fulfilled", "rejected"]);
});

describe("a load that fails", () => {
  test("takes the model out of service before its waiters hear of it", async () => {
    const { cached, load, log } = pretendModel();
    const waiting = [cached.use(), cached.use()].map((use) => use.catch(() => log.push("heard")));
    load.reject(new Error("broken"));
    await Promise.all(waiting);
    assert.deepEqual(log, ["left: Error: broken", "heard", "heard"]);
    await cached.released;
    assert.equal(cached.users, 0);
  });

  test("after it was retired is the waiters' error all the same", async () => {
    const { cached, load, log } = pretendModel();
    const waiting = cached.use();
    cached.retire("clear");
    load.reject(new Error("broken"));
    await assert.rejects(waiting, /broken/);
    await cached.released;
    assert.deepEqual(log, ["left"]);
  });
});

test("a release that fails is logged, and the model counts as released", async () => {
  const errors: string[] = [];
  const { cached, load } = pretendModel({
    logger: { ...silentLogger, error: (_, message) => errors.push(message) },
  });
  const outcome = pretendOutcome();
  outcome.model[Symbol.asyncDispose] = async () => {
    throw new Error("stuck");
  };
  load.resolve(outcome);
  await turn();
  cached.retire("evict");
  await cached.released;
  assert.deepEqual(errors, ["a model could not be released"]);
});
