import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OrangeryError } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import { JobNotes } from "./job-notes.ts";
import { PretendJob } from "./pretend-job.fixture.ts";

function note(logPeriodMs = 3_600_000) {
  const job = new PretendJob();
  return { job, notes: new JobNotes(job, { logger: silentLogger, logPeriodMs }) };
}

describe("a job's notes", () => {
  test("send progress one at a time, and of those made meanwhile only the last", async () => {
    const { job, notes } = note();
    for (let percent = 0; percent <= 100; percent += 10) notes.setProgress(percent);
    await notes.settled();
    assert.deepEqual(job.asked, ["progress 0", "progress 100"]);
    notes.setProgress({ slices: 3 });
    await notes.settled();
    assert.equal(job.asked.at(-1), 'progress {"slices":3}');
  });

  test("are sent in the end at the latest, as lines of text, without debug lines", async () => {
    const { job, notes } = note();
    const log = notes.log.child({ task: "Count" });
    log.info({ beds: 3, names: ["a"] }, "counted");
    log.debug({}, "not kept");
    log.error({ err: new OrangeryError("LEDGER_BUSY", "Locked.") }, "could not record");
    assert.deepEqual(job.asked, []);
    await notes.settled();
    assert.deepEqual(job.asked, [
      "log info counted task=Count beds=3 names=[ 'a' ]",
      "log error could not record task=Count err=LEDGER_BUSY: Locked.",
    ]);
  });

  test("are sent together after a while", async () => {
    const { job, notes } = note(1);
    notes.log.info({}, "a");
    notes.log.info({}, "b");
    while (job.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.deepEqual(job.asked, ["log info a", "log info b"]);
  });

  test("of a job that is removed are dropped", async () => {
    const { job, notes } = note();
    notes.log.info({}, "a");
    await notes.dropped();
    assert.deepEqual(job.asked, []);
  });

  test("that the queue does not take hold nothing up", async () => {
    const { job, notes } = note();
    job.failure = new Error("READONLY");
    notes.setProgress(50);
    notes.log.info({}, "a");
    await notes.settled();
    assert.deepEqual(job.asked, ["progress 50", "log info a"]);
  });
});
