import { type Job, type JobsOptions, WaitingError } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { isRetryable } from "../../tasks/is-retryable.ts";
import type { ModelTask } from "../../tasks/model-task.ts";
import type { CrashMarks } from "./crash-marks.ts";
import { type PayloadParser, parseJobData } from "./job-data.ts";
import { toJobFailure } from "./job-failure.ts";
import { JobNotes } from "./job-notes.ts";
import type { HeldLock } from "./lock-messages.ts";
import { SuspectGate } from "./suspect-gate.ts";

/** How a worker was done with a job. */
export interface JobEnd {
  readonly jobId: string;
  /**
   * `retrying`: it failed and will be tried again. `returned`: it waits again, at no cost of an
   * attempt. `lost`: the queue took it back, and what came of it here does not count.
   */
  readonly outcome: "succeeded" | "failed" | "retrying" | "returned" | "lost";
  /** From 1. */
  readonly attempt: number;
  /** From when it was added to when this worker took it, earlier attempts included. */
  readonly waitMs: number;
  readonly durationMs: number;
  /** What it failed with. */
  readonly error?: unknown;
}

export interface JobProcessorOptions<Payload, Result> {
  readonly task: ModelTask<Payload, Result>;
  readonly parse: PayloadParser<Payload> | undefined;
  /** For jobs that do not say themselves how often, and when, to try again. */
  readonly retry: Required<Pick<JobsOptions, "attempts" | "backoff">>;
  readonly maxCrashes: number;
  readonly jobLogs: boolean;
  readonly logger: Logger;
  /** Keeps a job's lock until it is disposed. */
  readonly holdLock: (lock: HeldLock) => Disposable;
  readonly crashMarks: CrashMarks;
  readonly onJobEnd: (report: JobEnd) => void;
  /** Called with what a task says of its steps. */
  readonly onTimings: (timingsMs: Readonly<Record<string, number>>) => void;
}

interface RunningJob extends HeldLock {
  readonly job: Job;
  readonly controller: AbortController;
}

/** Lines of log that a job keeps in Redis, over all its attempts. */
const keptLogLines = 100;

/**
 * What happens to a job in a worker, as BullMQ's processor: the job's data are checked, the task is
 * executed with all its hooks, and what came of it is told in BullMQ's terms.
 *
 * - Interrupted by {@link interrupt}, a job goes back to the head of the queue, at no cost of an
 *   attempt.
 * - A job whose lock was lost is aborted; the queue ignores its outcome, as somebody else has it.
 * - A job during which processes died is worked on alone, and failed without being begun when that
 *   has happened `maxCrashes` times. The task's hooks hear of it.
 */
export class JobProcessor<Payload, Result> {
  readonly #options: JobProcessorOptions<Payload, Result>;
  readonly #running = new Set<RunningJob>();
  readonly #gate = new SuspectGate();

  constructor(options: JobProcessorOptions<Payload, Result>) {
    this.#options = options;
  }

  /** How many jobs are in hand. */
  get active(): number {
    return this.#running.size;
  }

  /** To be called by BullMQ. */
  async process(job: Job, token: string): Promise<Result> {
    const run = { job, token, jobId: job.id!, controller: new AbortController() };
    const takenAt = performance.now();
    const { onJobEnd } = this.#options;
    const report = (outcome: JobEnd["outcome"], error?: unknown) =>
      onJobEnd({
        jobId: run.jobId,
        outcome,
        attempt: job.attemptsMade + 1,
        waitMs: Math.max(0, (job.processedOn ?? Date.now()) - job.timestamp),
        durationMs: performance.now() - takenAt,
        ...(error !== undefined && { error }),
      });
    this.#running.add(run);
    using _lock = this.#options.holdLock({ jobId: run.jobId, token });
    try {
      const result = await this.#execute(run);
      report(isLost(run) ? "lost" : "succeeded");
      return result;
    } catch (error) {
      if (await this.#isReturned(run, error)) {
        report("returned");
        throw new WaitingError();
      }
      this.#setRetry(job);
      const isLast = !isRetryable(error) || job.attemptsMade + 1 >= job.opts.attempts!;
      report(isLost(run) ? "lost" : isLast ? "failed" : "retrying", error);
      throw toJobFailure(error);
    } finally {
      this.#running.delete(run);
    }
  }

