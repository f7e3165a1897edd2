import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { UnrecoverableError, WaitingError } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import type { TaskContext } from "../../tasks/task-context.ts";
import type { CrashMarks } from "./crash-marks.ts";
import type { JobEnd } from "./job-end.ts";
import { endForBullmq, requireJson } from "./job-failure.ts";
import { JobProcessor, type JobProcessorOptions } from "./job-processor.ts";
import type { JobPartialWork } from "./kept-partial-work.ts";
import { NotingTask, PretendJob, PretendLocks } from "./pretend-job.fixture.ts";

/** Marks in memory, by the job's id. */
class Marks implements CrashMarks {
  readonly byJob = new Map<string, number>();

  async read({ id }: { id?: string | undefined }): Promise<number> {
    return this.byJob.get(id!) ?? 0;
  }

  async write({ id }: { id?: string | undefined }, marks: number): Promise<void> {
    this.byJob.set(id!, marks);
  }
}

function createProcessor(
  work: (payload: unknown, context: TaskContext) => unknown,
  options: Partial<JobProcessorOptions<unknown, unknown>> = {},
) {
  const ends: JobEnd[] = [];
  const timings: unknown[] = [];
  const [task, locks, crashMarks] = [new NotingTask(work), new PretendLocks(), new Marks()];
  const processor = new JobProcessor<unknown, unknown>({
    task,
    locks,
    crashMarks,
    attempts: 5,
    backoffMs: 2000,
    maxCrashes: 10,
    jobLogs: true,
    logger: silentLogger,
    onJobEnd: (end) => ends.push(end),
    onTimings: (timingsMs) => timings.push(timingsMs),
    ...options,
  });
  return { processor, task, locks, crashMarks, ends, timings };
}

/** As BullMQ's worker processes a job. */
async function process(
  processor: JobProcessor<unknown, unknown>,
  job: PretendJob,
  token: string,
): Promise<unknown> {
  return endForBullmq(await processor.process(job, token));
}

/** What a job keeps, and whether it was forgotten. */
class Kept implements JobPartialWork {
  bytes: Uint8Array | undefined;

  async read(): Promise<Uint8Array | undefined> {
    return this.bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.bytes = bytes;
  }

  async forget(): Promise<void> {
    this.bytes = undefined;
  }
}

function untilAborted({ signal }: TaskContext): Promise<never> {
  return sleep(600_000, undefined as never, { signal });
}

