import { settlesWithin, untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { JobProcessor } from "../jobs/job-processor.ts";

/** How a worker closes. */
export interface CloseWorkerOptions {
  /**
   * After this time, tasks that still run are cancelled and their jobs go back to the queue,
   * without counting an attempt. Default: no limit.
   */
  readonly deadlineMs?: number;
}

/** What takes jobs from the queue: the part of BullMQ's `Worker` that is used here. */
export interface JobSource {
  /** Takes jobs until it is closed. */
  run(): Promise<void>;
  /** Takes no more jobs; resolves when those that run have ended. */
  close(): Promise<void>;
  /** Drops the connection to the queue's server at once. */
  disconnect(): Promise<void>;
}

export interface WorkerLifeOptions {
  readonly source: JobSource;
  readonly jobs: Pick<JobProcessor<unknown, unknown>, "active" | "interrupt" | "returnUnsettled">;
  /** Loads, proves and connects. */
  readonly prepare: (signal: AbortSignal) => Promise<void>;
  /** Called when the worker begins to close. */
  readonly leave: () => void;
  /** Called when no job is left. */
  readonly release: () => Promise<void>;
  readonly autostart: boolean;
  /** How long a cancelled task may take to stop before its job is given back all the same. */
  readonly abortGraceMs?: number;
  readonly logger: Logger;
}

/** How long servers may take to answer what is asked of them after the deadline. */
const lastRequestsMs = 2_000;

/**
 * The life of a worker: *preparing*, while models load; *ready*, with models proved and Redis
 * reached; *working*, taking jobs; *closing*, finishing those that run; *closed*. A worker whose
 * preparation fails is *broken*: it never takes a job, and {@link ready} rejects with the reason.
 */
export class WorkerLife {
  readonly ready: Promise<void>;
  readonly #options: WorkerLifeOptions;
  readonly #preparing = new AbortController();
  readonly #aborted = Promise.withResolvers<void>();
  #isStarted = false;
  #closing: Promise<void> | undefined;
  #deadline: { readonly at: number; readonly timer: NodeJS.Timeout } | undefined;
  #isClosed = false;

  constructor(options: WorkerLifeOptions) {
    this.#options = options;
    this.ready = this.#prepare();
    this.ready.catch((err: unknown) => {
      // With a manual start, `start` rejects with the reason.
      if (this.#preparing.signal.aborted || !options.autostart) return;
      options.logger.error({ err }, "the worker is not ready and takes no jobs");
    });
  }

  /** Takes jobs as soon as the worker is ready. */
  async start(): Promise<void> {
    await this.ready;
    if (this.#isStarted || this.#closing !== undefined) return;
    this.#isStarted = true;
    const { source, logger } = this.#options;
    logger.info({}, "the worker takes jobs");
    source.run().catch((err: unknown) => logger.error({ err }, "the worker stopped taking jobs"));
  }

  /** Takes no more jobs, finishes those that run, and closes. A deadline only ever gets nearer. */
  async close({ deadlineMs }: CloseWorkerOptions = {}): Promise<void> {
    if (deadlineMs !== undefined) this.#setDeadline(deadlineMs);
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #prepare(): Promise<void> {
    const { prepare, autostart } = this.#options;
    const { signal } = this.#preparing;
    await untilAborted(prepare(signal), signal);
    if (autostart) queueMicrotask(() => void this.start());
  }

  async #close(): Promise<void> {
    const { source, leave, release } = this.#options;
    this.#preparing.abort(
      new OrangeryError(
        "TASK_INTERRUPTED",
        "Expected the worker to become ready, but it was closed before. Create another.",
      ),
    );
    await this.ready.catch(() => {});
    leave();
    const finished = source.close().then(() => true);
    const isFinished = await Promise.race([finished, this.#aborted.promise.then(() => false)]);
    if (!isFinished) await this.#abandon(finished);
    // Results that nobody waits for any more may never be written.
    const released = release();
    const isOverdue = this.#aborted.promise.then(() => this.#settlesSoon(released));
    await Promise.race([released, isOverdue]);
    this.#isClosed = true;
    clearTimeout(this.#deadline?.timer);
  }

  async #settlesSoon(work: Promise<unknown>): Promise<boolean> {
    const { abortGraceMs = lastRequestsMs } = this.#options;
    return await settlesWithin(work, Math.min(lastRequestsMs, abortGraceMs));
  }

  #setDeadline(deadlineMs: number): void {
    const at = performance.now() + deadlineMs;
    if (this.#isClosed || (this.#deadline !== undefined && this.#deadline.at <= at)) return;
    clearTimeout(this.#deadline?.timer);
    this.#deadline = { at, timer: setTimeout(() => this.#giveBack(), deadlineMs) };
  }

  #giveBack(): void {
    const { jobs, logger } = this.#options;
    if (jobs.active > 0) logger.warn({ active: jobs.active }, "jobs are given back to the queue");
    jobs.interrupt("the worker had to stop");
    this.#aborted.resolve();
  }

  /**
   * Waits briefly for aborted tasks. A task that does not stop, or a Redis that is down, is
   * abandoned.
   */
  async #abandon(finished: Promise<unknown>): Promise<void> {
    const { source, jobs, logger, abortGraceMs = 5_000 } = this.#options;
    if (await settlesWithin(finished, abortGraceMs)) return;
    const { active } = jobs;
    logger.error({ active }, "tasks do not stop, or Redis is away; the worker leaves them");
    await this.#settlesSoon(jobs.returnUnsettled());
    source.disconnect().catch(() => {});
  }
}
