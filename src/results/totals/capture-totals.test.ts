import assert from "node:assert/strict";
import { test } from "node:test";
import { CaptureCounter, type NamedTotals } from "./capture-totals.ts";

const countsOf = (objectCount: number) => ({
  objectCount,
  countByName: new Map([["plant", objectCount]]),
});

const objectsOf = (groups: readonly NamedTotals[]) =>
  groups.map(({ name, totals: { photos, objects } }) => [name, photos, objects]);

test("photos are added up by hour, day and camera; what is not known comes last", () => {
  const counter = new CaptureCounter();
  counter.add({}, countsOf(1));
  counter.add({ takenAt: "2026-05-12T06:59:59+02:00", camera: "Trap 10" }, countsOf(2));
  counter.add({ takenAt: "2026-05-12T23:30:00-11:00", camera: "Trap 2" }, countsOf(4));
  counter.add({ takenAt: "2026-05-12T06:00:00", camera: "Trap 2", cameraId: "7" }, countsOf(8));
  counter.addFailure({ takenAt: "2026-05-11T00:00:00" });
  assert.deepEqual(objectsOf(counter.hours), [
    ["2026-05-11T00", 0, 0],
    ["2026-05-12T06", 2, 10],
    ["2026-05-12T23", 1, 4],
    ["", 1, 1],
  ]);
  assert.deepEqual(objectsOf(counter.days), [
    ["2026-05-11", 0, 0],
    ["2026-05-12", 3, 14],
    ["", 1, 1],
  ]);
  assert.equal(counter.days[0]!.totals.failed, 1);
  assert.deepEqual(objectsOf(counter.cameras), [
    ["Trap 2", 1, 4],
    ["Trap 2 · 7", 1, 8],
    ["Trap 10", 1, 2],
    ["", 1, 1],
  ]);
});

test("many days are months, and many months are years", () => {
  const counter = new CaptureCounter();
  for (const takenAt of ["2025-12-31T10:00:00", "2026-01-01T10:00:00", "2026-01-02T10:00:00"]) {
    counter.add({ takenAt }, countsOf(1));
  }
  assert.equal(counter.periods(3).length, 3);
  assert.deepEqual(objectsOf(counter.periods(2)), [
    ["2025-12", 1, 1],
    ["2026-01", 2, 2],
  ]);
  assert.deepEqual(objectsOf(counter.periods(1)), [
    ["2025", 1, 1],
    ["2026", 2, 2],
  ]);
});
