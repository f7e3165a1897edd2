import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Logger, silentLogger } from "../../logger.ts";
import { CacheEvents, type ModelCacheEvents } from "./cache-events.ts";
import type { CachedModel } from "./cached-model.ts";
import { MemoryKeeper, type MemoryKeeperOptions } from "./memory-keeper.ts";
import { pretendModel, pretendOutcome } from "./pretend-loads.fixture.ts";

let models: CachedModel[];
let keeper: MemoryKeeper;
let events: CacheEvents;
let warnings: string[];

beforeEach(() => {
  models = [];
  warnings = [];
  keeper = makeKeeper();
});
afterEach(() => keeper[Symbol.dispose]());

function makeKeeper(options: Partial<MemoryKeeperOptions> = {}): MemoryKeeper {
  const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
  events = new CacheEvents(logger);
  return new MemoryKeeper({
    models: () => models,
    events,
    memoryBudgetBytes: 25,
    thrashWindowMs: 10_000,
    trimEvery: 4,
    logEvery: 2,
    logger,
    ...options,
  });
}

function record<K extends keyof ModelCacheEvents>(event: K) {
  const seen: ModelCacheEvents[K][] = [];
  events.on(event, (payload) => seen.push(payload));
  return seen;
}

/** A loaded model of 10 bytes that counts its trims. */
async function add({ name, idleMs = 60_000 }: { name: string; idleMs?: number }) {
  const { cached, load } = pretendModel({ name });
  const outcome = pretendOutcome({ bytes: 10 });
  const counts = { trims: 0 };
  const trimMemory = async () => {
    counts.trims++;
  };
  load.resolve({ ...outcome, model: Object.assign(outcome.model, { trimMemory }) });
  await turn();
  cached.lastUseAtMs = performance.now() - idleMs;
  models.push(cached);
  return { cached, counts, outcome };
}

describe("a memory keeper", () => {
  test("makes room by the budget, and says nothing when that is enough", async () => {
    const overBudget = record("memory:over-budget");
    const [a, b] = [await add({ name: "a" }), await add({ name: "b", idleMs: 90_000 })];
    keeper.makeRoom(5);
    assert.deepEqual([a.cached.state, b.cached.state], ["ready", "ready"]);
    keeper.makeRoom(6);
    assert.deepEqual([a.cached.state, b.cached.state], ["ready", "draining"]);
    assert.deepEqual([overBudget, warnings], [[], []]);
  });

  test("says so when no more can go", async () => {
    const overBudget = record("memory:over-budget");
    await add({ name: "a", idleMs: 0 });
    keeper.makeRoom(30);
    assert.deepEqual(overBudget, [{ bytes: 40, budgetBytes: 25, spared: ["a"] }]);
    assert.equal(warnings.length, 1);
  });

  test("counts tasks, reports every logEvery and trims every trimEvery", async () => {
    const reports = record("memory:report");
    const trims = record("memory:trim");
    const { counts } = await add({ name: "a" });
    for (let task = 1; task <= 9; task += 1) await keeper.taskDone();
    assert.equal(keeper.tasks, 9);
    assert.deepEqual(
      reports.map(({ tasks }) => tasks),
      [2, 4, 6, 8],
    );
    assert.deepEqual(
      trims.map(({ tasks, models: trimmed }) => [tasks, trimmed]),
      [
        [4, 1],
        [8, 1],
      ],
    );
    assert.equal(counts.trims, 2);
  });

  test("does not take its own trimming for a use of the model", async () => {
    const { cached } = await add({ name: "a" });
    const { lastUseAtMs } = cached;
    for (let task = 1; task <= 4; task += 1) await keeper.taskDone();
    assert.equal(cached.lastUseAtMs, lastUseAtMs);
    assert.equal(cached.users, 0);
  });

  test("looks at the budget again as it trims: what was in use may go by then", async () => {
    const [a, b, c] = [
      await add({ name: "a", idleMs: 80_000 }),
      await add({ name: "b", idleMs: 90_000 }),
      await add({ name: "c" }),
    ];
    const { done } = await b.cached.use();
    done();
    b.cached.lastUseAtMs = performance.now() - 90_000;
    for (let task = 1; task <= 4; task += 1) await keeper.taskDone();
    assert.deepEqual(
      [a, b, c].map(({ cached }) => cached.state),
      ["ready", "draining", "ready"],
    );
    assert.deepEqual(
      [a, b, c].map(({ counts }) => counts.trims),
      [1, 0, 1],
    );
  });

  test("trims the other models when one cannot be trimmed", async () => {
    const broken = await add({ name: "broken" });
    Object.assign(broken.outcome.model, {
      trimMemory: async () => {
        throw new Error("no arena");
      },
    });
    const { counts } = await add({ name: "a" });
    for (let task = 1; task <= 4; task += 1) await keeper.taskDone();
    assert.equal(counts.trims, 1);
    assert.deepEqual(warnings, ["memory could not be given back"]);
  });

  test("expires what is idle for long, and spares what is used or pinned", async () => {
    const used = await add({ name: "used" });
    const pinned = await add({ name: "pinned" });
    const young = await add({ name: "young" });
    await used.cached.use();
    pinned.cached.pinned = true;
    used.cached.lastUseAtMs = pinned.cached.lastUseAtMs;
    // As if it were used again and again.
    young.cached.lastUseAtMs = performance.now() + 60_000;
    const idle = await add({ name: "idle" });
    // Only now: on a slow machine it would look at models that are not in use yet.
    using expiring = makeKeeper({ expireAfterMs: 20, memoryBudgetBytes: 1000 });
    assert.equal(expiring.tasks, 0);
    // The timer keeps no process alive; a test must.
    const alive = setInterval(() => {}, 1000);
    await idle.cached.released;
    clearInterval(alive);
    assert.deepEqual(
      [idle, used, pinned, young].map(({ cached }) => cached.state),
      ["draining", "ready", "ready", "ready"],
    );
  });
});
