import { FollowingController } from "../base/abort.ts";
import { OrangeryError } from "../errors.ts";
import type { ModelCache, ModelLease } from "../models/cache/model-cache.ts";
import type { YoloModel } from "../models/yolo/yolo-model.ts";
import type { TaskContext } from "./task-context.ts";

/**
 * The models of one execution of a task. A model is leased when it is first asked for and given
 * back when the execution ends, so a task sees one version of it throughout; the next task picks up
 * a changed model file.
 */
export class TaskRun implements AsyncDisposable {
  readonly context: TaskContext;
  readonly #cache: ModelCache;
  readonly #models = new Map<string, Promise<YoloModel>>();
  readonly #leases: ModelLease[] = [];
  /** Aborts the waits for loads, when the task is cancelled or has ended. */
  #leaving: FollowingController | undefined;
  #isEnded = false;

  constructor(cache: ModelCache, context: TaskContext) {
    this.#cache = cache;
    this.context = context;
  }

  /** The model of that name, the same one until this execution ends. A failed load is forgotten. */
  model(name: string): Promise<YoloModel> {
    if (this.#isEnded) return Promise.reject(askedTooLate(name));
    const known = this.#models.get(name);
    if (known !== undefined) return known;
    const model = this.#lease(name);
    this.#models.set(name, model);
    model.catch(() => this.#models.delete(name));
    return model;
  }

  async #lease(name: string): Promise<YoloModel> {
    const lease = await this.#cache.acquire(name, {
      workerId: this.context.workerId,
      signal: this.#leaveSignal,
    });
    this.#leases.push(lease);
    return lease.model;
  }

  get #leaveSignal(): AbortSignal {
    this.#leaving ??= new FollowingController(this.context.signal);
    return this.#leaving.signal;
  }

  /** Gives every model back. Never fails: what goes wrong is logged. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    this.#leaving?.[Symbol.dispose]();
    // The load was requested but never awaited: its wait is aborted now, or it has just finished.
    if (this.#leases.length < this.#models.size) this.#leaving?.abort();
    await Promise.allSettled(this.#models.values());
    for (const lease of this.#leases.toReversed()) {
      try {
        await lease[Symbol.asyncDispose]();
      } catch (err) {
        this.context.log.error({ err, model: lease.name }, "a model could not be given back");
      }
    }
  }
}

function askedTooLate(name: string): OrangeryError {
  return new OrangeryError(
    "MODEL_RELEASED",
    `Expected model \`${name}\` to be asked for while its task runs, but the task has ended. ` +
      "Await everything that `run` and the hooks start.",
    { details: { name } },
  );
}