  /** The queue took these jobs back: what is still done for them is in vain. */
  lose(isLost: (lock: HeldLock) => boolean): void {
    for (const run of this.#running) {
      if (!isLost(run)) continue;
      const { jobId, controller } = run;
      this.#options.logger.warn({ jobId }, "a job's lock was lost; its task is cancelled");
      controller.abort(lockLost(jobId));
    }
  }

  /** Aborts every job: each goes back to the queue as soon as it has stopped. */
  interrupt(reason: string): void {
    for (const { controller } of this.#running) controller.abort(interrupted(reason));
  }

  /** Gives jobs back whose tasks do not stop. Only for a process that is about to end. */
  async returnUnsettled(): Promise<void> {
    await Promise.allSettled([...this.#running].map(({ job, token }) => job.moveToWait(token)));
  }

  async #execute(run: RunningJob): Promise<Result> {
    const { job, controller } = run;
    const { parse, maxCrashes, crashMarks } = this.#options;
    const payload = await parseJobData(job.data, parse);
    const crashes = await crashMarks.read(job);
    using _place = await this.#gate.enter({ alone: crashes > 0, signal: controller.signal });
    if (crashes >= maxCrashes) {
      // Whoever retries it by hand retries it. The task is not begun, and its hooks hear why.
      await crashMarks.write(job, 0);
      controller.abort(crashedWorkers(run.jobId, crashes));
      return await this.#executeTask(run, payload);
    }
    await crashMarks.write(job, crashes + 1);
    try {
      return await this.#executeTask(run, payload);
    } catch (error) {
      // Of a job that is done, or another's, the mark may stay.
      if (!isLost(run)) await crashMarks.write(job, crashes);
      throw error;
    }
  }

  async #executeTask({ job, jobId, controller }: RunningJob, payload: Payload): Promise<Result> {
    const { task, jobLogs, logger, onTimings } = this.#options;
    const notes = new JobNotes(job, logger);
    try {
      const result = await task.execute(payload, {
        taskId: jobId,
        attempt: job.attemptsMade + 1,
        signal: controller.signal,
        onProgress: notes.setProgress,
        onTimings,
        ...(jobLogs && { logger: notes.log }),
      });
      if (job.opts.removeOnComplete === true) await notes.dropped();
      return result;
    } finally {
      await notes.settled();
    }
  }

  /** Puts an interrupted job back. One that failed for good while it was interrupted has failed. */
  async #isReturned({ job, token, controller }: RunningJob, error: unknown): Promise<boolean> {
    const { reason } = controller.signal;
    const isInterrupted = reason instanceof OrangeryError && reason.code === "TASK_INTERRUPTED";
    if (!isInterrupted || !isRetryable(error)) return false;
    try {
      await job.moveToWait(token);
    } catch (err) {
      // Its lock is gone, so it is back already, or will be when the queue finds it.
      this.#options.logger.debug({ err, jobId: job.id }, "a job could not be given back");
    }
    return true;
  }

  #setRetry(job: Job): void {
    const { attempts, backoff } = this.#options.retry;
    // BullMQ's default is 0, which nobody would ask for.
    job.opts.attempts ||= attempts;
    job.opts.backoff ??= backoff;
    job.opts.keepLogs ??= keptLogLines;
  }
}

function isLost({ controller }: RunningJob): boolean {
  const { reason } = controller.signal;
  return reason instanceof OrangeryError && reason.code === "JOB_LOCK_LOST";
}

function interrupted(reason: string): OrangeryError {
  return new OrangeryError(
    "TASK_INTERRUPTED",
    `Expected the worker to go on until this task's end, but ${reason}. The job is back in the queue.`,
  );
}

function lockLost(jobId: string): OrangeryError {
  return new OrangeryError(
    "JOB_LOCK_LOST",
    `Expected to keep the lock of job ${jobId} until its end, but the queue took it back: Redis was away for long, lost its data, or the process hung. Another worker does the job.`,
    { details: { jobId } },
  );
}

function crashedWorkers(jobId: string, crashes: number): OrangeryError {
  return new OrangeryError(
    "JOB_CRASHED_WORKER",
    `Expected a worker to survive job ${jobId}, but ${crashes} have died or hung while they worked on it. It is not begun again. Look at its photo and at the memory, then retry it in the queue.`,
    { details: { jobId, crashes } },
  );
}
