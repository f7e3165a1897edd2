import type { Defined } from "../../base/check-options.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import type { CrashMarks } from "./crash-marks.ts";
import { type PayloadParser, parseJobData } from "./job-data.ts";
import type { JobEnd } from "./job-end.ts";
import type { HeldLock, JobLocks } from "./job-locks.ts";
import { JobNotes } from "./job-notes.ts";
import type { JobPolicy } from "./job-policy.ts";
import type { JobPartialWork } from "./kept-partial-work.ts";
import { SuspectGate } from "./suspect-gate.ts";
import type { TakenJob } from "./taken-job.ts";

export interface JobProcessorOptions<Payload, Result> extends Defined<JobPolicy> {
  readonly task: Pick<ModelTask<Payload, Result>, "execute">;
  readonly parse?: PayloadParser<Payload> | undefined;
  readonly locks: Pick<JobLocks, "hold">;
  readonly crashMarks: CrashMarks;
  /** What a job has kept for another attempt. Default: nothing is kept. */
  readonly partialWork?: ((jobId: string) => JobPartialWork) | undefined;
  /** Throws where the queue cannot keep a result, which fails the job. Default: it can. */
  readonly checkResult?: ((result: unknown) => void) | undefined;
  readonly logger: Logger;
  readonly onJobEnd: (end: JobEnd) => void;
  /** Called with what the task passes to `context.timings`. */
  readonly onTimings: (timingsMs: Readonly<Record<string, number>>) => void;
}

interface RunningJob extends HeldLock {
  readonly job: TakenJob;
  readonly partialWork: JobPartialWork | undefined;
  readonly controller: AbortController;
}

/** Lines of log that a job keeps in Redis, over all its attempts. */
const keptLogLines = 100;

/**
 * Processes the jobs of any queue: checks a job's data, executes the task with all its hooks, and
 * returns how that ended, for the queue.
 *
 * - A job that {@link interrupt} stops goes back to the head of the queue, and no attempt is
 *   counted.
 * - A job whose lock is lost is aborted. The queue ignores its outcome: another worker has the job.
 * - A job during which processes died runs alone, and after `maxCrashes` deaths it fails without
 *   being started. The task's failure hooks are called with the reason.
 */
export class JobProcessor<Payload, Result> {
  readonly #options: JobProcessorOptions<Payload, Result>;
  readonly #running = new Set<RunningJob>();
  readonly #gate = new SuspectGate();
  /** Why every job goes back to the queue. */
  #interruption: OrangeryError | undefined;

  constructor(options: JobProcessorOptions<Payload, Result>) {
    this.#options = options;
  }

  /** The number of jobs that are running. */
  get active(): number {
    return this.#running.size;
  }