describe("a job", () => {
  test("succeeds with what its task returns, under its lock", async () => {
    const { processor, locks, task, ends, timings } = createProcessor((payload, context) => {
      assert.deepEqual(locks.held, [{ jobId: "job-1", token: "token" }]);
      assert.equal(processor.active, 1);
      assert.deepEqual(
        [context.taskId, context.attempt, context.isLastAttempt],
        ["job-1", 1, false],
      );
      context.timings({ read: 3 });
      return `${payload}!`;
    });
    const job = new PretendJob("job-1", { data: "hello" });
    assert.equal(await process(processor, job, "token"), "hello!");
    assert.deepEqual([task.notes, timings], [["succeeded"], [{ read: 3 }]]);
    assert.partialDeepStrictEqual(ends, [{ jobId: "job-1", outcome: "succeeded", attempt: 1 }]);
    assert.deepEqual([locks.held, processor.active], [[], 0]);
  });

  test("fails for good where the queue cannot keep its result", async () => {
    const { processor, ends } = createProcessor(() => 5n, { checkResult: requireJson });
    const job = new PretendJob("job-1", { data: "hello" });
    await assert.rejects(
      process(processor, job, "token"),
      (error) =>
        error instanceof UnrecoverableError &&
        /^INVALID_ARGUMENT: .*JSON, but: .*BigInt/.test(error.message),
    );
    assert.partialDeepStrictEqual(ends, [{ outcome: "failed" }]);
  });

  test("keeps partial work for another attempt, until it has ended for good", async () => {
    const kept = new Kept();
    const seen: unknown[] = [];
    const partialWork = () => kept;
    const work = async (failure: unknown, { partialWork, attempt }: TaskContext) => {
      seen.push(await partialWork!.read());
      await partialWork!.write(Uint8Array.of(attempt));
      if (failure !== undefined) throw failure;
    };
    const { processor } = createProcessor(work, { partialWork });
    const attempt = async (data: unknown, attemptsMade: number) => {
      await process(processor, new PretendJob("job-1", { data, attemptsMade }), "t").catch(
        () => {},
      );
      return kept.bytes;
    };
    assert.deepEqual(await attempt(new Error("busy"), 0), Uint8Array.of(1));
    assert.equal(await attempt(undefined, 1), undefined);
    await attempt(new Error("busy"), 0);
    assert.equal(await attempt(new OrangeryError("PHOTO_UNREADABLE", "No photo."), 1), undefined);
    assert.deepEqual(seen, [undefined, Uint8Array.of(1), undefined, Uint8Array.of(1)]);
  });

  test("reports how long it waited, never less than nothing", async () => {
    const { processor, ends } = createProcessor(() => 1);
    await process(processor, new PretendJob("a", { timestamp: 1000, processedOn: 3500 }), "token");
    // Clocks of two machines differ.
    await process(processor, new PretendJob("b", { timestamp: 2000, processedOn: 1000 }), "token");
    assert.deepEqual(
      ends.map(({ waitMs }) => waitMs),
      [2500, 0],
    );
  });

  test("is tried as often as the worker says, or as it says itself", async () => {
    const { processor, ends } = createProcessor(() => Promise.reject(new Error("no")), {
      attempts: 2,
    });
    const cases: [opts: object, attemptsMade: number, outcome: string][] = [
      [{}, 0, "retrying"],
      [{}, 1, "failed"],
      [{ attempts: 0 }, 0, "retrying"],
      [{ attempts: 1 }, 0, "failed"],
      [{ attempts: 3 }, 1, "retrying"],
    ];
    for (const [opts, attemptsMade, outcome] of cases) {
      const job = new PretendJob("job-1", { opts: { ...opts }, attemptsMade });
      await assert.rejects(process(processor, job, "token"), /^Error: no$/);
      assert.equal(ends.pop()?.outcome, outcome, JSON.stringify({ opts, attemptsMade }));
      assert.equal(job.opts.keepLogs, 100);
      assert.deepEqual(job.opts.backoff, { type: "exponential", delay: 2000, jitter: 0.5 });
    }
  });

  test("fails for good where no retry helps, and its reason begins with the code", async () => {
    const { processor, ends, task } = createProcessor(() => {
      throw new OrangeryError("PHOTO_UNREADABLE", "No photo.");
    });
    await assert.rejects(process(processor, new PretendJob(), "token"), (error: Error) => {
      assert.ok(error instanceof UnrecoverableError);
      assert.equal(error.message, "PHOTO_UNREADABLE: No photo.");
      return true;
    });
    assert.deepEqual([ends[0]?.outcome, task.notes], ["failed", ["failed: PHOTO_UNREADABLE"]]);
  });

  test("whose data do not fit fails, and its task is not begun", async () => {
    const { processor, task, crashMarks } = createProcessor(() => 1, {
      parse: () => {
        throw new Error("`photo` is missing");
      },
    });
    await assert.rejects(process(processor, new PretendJob(), "token"), /JOB_DATA_INVALID/);
    assert.deepEqual([task.notes, crashMarks.byJob.size], [[], 0]);
  });

  test("keeps its log, unless it is removed as it succeeds, or nobody wants it", async () => {
    const work = (_payload: unknown, { log }: TaskContext) => log.info({ beds: 3 }, "counted");
    for (const [opts, jobLogs, isKept] of [
      [{}, true, true],
      [{ removeOnComplete: true }, true, false],
      [{}, false, false],
    ] as const) {
      const job = new PretendJob("job-1", { opts: { ...opts } });
      await process(createProcessor(work, { jobLogs }).processor, job, "token");
      assert.equal(job.asked.includes("log info counted beds=3"), isKept);
    }
  });
});

