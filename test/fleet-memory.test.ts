import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { FleetMemoryReport } from "./fleet-memory.fixture.ts";

/** 10,000 take two minutes: FLEET_MEMORY_TASKS=10000. */
const tasks = Number(process.env.FLEET_MEMORY_TASKS ?? 2000);

test("a worker's memory does not grow with the photos that it counts on", async (t) => {
  const fixture = join(import.meta.dirname, "fleet-memory.fixture.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--expose-gc",
    fixture,
    String(tasks),
  ]);
  const { readings, results }: FleetMemoryReport = JSON.parse(stdout);
  assert.equal(results, tasks);
  // The first tasks take memory that later ones use again.
  const later = readings.slice(readings.length / 2);
  const heap = slope(later.map(({ task, heap }) => [task, heap]));
  const native = slope(later.map(({ task, native }) => [task, native]));
  t.diagnostic(`heap ${Math.round(heap)} bytes a task, other memory ${Math.round(native)}`);
  // What is kept for each task is in the heap; other memory also moves by the allocators' whim.
  assert.ok(heap < 1024, `${heap} bytes of the heap a task`);
  assert.ok(native < 8 * 1024, `${native} bytes of other memory a task`);
});

/** Least squares. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  const meanX = mean(points.map(([x]) => x));
  const meanY = mean(points.map(([, y]) => y));
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
}