  /** Never rejects: a failed task ends its job, too. */
  async process(job: TakenJob, token: string): Promise<JobEnd> {
    const jobId = job.id!;
    const partialWork = this.#options.partialWork?.(jobId);
    const run = { job, token, jobId, partialWork, controller: new AbortController() };
    const end = this.#clock(run);
    this.#fillIn(job);
    this.#running.add(run);
    // The queue was handing it over when the others were interrupted.
    if (this.#interruption !== undefined) run.controller.abort(this.#interruption);
    using _lock = this.#options.locks.hold({ jobId: run.jobId, token }, () => this.#lose(run));
    try {
      const result = await this.#execute(run);
      this.#options.checkResult?.(result);
      await partialWork?.forget();
      return end(isLost(run) ? "lost" : "succeeded", { result });
    } catch (error) {
      if (await this.#isReturned(run, error)) return end("returned");
      const isLast = !isRetryable(error) || job.attemptsMade + 1 >= job.opts.attempts!;
      if (isLast && !isLost(run)) await partialWork?.forget();
      return end(isLost(run) ? "lost" : isLast ? "failed" : "retrying", { error });
    } finally {
      this.#running.delete(run);
    }
  }

  /** Aborts every job, also those to come: each goes back to the queue once it has stopped. */
  interrupt(reason: string): void {
    this.#interruption = interrupted(reason);
    for (const { controller } of this.#running) controller.abort(this.#interruption);
  }

  /** Aborts one job for a reason of its own. Returns whether it was running. */
  cancel(jobId: string, reason: OrangeryError): boolean {
    const runs = [...this.#running].filter((run) => run.jobId === jobId);
    for (const { controller } of runs) controller.abort(reason);
    return runs.length > 0;
  }

  /** Gives back the jobs whose tasks do not stop. Only for a process that is about to end. */
  async returnUnsettled(): Promise<void> {
    await Promise.allSettled([...this.#running].map(({ job, token }) => job.moveToWait(token)));
  }

  /** Defaults for what the job leaves open. BullMQ writes 0 attempts for "not set". */
  #fillIn({ opts }: TakenJob): void {
    const { attempts, backoffMs } = this.#options;
    opts.attempts ||= attempts;
    opts.backoff ??= { type: "exponential", delay: backoffMs, jitter: 0.5 };
    opts.keepLogs ??= keptLogLines;
  }

  #clock({
    job,
    jobId,
  }: RunningJob): (outcome: JobEnd["outcome"], end?: Pick<JobEnd, "result" | "error">) => JobEnd {
    const takenAt = performance.now();
    const attempt = job.attemptsMade + 1;
    const waitMs = Math.max(0, (job.processedOn ?? Date.now()) - job.timestamp);
    return (outcome, rest) => {
      const durationMs = performance.now() - takenAt;
      const end: JobEnd = { jobId, outcome, attempt, waitMs, durationMs, ...rest };
      this.#options.onJobEnd(end);
      return end;
    };
  }

  async #execute(run: RunningJob): Promise<Result> {
    const { job, controller } = run;
    const { maxCrashes, crashMarks } = this.#options;
    const payload = await this.#parse(run);
    const crashes = await crashMarks.read(job);
    using _place = await this.#gate.enter({ alone: crashes > 0, signal: controller.signal });
    if (crashes >= maxCrashes) {
      // A manual retry starts counting at 0. The task is not started; its hooks get the reason.
      await crashMarks.write(job, 0);
      controller.abort(crashedWorkers(run.jobId, crashes));
      return await this.#executeTask(run, payload);
    }
    await crashMarks.write(job, crashes + 1);
    try {
      return await this.#executeTask(run, payload);
    } catch (error) {
      // A mark may stay on a job that has succeeded, or that another worker now has.
      if (!isLost(run)) await crashMarks.write(job, crashes);
      throw error;
    }
  }

  /** Logs data that do not fit: without a payload no task can log them. */
  async #parse({ job, jobId }: RunningJob): Promise<Payload> {
    const { parse, logger } = this.#options;
    try {
      return await parseJobData(job.data, parse);
    } catch (error) {
      if (isOrangeryError(error, "JOB_DATA_INVALID")) {
        const { code, message: reason } = error;
        logger.warn({ jobId, code, reason }, "a job's data are not what its task takes");
      }
      throw error;
    }
  }

  async #executeTask(run: RunningJob, payload: Payload): Promise<Result> {
    const { job, jobId, controller, partialWork } = run;
    const { task, jobLogs, logger, onTimings } = this.#options;
    const notes = new JobNotes(job, { logger });
    try {
      const result = await task.execute(payload, {
        taskId: jobId,
        attempt: job.attemptsMade + 1,
        attempts: job.opts.attempts,
        signal: controller.signal,
        partialWork,
        onProgress: notes.setProgress,
        onTimings,
        logger: jobLogs ? notes.log : undefined,
      });
      if (job.opts.removeOnComplete === true) await notes.dropped();
      return result;
    } finally {
      await notes.settled();
    }
  }

  #lose({ jobId, controller }: RunningJob): void {
    this.#options.logger.warn({ jobId }, "a job's lock was lost; its task is cancelled");
    controller.abort(lockLost(jobId));
  }

  /** Puts an interrupted job back. One that failed for good while it was interrupted has failed. */
  async #isReturned({ job, token, controller }: RunningJob, error: unknown): Promise<boolean> {
    const isInterrupted = isOrangeryError(controller.signal.reason, "TASK_INTERRUPTED");
    if (!isInterrupted || !isRetryable(error)) return false;
    try {
      await job.moveToWait(token);
    } catch (err) {
      // Its lock is lost, so it is back in the queue, or will be when the queue notices.
      this.#options.logger.debug({ err, jobId: job.id }, "a job could not be given back");
    }
    return true;
  }
}

function isLost({ controller }: RunningJob): boolean {
  return isOrangeryError(controller.signal.reason, "JOB_LOCK_LOST");
}

function interrupted(reason: string): OrangeryError {
  return new OrangeryError(
    "TASK_INTERRUPTED",
    `Expected the worker to keep running until this task ends, but ${reason}. ` +
      "The job is back in the queue.",
  );
}

function lockLost(jobId: string): OrangeryError {
  return new OrangeryError(
    "JOB_LOCK_LOST",
    `Expected to keep the lock of job ${jobId} until its end, but the queue took it back: ` +
      "its server was away, lost its data, or the process hung. Another worker does the job.",
    { details: { jobId } },
  );
}

function crashedWorkers(jobId: string, crashes: number): OrangeryError {
  return new OrangeryError(
    "JOB_CRASHED_WORKER",
    `Expected a worker to survive job ${jobId}, but ${crashes} have died or hung while they ` +
      "worked on it. It is not begun again. Look at its photo and at the memory, then retry it " +
      "in the queue.",
    { details: { jobId, crashes } },
  );
}
