import type { ModelFile } from "./model-file.ts";
import { untilAborted } from "./one-at-a-time.ts";
import type { YoloModel } from "./yolo-model.ts";

/** Why a model left the cache. */
export type ReleaseReason = "evict" | "expire" | "clear" | "reload";

/** What a load gave, and what it took. */
export interface LoadOutcome {
  readonly model: YoloModel;
  /** False when another thread of the process had the model loaded already. */
  readonly loaded: boolean;
  readonly loadMs: number;
  /** Memory that the load took, measured: of the process, or of the GPU. */
  readonly bytes: number;
  /** Why the model is not on the device that was wanted. */
  readonly fallbackReason: string | undefined;
}

export interface CachedModelOptions {
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  readonly load: (signal: AbortSignal) => Promise<LoadOutcome>;
  /** Called once, when the model can be used by nobody any more and before it is released. */
  readonly onEnd: (model: CachedModel, end: "failed" | "cancelled" | ReleaseReason) => void;
}

/**
 * One model in one worker's slot.
 *
 *   loading ──▶ ready ──retire──▶ draining ──last user leaves──▶ gone
 *      │ └──────retire──────▶ (waiters still get it) ──▲
 *      └── fails, or its last waiter leaves ──▶ gone
 *
 * A user is whoever waits for the model or holds a lease of it. A model that is retired takes no
 * new users, and is released when it has none; a pin counts as no user, it only spares the model
 * from eviction.
 */
export class CachedModel {
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  /** When the file was last compared with the disk, in ms of `performance.now()`. */
  checkedAtMs = performance.now();
  lastUseAtMs = performance.now();
  hits = 0;
  pinned = false;
  readonly #loading: Promise<LoadOutcome>;
  readonly #loadAborter = new AbortController();
  readonly #onEnd: CachedModelOptions["onEnd"];
  readonly #gone = Promise.withResolvers<void>();
  #outcome: LoadOutcome | undefined;
  #users = 0;
  #retired: ReleaseReason | undefined;
  #ended = false;

  constructor({ name, workerId, file, load, onEnd }: CachedModelOptions) {
    this.name = name;
    this.workerId = workerId;
    this.file = file;
    this.#onEnd = onEnd;
    this.#loading = load(this.#loadAborter.signal);
    this.#loading.then(
      (outcome) => {
        this.#outcome = outcome;
        this.#endIfDone();
      },
      () => this.#end(this.#loadAborter.signal.aborted ? "cancelled" : "failed"),
    );
  }

  get state(): "loading" | "ready" | "draining" {
    if (this.#retired !== undefined) return "draining";
    return this.#outcome === undefined ? "loading" : "ready";
  }

  /** What the load gave; undefined while it goes on. */
  get outcome(): LoadOutcome | undefined {
    return this.#outcome;
  }

  get users(): number {
    return this.#users;
  }

  /** Settles when the model is released, or its load has failed. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /**
   * Waits for the model and uses it until the returned function is called.
   *
   * A waiter that aborts leaves; the load goes on while anyone waits.
   */
  async use(signal?: AbortSignal): Promise<{ model: YoloModel; done: () => void }> {
    this.#users += 1;
    try {
      const { model } = await untilAborted(this.#loading, signal);
      this.lastUseAtMs = performance.now();
      return { model, done: () => this.#leave() };
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** Waits for the load without using the model: a reload that nobody waits for yet. */
  async loaded(): Promise<LoadOutcome> {
    return await this.#loading;
  }

  /** Takes the model out of service; it goes when its users have left. */
  retire(reason: ReleaseReason): void {
    if (this.#retired !== undefined) return;
    this.#retired = reason;
    this.#endIfDone();
  }

  #leave(): void {
    this.#users -= 1;
    this.lastUseAtMs = performance.now();
    this.#endIfDone();
  }

  #endIfDone(): void {
    if (this.#users > 0) return;
    if (this.#outcome !== undefined) {
      if (this.#retired !== undefined) this.#end(this.#retired);
      return;
    }
    // Nobody waits for the load any more. That the cache forgets it at once lets the next caller
    // begin a load of its own instead of joining one that is being cancelled.
    this.#loadAborter.abort(new Error("nobody waits for this load any more"));
    this.#end("cancelled");
  }

  #end(end: "failed" | "cancelled" | ReleaseReason): void {
    if (this.#ended) {
      // A load that finished after it was cancelled.
      if (this.#outcome !== undefined) void this.#release(this.#outcome.model);
      return;
    }
    this.#ended = true;
    this.#onEnd(this, end);
    if (this.#outcome !== undefined) void this.#release(this.#outcome.model);
    else if (end === "failed") this.#gone.resolve();
    else this.#loading.catch(() => this.#gone.resolve());
  }

  async #release(model: YoloModel): Promise<void> {
    await model[Symbol.asyncDispose]().finally(this.#gone.resolve);
  }
}
