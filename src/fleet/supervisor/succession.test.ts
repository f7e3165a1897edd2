import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { PretendProcesses, policyOf } from "./pretend-process.fixture.ts";
import type { SlotPolicy } from "./slot-policy.ts";
import {
  hasRoomForTwo,
  type SuccessionOptions,
  succeedOneAfterTheOther,
  succeedSideBySide,
  untilRetired,
} from "./succession.ts";

/** An old process at work, and what a slot does for its successor; `steps` is what happens. */
async function scene(policy: Partial<SlotPolicy> = {}, kind: "cpu" | "gpu" = "cpu") {
  const processes = new PretendProcesses();
  const [old, oldProcess] = await processes.atWork(kind);
  const steps: string[] = [];
  void oldProcess.until("drain 600000").then(() => steps.push("the old one drains"));
  void old.exited.then(() => steps.push("the old one ends"));
  const start = async () => {
    steps.push("a successor starts");
    const [child] = await processes.atWork(kind);
    return child;
  };
  const options: SuccessionOptions = {
    old,
    policy: policyOf(policy),
    start,
    startAnew: start,
    take: () => steps.push("the successor takes jobs"),
  };
  return { options, oldProcess, steps, processes };
}

describe("side by side", () => {
  test("a successor on a GPU takes jobs at once, while the old process finishes", async () => {
    const { options, steps } = await scene({}, "gpu");
    const { successor, gapMs } = await succeedSideBySide(options);
    assert.deepEqual([successor?.pid, gapMs], [2, 0]);
    await nextTurn();
    assert.deepEqual(steps.toSorted(), [
      "a successor starts",
      "the old one drains",
      "the successor takes jobs",
    ]);
    assert.equal(options.old.isGone, false);
  });

  test("a successor on a CPU takes jobs when the old process has finished its own", async () => {
    const { options, oldProcess, steps } = await scene();
    const succession = succeedSideBySide(options);
    await oldProcess.until("drain 600000");
    await nextTurn();
    assert.deepEqual(steps, ["a successor starts", "the old one drains"]);
    oldProcess.finishJobs();
    await succession;
    assert.equal(steps.at(-1), "the successor takes jobs");
  });

  test("a successor on a CPU does not wait for ever", async () => {
    const { options, steps } = await scene({ handOverMs: 5 });
    await succeedSideBySide(options);
    assert.equal(steps.at(-1), "the successor takes jobs");
    assert.equal(options.old.isGone, false);
  });

  test("the old process is left alone when its successor fails", async () => {
    const { options, oldProcess, steps } = await scene();
    const start = () => Promise.reject(new Error("no model"));
    await assert.rejects(succeedSideBySide({ ...options, start }), /no model/);
    assert.deepEqual([oldProcess.orders, steps], [["begin", "take"], []]);
  });
});

describe("one after the other", () => {
  test("a successor starts when the old process has ended", async () => {
    const { options, oldProcess, steps } = await scene();
    const succession = succeedOneAfterTheOther(options);
    await oldProcess.until("drain 600000");
    oldProcess.finishJobs();
    await nextTurn();
    assert.deepEqual(steps, ["the old one drains"]);
    oldProcess.exit();
    const { successor, gapMs } = await succession;
    assert.equal(successor?.pid, 2);
    assert.ok(gapMs > 0);
    assert.deepEqual(steps.slice(1), ["the old one ends", "a successor starts"]);
  });

  test("there is no successor when the slot is given up", async () => {
    const { options, oldProcess } = await scene();
    const succession = succeedOneAfterTheOther({ ...options, startAnew: async () => undefined });
    oldProcess.exit();
    assert.equal((await succession).successor, undefined);
  });
});

test("a process that does not end in time is killed", async () => {
  const { options, oldProcess } = await scene({ drainDeadlineMs: 1, overdueMs: 1 });
  await untilRetired(options);
  assert.deepEqual(oldProcess.orders, ["begin", "take", "kill"]);
});

describe("the room for two processes", () => {
  const cases: [what: string, processBytes: number, keepFreeBytes: number, hasRoom: boolean][] = [
    ["a small process", 1, 0, true],
    ["a process as large as the memory", Number.MAX_SAFE_INTEGER, 0, false],
    ["a small process where all memory is for others", 1, Number.MAX_SAFE_INTEGER, false],
  ];
  for (const [what, processBytes, keepFreeBytes, hasRoom] of cases) {
    test(`is ${hasRoom ? "there" : "not there"} for ${what}`, async () => {
      const memory = { processBytes, gpuBytes: 0 };
      const [old] = await new PretendProcesses().atWork("cpu", { memory });
      assert.equal(hasRoomForTwo({ old, policy: policyOf({ keepFreeBytes }) }), hasRoom);
    });
  }
});