describe("an interrupted job", () => {
  test("goes back, and no attempt is counted", async () => {
    const { processor, ends, task } = createProcessor((_payload, context) => untilAborted(context));
    const job = new PretendJob();
    const processed = process(processor, job, "token");
    await nextTurn();
    processor.interrupt("the worker had to stop");
    await assert.rejects(processed, WaitingError);
    assert.equal(job.asked.at(-1), "wait token");
    assert.equal(ends[0]?.outcome, "returned");
    assert.deepEqual(task.notes, ["failed: TASK_INTERRUPTED"]);
  });

  test("goes back, too, where the queue hands it over only then", async () => {
    const { processor, ends, task } = createProcessor((_payload, context) => untilAborted(context));
    processor.interrupt("the worker had to stop");
    const job = new PretendJob();
    await assert.rejects(process(processor, job, "token"), WaitingError);
    assert.equal(job.asked.at(-1), "wait token");
    assert.equal(ends[0]?.outcome, "returned");
    assert.deepEqual(task.notes, []);
  });

  test("that is back already has returned all the same", async () => {
    const { processor, ends } = createProcessor((_payload, context) => untilAborted(context));
    const job = new PretendJob();
    job.failure = new Error("Missing lock for job");
    const processed = process(processor, job, "token");
    await nextTurn();
    processor.interrupt("the worker had to stop");
    await assert.rejects(processed, WaitingError);
    assert.equal(ends[0]?.outcome, "returned");
  });

  test("that fails for good meanwhile has failed", async () => {
    const { processor, ends } = createProcessor(async (_payload, context) => {
      await untilAborted(context).catch(() => {});
      throw new OrangeryError("PHOTO_UNREADABLE", "No photo.");
    });
    const processed = process(processor, new PretendJob(), "token");
    await nextTurn();
    processor.interrupt("the worker had to stop");
    await assert.rejects(processed, /PHOTO_UNREADABLE/);
    assert.equal(ends[0]?.outcome, "failed");
  });

  test("whose task does not stop can be given back over its head", async () => {
    const finish = Promise.withResolvers<void>();
    const { processor } = createProcessor(() => finish.promise);
    const job = new PretendJob();
    const processed = process(processor, job, "token");
    await nextTurn();
    await processor.returnUnsettled();
    assert.deepEqual(job.asked, ["wait token"]);
    finish.resolve();
    await processed;
  });
});

describe("a job whose lock is lost", () => {
  test("is cancelled, and its mark is left to the worker that has it now", async () => {
    const { processor, ends, locks, crashMarks } = createProcessor((_payload, context) =>
      untilAborted(context),
    );
    const processed = process(processor, new PretendJob(), "token");
    await nextTurn();
    locks.lose("job-1");
    await assert.rejects(processed, /JOB_LOCK_LOST/);
    assert.equal(ends[0]?.outcome, "lost");
    assert.equal(crashMarks.byJob.get("job-1"), 1);
  });

  test("has been lost although its task succeeds", async () => {
    const finish = Promise.withResolvers<void>();
    const { processor, ends, locks } = createProcessor(() => finish.promise);
    const processed = process(processor, new PretendJob(), "token");
    await nextTurn();
    locks.lose("job-1");
    finish.resolve();
    await processed;
    assert.equal(ends[0]?.outcome, "lost");
  });
});

describe("the mark of a job", () => {
  test("is there while its task runs, and taken back when it fails", async () => {
    const { processor, crashMarks } = createProcessor(() => {
      assert.equal(crashMarks.byJob.get("job-1"), 3);
      throw new Error("no");
    });
    crashMarks.byJob.set("job-1", 2);
    await assert.rejects(process(processor, new PretendJob(), "token"));
    assert.equal(crashMarks.byJob.get("job-1"), 2);
  });

  test("makes it a suspect, which is worked on alone", async () => {
    const running: string[] = [];
    const together = new Map<string, number>();
    const { processor, crashMarks } = createProcessor(async (_payload, { taskId }) => {
      running.push(taskId);
      await nextTurn();
      together.set(taskId, running.length);
      running.splice(running.indexOf(taskId), 1);
    });
    crashMarks.byJob.set("suspect", 1);
    const ids = ["a", "b", "suspect", "c"];
    await Promise.all(ids.map((id) => process(processor, new PretendJob(id), id)));
    assert.equal(together.get("suspect"), 1);
    assert.equal(together.get("a"), 2);
  });

  test("too often, it fails without being begun; a retry begins afresh", async () => {
    let runs = 0;
    const { processor, crashMarks, task, ends } = createProcessor(() => ++runs, { maxCrashes: 2 });
    crashMarks.byJob.set("job-1", 2);
    await assert.rejects(process(processor, new PretendJob(), "token"), /JOB_CRASHED_WORKER/);
    assert.deepEqual([runs, task.notes], [0, ["failed: JOB_CRASHED_WORKER"]]);
    assert.equal(ends[0]?.outcome, "failed");
    assert.equal(await process(processor, new PretendJob(), "token"), 1);
  });
});
