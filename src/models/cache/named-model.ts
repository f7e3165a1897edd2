import { untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { identifyModelFile, type ModelFile } from "../files/model-file.ts";
import { CachedModel, type CachedModelOptions, type ModelHold } from "./cached-model.ts";
import { hasFileChanged } from "./load-model.ts";
import type { LoadOutcome } from "./model-loader.ts";

export interface NamedModelOptions extends Pick<CachedModelOptions, "onReady" | "onRelease"> {
  readonly name: string;
  readonly workerId: number;
  /** Path of the model file, or the name of a sample model. */
  readonly source: string;
  /** How often, at most, the file is compared with the disk. */
  readonly reloadCheckMs: number;
  readonly load: (file: ModelFile, signal: AbortSignal) => Promise<LoadOutcome>;
  readonly logger: Logger;
}

export interface NamedModelHold extends ModelHold {
  readonly cached: CachedModel;
  /** Whether the model was there when it was asked for. */
  readonly hit: boolean;
}

/**
 * What one worker gets under one name.
 *
 *   empty ──use──▶ current ──its file has changed──▶ current and next ──next is ready──▶ current
 *     ▲               │
 *     └─retired, failed, cancelled
 *
 * `current` is what new users get, loaded or loading. `next` is loaded from the changed file beside
 * it and takes its place when it is ready, so nobody waits for a reload; if it fails, `current`
 * stays, and that content is not tried again. Models that have left drain on their own.
 */
export class NamedModel {
  readonly #options: NamedModelOptions;
  /** Every model that is not gone, in service or draining. */
  readonly #models = new Set<CachedModel>();
  #current: CachedModel | undefined;
  #next: CachedModel | undefined;
  #badSha256: string | undefined;
  #checkedAtMs = 0;
  #isClosed = false;

  constructor(options: NamedModelOptions) {
    this.#options = options;
  }

  get workerId(): number {
    return this.#options.workerId;
  }

  /** What is loaded, loading or draining. */
  get models(): ReadonlySet<CachedModel> {
    return this.#models;
  }

  /** Uses the model in service, after loading it where there is none. See `ModelCache.acquire`. */
  async use(signal?: AbortSignal): Promise<NamedModelHold> {
    for (;;) {
      try {
        return await this.#useCurrent(signal);
      } catch (error) {
        // The file was replaced while it was loading: the caller wants what is there now.
        if (!hasFileChanged(error)) throw error;
      }
    }
  }

  /** Takes every model out of service, pinned or not, and forgets what had failed. */
  clear(): void {
    this.#badSha256 = undefined;
    for (const cached of this.#models) {
      cached.pinned = false;
      cached.retire("clear");
    }
  }

  /** Like {@link clear}, and refuses users from now on. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }

  async #useCurrent(signal: AbortSignal | undefined): Promise<NamedModelHold> {
    const { reloadCheckMs } = this.#options;
    this.#refuseIfClosed();
    const known = this.#current;
    if (known !== undefined && performance.now() - this.#checkedAtMs < reloadCheckMs) {
      return await useOf(known, signal);
    }
    const file = await this.#identify(signal);
    signal?.throwIfAborted();
    this.#refuseIfClosed();
    // From here to `useOf` nothing is awaited: what is found is in use before it can be retired.
    this.#current ??= this.#load(file);
    const current = this.#current;
    const use = useOf(current, signal);
    if (current.file.sha256 !== file.sha256) this.#reload(file);
    return await use;
  }

  async #identify(signal: AbortSignal | undefined): Promise<ModelFile> {
    const { name, source, logger } = this.#options;
    try {
      return await untilAborted(identifyModelFile(source), signal);
    } catch (error) {
      const loaded = this.#current;
      if (signal?.aborted || loaded?.outcome === undefined) throw error;
      // The file has gone, perhaps for the moment in which it is replaced. What is loaded works.
      logger.warn({ name, err: error }, "a loaded model's file cannot be read");
      return loaded.file;
    } finally {
      this.#checkedAtMs = performance.now();
    }
  }

  #load(file: ModelFile): CachedModel {
    const { name, workerId, load, onReady, onRelease, logger } = this.#options;
    const cached = new CachedModel({
      name,
      workerId,
      file,
      load: (signal) => load(file, signal),
      onReady: (ready, outcome) => {
        if (ready === this.#next) this.#promote(ready);
        onReady(ready, outcome);
      },
      onLeave: (left, failure) => {
        if (left === this.#next && failure !== undefined) this.#keepCurrent(file, failure.error);
        if (left === this.#current) this.#current = undefined;
        if (left === this.#next) this.#next = undefined;
      },
      onRelease,
      logger,
    });
    this.#models.add(cached);
    void cached.gone.then(() => this.#models.delete(cached));
    return cached;
  }

  /** Loads a changed file beside the current model. */
  #reload(file: ModelFile): void {
    const { sha256 } = file;
    if (this.#next?.file.sha256 === sha256 || this.#badSha256 === sha256) return;
    // The file has changed once more while its last change was loading.
    this.#next?.retire("reload");
    this.#next = this.#load(file);
  }

  #refuseIfClosed(): void {
    if (!this.#isClosed) return;
    throw new OrangeryError(
      "MODEL_RELEASED",
      "Expected an open model cache, but it was disposed. Make a new one.",
    );
  }

  #promote(next: CachedModel): void {
    const old = this.#current;
    this.#next = undefined;
    this.#current = next;
    // Whoever pinned a model holds on to it until `clear`.
    if (!old?.pinned) old?.retire("reload");
  }

  #keepCurrent(file: ModelFile, error: unknown): void {
    if (hasFileChanged(error)) return;
    this.#badSha256 = file.sha256;
    this.#options.logger.warn(
      { name: this.#options.name, err: error },
      "a changed model file cannot be loaded; the old model stays",
    );
  }
}

async function useOf(
  cached: CachedModel,
  signal: AbortSignal | undefined,
): Promise<NamedModelHold> {
  const hit = cached.state === "ready";
  const { model, done } = await cached.use(signal);
  if (hit) cached.hits += 1;
  return { cached, model, done, hit };
}
