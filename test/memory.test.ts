/**
 * Memory over a thousand tasks and predictions, and over fifty loads, in processes of their own.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { MemoryReport } from "./memory.fixture.ts";

const script = fileURLToPath(new URL("./memory.fixture.ts", import.meta.url));

async function run(scenario: string): Promise<MemoryReport> {
  const args = ["--expose-gc", script, scenario];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

/** The median of steps `from` to `to`: a reading may meet a photo that is just being decoded. */
function medianMb({ residentMb }: MemoryReport, from: number, to: number): number {
  const sorted = residentMb.slice(from, to).sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

/** How much resident memory has grown from some steps to the last ones; printed in any case. */
function growthMb(
  t: TestContext,
  report: MemoryReport,
  { from, to }: { from: number; to: number },
): number {
  const steps = report.residentMb.length;
  const [early, late] = [medianMb(report, from, to), medianMb(report, steps - (to - from), steps)];
  const peak = Math.max(...report.residentMb);
  t.diagnostic(
    `${early.toFixed(1)} MB in steps ${from} to ${to}, ${late.toFixed(1)} MB in the last ` +
      `${to - from} of ${steps}, ${peak.toFixed(1)} MB at most`,
  );
  return late - early;
}

describe("memory", { concurrency: true }, () => {
  test("is flat over 1,000 tasks after the first 100, with each model loaded once", async (t) => {
    const report = await run("tasks");
    // 5 %: measured, it is less than 1 MB.
    assert.ok(growthMb(t, report, { from: 100, to: 200 }) < 8);
    assert.deepEqual(
      { steps: report.residentMb.length, loads: report.loads, found: report.found },
      { steps: 1000, loads: 2, found: 1000 },
    );
    assert.deepEqual(report.live, {}, "native objects are released");
  });

  test("is flat over 1,000 photos where nobody counts tasks", async (t) => {
    const report = await run("untrimmed");
    // It moves by 10 MB. While sharp's images grew old and nothing was trimmed, it grew by 39.
    assert.ok(growthMb(t, report, { from: 100, to: 200 }) < 20);
    assert.deepEqual(
      { steps: report.residentMb.length, loads: report.loads, found: report.found },
      { steps: 1000, loads: 1, found: 1000 },
    );
    assert.deepEqual(report.live, {}, "native objects are released");
  });

  // The C library's heap grows for some loads yet, by parts that no load has left in use: measured
  // over 600 loads, it stays below 300 MB from the hundredth on. A network that were not released
  // would show with 10 MB each time.
  test("grows by less than 2 MB a load over 50 loads of a network of 10 MB", async (t) => {
    const report = await run("reloads");
    assert.ok(growthMb(t, report, { from: 10, to: 20 }) < 60);
    assert.equal(report.loads, 50);
    assert.deepEqual(report.live, {}, "native objects are released");
  });
});
