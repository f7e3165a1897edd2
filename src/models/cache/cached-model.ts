import { untilAborted } from "../../base/abort.ts";
import type { Logger } from "../../logger.ts";
import type { ModelFile } from "../files/model-file.ts";
import type { YoloModel } from "../yolo/yolo-model.ts";
import type { LoadOutcome, ModelLoader } from "./model-loader.ts";

/** Why a model left the cache. */
export type ReleaseReason = "evict" | "expire" | "clear" | "reload";

export interface CachedModelOptions {
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  readonly loader: Pick<ModelLoader, "load">;
  /** Called once the model can be used, unless its load was cancelled. */
  readonly onReady: (model: CachedModel, outcome: LoadOutcome) => void;
  /**
   * Called once, as soon as the model takes no new users: it is retired, its load has failed, for
   * which `failure` gives the error, or was cancelled.
   */
  readonly onLeave: (model: CachedModel, failure?: { readonly error: unknown }) => void;
  /** Called once, when nobody uses a model any more that has been ready, before it is released. */
  readonly onRelease: (model: CachedModel, outcome: LoadOutcome, reason: ReleaseReason) => void;
  readonly logger: Logger;
}

/** The use of a model, until `done` is called. */
export interface ModelHold {
  readonly cached: CachedModel;
  readonly model: YoloModel;
  /** Idempotent. */
  readonly done: () => void;
}

/**
 * One model in one worker's slot.
 *
 *   loading ──▶ ready ──retire──▶ draining ──last user leaves──▶ released
 *      │ └─retire, with users──────▲  ▲ └──cancelled load ends──▶ released
 *      │   (they still get it)        │
 *      ├─retire, or last user leaves ─┘ (the load is cancelled)
 *      └─fails──▶ released
 *
 * A user waits for the model or holds a lease of it. A draining model takes no new users: its owner
 * drops it in `onLeave`. A pin is not a user: it only protects the model from eviction and from
 * replacement by its successor.
 */
export class CachedModel {
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  lastUseAtMs = performance.now();
  /** Once it is ready. */
  readyAtMs = 0;
  hits = 0;
  pinned = false;
  readonly #options: CachedModelOptions;
  readonly #loading: Promise<LoadOutcome>;
  readonly #loadAborter = new AbortController();
  readonly #released = Promise.withResolvers<void>();
  #outcome: LoadOutcome | undefined;
  #users = 0;
  #isAbandoned = false;
  #retired: ReleaseReason | undefined;
  #isReleased = false;

  constructor(options: CachedModelOptions) {
    this.name = options.name;
    this.workerId = options.workerId;
    this.file = options.file;
    this.#options = options;
    const { name, workerId, file, loader } = options;
    const { signal } = this.#loadAborter;
    this.#loading = loader.load({ name, workerId, file, signal });
    this.#loading.then(
      (outcome) => this.#succeed(outcome),
      (error) => this.#fail(error),
    );
  }

  get state(): "loading" | "ready" | "draining" {
    if (this.#isAbandoned) return "draining";
    return this.#outcome === undefined ? "loading" : "ready";
  }

  /** The loaded model; undefined while the load goes on. */
  get outcome(): LoadOutcome | undefined {
    return this.#outcome;
  }

  get users(): number {
    return this.#users;
  }

  /** Whether nobody uses the model or has pinned it. */
  get idle(): boolean {
    return this.state === "ready" && this.#users === 0 && !this.pinned;
  }

  /** Settles when the model is released, or its load has failed. Never rejects. */
  get released(): Promise<void> {
    return this.#released.promise;
  }

  /**
   * Waits for the model and uses it until `done` is called. The caller counts as a user from the
   * call on. An aborting caller leaves; the load continues while anyone waits.
   */
  async use(signal?: AbortSignal): Promise<ModelHold> {
    this.#users++;
    let using = true;
    const done = () => {
      if (!using || this.#isReleased) return;
      using = false;
      this.#users--;
      this.lastUseAtMs = performance.now();
      this.#settle();
    };
    try {
      const { model } = this.#outcome ?? (await untilAborted(this.#loading, signal));
      this.lastUseAtMs = performance.now();
      return { cached: this, model, done };
    } catch (error) {
      done();
      throw error;
    }
  }

  /** Releases a model that is out of service although it has users: they will never leave. */
  releaseAnyway(): void {
    this.#users = 0;
    this.#settle();
  }

  /** Takes the model out of service; it is released when its users have left. */
  retire(reason: ReleaseReason): void {
    if (this.#isAbandoned) return;
    this.#retired = reason;
    this.#leave();
    this.#settle();
  }

  #succeed(outcome: LoadOutcome): void {
    this.#outcome = outcome;
    this.readyAtMs = performance.now();
    this.lastUseAtMs = this.readyAtMs;
    if (!this.#cancelled) this.#options.onReady(this, outcome);
    this.#settle();
  }

  #fail(error: unknown): void {
    this.#leave({ error });
    this.#released.resolve();
  }

  get #cancelled(): boolean {
    return this.#loadAborter.signal.aborted;
  }

  #leave(failure?: { readonly error: unknown }): void {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    this.#options.onLeave(this, failure);
  }

  /** Acts when nobody uses the model any more. */
  #settle(): void {
    if (this.#users > 0) return;
    if (this.#outcome === undefined) {
      this.#cancel();
    } else if (this.#isAbandoned && !this.#isReleased) {
      this.#isReleased = true;
      void this.#release(this.#outcome);
    }
  }

  /**
   * Nobody waits for the load any more. The model leaves at once, so that the next caller starts a
   * new load instead of joining one that is being cancelled.
   */
  #cancel(): void {
    this.#leave();
    this.#loadAborter.abort(new Error("nobody waits for this load any more"));
  }

  async #release(outcome: LoadOutcome): Promise<void> {
    const { logger, onRelease } = this.#options;
    if (!this.#cancelled) onRelease(this, outcome, this.#retired!);
    try {
      await outcome.model[Symbol.asyncDispose]();
    } catch (err) {
      logger.error({ name: this.name, err }, "a model could not be released");
    } finally {
      this.#released.resolve();
    }
  }
}
