import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { chooseEvictions } from "./memory-budget.ts";
import { pretendModel, pretendOutcome } from "./pretend-loads.fixture.ts";

interface Held {
  readonly name: string;
  readonly bytes?: number;
  /** Time since its last use. */
  readonly idleMs?: number;
  readonly session?: string;
  readonly is?: "used" | "pinned" | "loading" | "draining";
}

async function hold({ name, bytes = 10, idleMs = 60_000, session = name, is }: Held) {
  const { cached, load } = pretendModel({ name });
  if (is === "loading") return cached;
  load.resolve(pretendOutcome({ bytes, sessionKey: session }));
  if (is === "used" || is === "draining") await cached.use();
  await turn();
  if (is === "draining") cached.retire("clear");
  cached.pinned = is === "pinned";
  cached.lastUseAtMs = performance.now() - idleMs;
  return cached;
}

describe("the choice of what a memory budget evicts", () => {
  const cases: [
    what: string,
    models: Held[],
    options: { budgetBytes: number; neededBytes?: number; thrashWindowMs?: number },
    expected: { evict?: string[]; overBytes?: number; spared?: string[] },
  ][] = [
    ["nothing of nothing", [], { budgetBytes: 10 }, {}],
    [
      "nothing, when one load is too large for the budget",
      [],
      { budgetBytes: 10, neededBytes: 11 },
      { overBytes: 1 },
    ],
    ["nothing that fits", [{ name: "a" }, { name: "b" }], { budgetBytes: 20 }, {}],
    [
      "nothing without a limit",
      [{ name: "a" }],
      { budgetBytes: Number.POSITIVE_INFINITY, neededBytes: 1e15 },
      {},
    ],
    [
      "the least recently used, and no more than needed",
      [
        { name: "a", idleMs: 20_000 },
        { name: "b", idleMs: 40_000 },
        { name: "c", idleMs: 30_000 },
      ],
      { budgetBytes: 35, neededBytes: 10 },
      { evict: ["b"] },
    ],
    [
      "as many as needed, in that order",
      [
        { name: "a", idleMs: 20_000 },
        { name: "b", idleMs: 40_000 },
        { name: "c", idleMs: 30_000 },
      ],
      { budgetBytes: 15, neededBytes: 5 },
      { evict: ["b", "c"] },
    ],
    [
      "nothing that is used, pinned, loading or draining, though all but the loading counts",
      [
        { name: "a", is: "used" },
        { name: "b", is: "pinned" },
        { name: "c", is: "loading" },
        { name: "d", is: "draining" },
      ],
      { budgetBytes: 12 },
      { overBytes: 18 },
    ],
    [
      "nothing that was used a moment ago: it is spared by name",
      [
        { name: "a", idleMs: 500 },
        { name: "b", idleMs: 5000 },
        { name: "c", idleMs: 50 },
      ],
      { budgetBytes: 12, thrashWindowMs: 1000 },
      { evict: ["b"], overBytes: 8, spared: ["a", "c"] },
    ],
    [
      "nothing twice: a session that workers share counts once",
      [
        { name: "a", session: "shared" },
        { name: "a", session: "shared", bytes: 0 },
      ],
      { budgetBytes: 10 },
      {},
    ],
    [
      "all who share a session, since its memory goes with the last of them",
      [
        { name: "a", session: "shared", bytes: 0 },
        { name: "b", idleMs: 30_000 },
        { name: "a", session: "shared" },
      ],
      { budgetBytes: 10 },
      { evict: ["a", "a"] },
    ],
    [
      "none who share a session when one of them uses it",
      [
        { name: "a", session: "shared", is: "used" },
        { name: "b", idleMs: 30_000 },
        { name: "a", session: "shared" },
      ],
      { budgetBytes: 10 },
      { evict: ["b"] },
    ],
    [
      "none who share a session when one of them used it last",
      [
        { name: "a", session: "shared", idleMs: 20_000 },
        { name: "b", idleMs: 30_000 },
        { name: "a", session: "shared" },
      ],
      { budgetBytes: 10 },
      { evict: ["b"] },
    ],
  ];
  for (const [
    what,
    models,
    { budgetBytes, neededBytes = 0, thrashWindowMs = 10_000 },
    expected,
  ] of cases) {
    test(`is ${what}`, async () => {
      const held = await Promise.all(models.map(hold));
      const { evict, overBytes, spared } = chooseEvictions(held, neededBytes, {
        budgetBytes,
        thrashWindowMs,
      });
      assert.deepEqual(
        { evict: evict.map(({ name }) => name), overBytes, spared },
        { evict: [], overBytes: 0, spared: [], ...expected },
      );
    });
  }
});
