import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { readCpuSettings } from "./cpu-settings.ts";

test("the environment sets threads, runs and spinning, or leaves them open", () => {
  const [ORANGERY_CPU_THREADS, ORANGERY_CPU_RUNS] = ["4", "2"];
  assert.deepEqual(
    readCpuSettings({ ORANGERY_CPU_THREADS, ORANGERY_CPU_RUNS, ORANGERY_CPU_SPINNING: "0" }),
    { intraOpThreads: 4, cpuRuns: 2, cpuSpinning: false },
  );
  const open = { intraOpThreads: undefined, cpuRuns: undefined, cpuSpinning: undefined };
  assert.deepEqual(readCpuSettings({}), open);
  assert.deepEqual(readCpuSettings({ ORANGERY_CPU_THREADS: "", ORANGERY_CPU_SPINNING: "" }), open);
  for (const wrong of [
    { ORANGERY_CPU_THREADS: "0" },
    { ORANGERY_CPU_RUNS: "many" },
    { ORANGERY_CPU_SPINNING: "yes" },
  ]) {
    assert.throws(
      () => readCpuSettings(wrong),
      (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
    );
  }
});
