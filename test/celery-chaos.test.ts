/** Workers of a Celery app are killed, and its Redis: every result arrives, none is there twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runCeleryChaos } from "./celery-chaos.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";

const celery = findCelery();
const skip = "missing" in celery && celery.missing;

test("60 tasks from Python survive killed workers and a killed Redis", {
  skip,
  timeout: 240_000,
}, async (t) => {
  const { kills, left, seconds, ...outcome } = await runCeleryChaos({
    python: (celery as { python: string }).python,
    photos: 60,
    processes: 2,
    killAfter: { ms: 50, results: 15 },
  });
  t.diagnostic(`${kills} workers were killed in ${Math.round(seconds)} s`);
  assert.ok(kills > 0);
  assert.deepEqual(outcome, { states: { SUCCESS: 60 }, photos: 60, results: 60, failures: 0 });
  assert.equal(left, 0);
});
