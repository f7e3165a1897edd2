import assert from "node:assert/strict";
import { test } from "node:test";
import { ListPace } from "./list-pace.ts";

test("quick lists are all full, at the period that was asked for", () => {
  const pace = new ListPace(5000);
  assert.equal(pace.nextMs, 0);
  assert.equal(pace.isFull(0), true);
  pace.ended({ isFull: true, startMs: 0, endMs: 100 });
  assert.equal(pace.nextMs, 5100);
  assert.equal(pace.isFull(5100), true);
});

test("long lists take a tenth of the time: full ones rarely, those of names more often", () => {
  const pace = new ListPace(5000);
  pace.ended({ isFull: true, startMs: 0, endMs: 50_000 });
  assert.equal(pace.nextMs, 55_000);
  assert.equal(pace.isFull(55_000), false);
  pace.ended({ isFull: false, startMs: 55_000, endMs: 61_000 });
  assert.equal(pace.nextMs, 61_000 + 54_000);
  assert.equal(pace.isFull(500_000 - 1), false);
  assert.equal(pace.isFull(500_000), true);
  pace.hurry();
  assert.equal(pace.nextMs, 0, "more was reported than could be kept");
});
