import type { Logger } from "../../logger.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { ModelTask } from "../../tasks/model-task.ts";
import type { TaskContext } from "../../tasks/task-context.ts";
import type { HeldLock, JobLocks } from "./job-locks.ts";
import type { TakenJob } from "./taken-job.ts";

/** A job that no queue has: what is asked of the queue is noted. */
export class PretendJob implements TakenJob {
  readonly id: string;
  data: unknown;
  opts: TakenJob["opts"] = {};
  timestamp = Date.now();
  processedOn = Date.now();
  attemptsMade = 0;
  stalledCounter = 0;
  /** `wait token`, `progress 50`, `log info counted`. */
  readonly asked: string[] = [];
  /** Makes requests to the queue fail. */
  failure: Error | undefined;

  constructor(id = "job-1", given: Partial<TakenJob> = {}) {
    this.id = id;
    Object.assign(this, given);
  }

  readonly moveToWait: TakenJob["moveToWait"] = (token) => this.#answer(`wait ${token}`, 0);
  readonly updateProgress: TakenJob["updateProgress"] = (progress) =>
    this.#answer(`progress ${JSON.stringify(progress)}`, undefined);
  readonly log: TakenJob["log"] = (line) => this.#answer(`log ${line}`, 1);

  async #answer<T>(request: string, answer: T): Promise<T> {
    this.asked.push(request);
    if (this.failure !== undefined) throw this.failure;
    return answer;
  }
}

/** Locks that a test can take away. */
export class PretendLocks implements Pick<JobLocks, "hold"> {
  readonly held: HeldLock[] = [];
  readonly #onLost = new Map<string, () => void>();

  hold(lock: HeldLock, onLost: () => void): Disposable {
    this.held.push(lock);
    this.#onLost.set(lock.jobId, onLost);
    return { [Symbol.dispose]: () => void this.held.splice(this.held.indexOf(lock), 1) };
  }

  lose(jobId: string): void {
    this.#onLost.get(jobId)!();
  }
}

type Work = (payload: unknown, context: TaskContext) => unknown;

/** A task without models that does what it is given, and notes its hooks. */
export class NotingTask extends ModelTask<unknown, unknown> {
  readonly notes: string[] = [];
  readonly #work: Work;

  constructor(work: Work, logger?: Logger) {
    super({ cache: new ModelCache({ models: {} }), logger });
    this.#work = work;
  }

  async run(payload: unknown, context: TaskContext): Promise<unknown> {
    return await this.#work(payload, context);
  }

  override onSuccess(): void {
    this.notes.push("succeeded");
  }

  override onFailure(error: unknown): void {
    this.notes.push(`failed: ${(error as { code?: string }).code ?? String(error)}`);
  }
}
