import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunChoice } from "./choose-runs.ts";
import { type RunPlan, RunPlans } from "./run-plans.ts";

const beside = { threads: 2, callers: 2, spinning: false };

/** Runs of each way until both are measured. */
function measure(plan: RunPlan, { together, apart }: Record<"together" | "apart", number>): void {
  for (let run = 0; run < 4; run++) plan.note({ ...beside, ms: together });
  for (let run = 0; run < 4; run++) plan.note({ ...beside, threads: 1, ms: apart });
}

describe("the plan of a network's runs", () => {
  test("is made anew after 500 runs, for what was measured may have been disturbed", async () => {
    const chosen: RunChoice[] = [];
    const onChosen = (choice: RunChoice) => chosen.push(choice);
    const plans = new RunPlans({ key: "anew", intraOpThreads: 2, onChosen });
    const plan = await plans.of(640 * 640);
    measure(plan, { together: 100, apart: 400 });
    assert.partialDeepStrictEqual(plan.choice, { runs: 1, threads: 2, isMeasuring: false });
    for (let run = 8; run < 500; run++) {
      assert.equal(plan.choice.isMeasuring, false);
      plan.note({ ...beside, ms: 100 });
    }
    assert.equal(plan.choice.isMeasuring, true);
    measure(plan, { together: 100, apart: 150 });
    assert.partialDeepStrictEqual(plan.choice, { runs: 2, threads: 1, isMeasuring: false });
    assert.deepEqual(
      chosen.map(({ runs }) => runs),
      [1, 2],
    );
  });

  test("begins a run more than there are cores where runs are short", async () => {
    const cases = [
      { together: 12, apart: 10, places: 3 },
      { together: 400, apart: 300, places: 2 },
      { together: 10, apart: 25, places: 1 },
    ];
    for (const [index, { places, ...ms }] of cases.entries()) {
      const plan = await new RunPlans({ key: `short ${index}`, intraOpThreads: 2 }).of(320 * 320);
      assert.equal(plan.request.places, 1);
      measure(plan, ms);
      assert.deepEqual(plan.request, { cores: 2, places });
      // Beside each other they take longer, which says nothing of what they cost.
      for (let run = 0; run < 20; run++) plan.note({ ...beside, threads: 1, ms: 2 * ms.apart });
      assert.deepEqual(plan.request, { cores: 2, places });
    }
    const plan = await new RunPlans({ key: "set", intraOpThreads: 2, cpuRuns: 2 }).of(320 * 320);
    measure(plan, { together: 12, apart: 10 });
    assert.equal(plan.request.places, 2);
  });

  test("is reported again only where it differs", async () => {
    const chosen: RunChoice[] = [];
    const onChosen = (choice: RunChoice) => chosen.push(choice);
    const plans = new RunPlans({ key: "same", intraOpThreads: 2, onChosen });
    const plan = await plans.of(640 * 640);
    for (let time = 0; time < 200; time++) measure(plan, { together: 100, apart: 150 });
    assert.equal(chosen.length, 1);
  });
});
