import { untilAborted } from "../../base/abort.ts";
import { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import {
  hasFileChanged,
  identifyModelFile,
  type ModelFile,
  type ReducedPrecision,
} from "../files/model-file.ts";
import { differsFromUltralytics } from "../yolo/network-signature.ts";
import type { YoloModel } from "../yolo/yolo-model.ts";
import type { CacheEvents } from "./cache-events.ts";
import { CachedModel, type ModelHold, type ReleaseReason } from "./cached-model.ts";
import type { MemoryKeeper } from "./memory-keeper.ts";
import type { LoadOutcome, ModelLoader } from "./model-loader.ts";

export interface NamedModelOptions extends ReducedPrecision {
  readonly name: string;
  readonly workerId: number;
  /** Path of the model file, or the name of a sample model. */
  readonly path: string;
  /** How often, at most, the file is compared with the disk. */
  readonly reloadCheckMs: number;
  readonly loader: Pick<ModelLoader, "load">;
  /** Makes room for what is loaded. */
  readonly memory: Pick<MemoryKeeper, "makeRoom">;
  readonly events: CacheEvents;
  readonly logger: Logger;
}

/**
 * The model that one worker uses under one name.
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
  /** Every model that is not released, in service or draining. */
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

  /** Models that are loaded, loading or draining. */
  get models(): ReadonlySet<CachedModel> {
    return this.#models;
  }

  /** Uses the model in service, after loading it where there is none. See `ModelCache.acquire`. */
  async use(signal?: AbortSignal): Promise<ModelHold> {
    for (;;) {
      try {
        return await this.#useCurrent(signal);
      } catch (error) {
        // The file was replaced while it was loading: the caller wants the new contents.
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

  async #useCurrent(signal: AbortSignal | undefined): Promise<ModelHold> {
    const { reloadCheckMs } = this.#options;
    this.#refuseIfClosed();
    const known = this.#current;
    if (known !== undefined && performance.now() - this.#checkedAtMs < reloadCheckMs) {
      return await this.#useOf(known, signal);
    }
    const file = await this.#identify(signal);
    signal?.throwIfAborted();
    this.#refuseIfClosed();
    // Do not await between here and `#useOf`: the model must be in use before it can be retired.
    this.#current ??= this.#load(file);
    const current = this.#current;
    const use = this.#useOf(current, signal);
    if (current.file.sha256 !== file.sha256) this.#reload(file);
    return await use;
  }

  async #useOf(cached: CachedModel, signal: AbortSignal | undefined): Promise<ModelHold> {
    const wasThere = cached.state === "ready";
    const hold = await cached.use(signal);
    if (wasThere) {
      cached.hits++;
      const { hits } = cached;
      this.#options.events.emit("model:hit", { ...about(cached, hold.model), hits });
    }
    return hold;
  }

  async #identify(signal: AbortSignal | undefined): Promise<ModelFile> {
    const { name, path, calibration, precision, logger } = this.#options;
    try {
      const file = await untilAborted(identifyModelFile(path), signal);
      return { ...file, calibration, precision };
    } catch (error) {
      const loaded = this.#current;
      if (signal?.aborted || loaded?.outcome === undefined) throw error;
      // The file is missing, perhaps only while it is being replaced. The loaded model still works.
      logger.warn({ name, err: error }, "a loaded model's file cannot be read");
      return loaded.file;
    } finally {
      this.#checkedAtMs = performance.now();
    }
  }

  #load(file: ModelFile): CachedModel {
    const { name, workerId, loader, memory, logger } = this.#options;
    memory.makeRoom(file.bytes);
    const cached = new CachedModel({
      name,
      workerId,
      file,
      loader,
      onReady: (ready, outcome) => this.#begin(ready, outcome),
      onLeave: (left, failure) => {
        if (left === this.#next && failure !== undefined) this.#keepCurrent(file, failure.error);
        if (left === this.#current) this.#current = undefined;
        if (left === this.#next) this.#next = undefined;
      },
      onRelease: (released, { model }, reason) => this.#end(released, model, reason),
      logger,
    });
    this.#models.add(cached);
    void cached.released.then(() => this.#models.delete(cached));
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

  /** Puts a model in service, and announces it. */
  #begin(cached: CachedModel, outcome: LoadOutcome): void {
    if (cached === this.#next) this.#promote(cached);
    const { name, workerId, events, memory, logger } = this.#options;
    const { model, loaded, fromArtifact, loadMs, bytes, fallback } = outcome;
    const { device, precision, defaultSizeHw: imageSizeHw, freeSize } = model;
    const { path: file, sha256 } = cached.file;
    const cost = { loaded, fromArtifact, loadMs, bytes };
    if (fallback !== undefined) {
      events.emit("device:fallback", { workerId, name, to: device, ...fallback });
    }
    logger.info({ name, workerId, file, sha256, device, precision, ...cost }, "model loaded");
    if (differsFromUltralytics(cached.file, { imageSizeHw, freeSize })) {
      logger.info(
        { name, imageSizeHw },
        "an ONNX file of free size is run at its training size, where Ultralytics takes 640",
      );
    }
    events.emit("model:load", { ...about(cached, model), ...cost });
    memory.makeRoom(0);
  }

  #end(cached: CachedModel, model: YoloModel, reason: ReleaseReason): void {
    const { name, workerId, events, logger } = this.#options;
    events.emit("model:release", { ...about(cached, model), reason });
    logger.debug({ name, workerId, reason }, "model released");
  }

  #promote(next: CachedModel): void {
    const old = this.#current;
    this.#next = undefined;
    this.#current = next;
    // A pinned model stays with its users until `clear`.
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

function about({ name, workerId, file }: CachedModel, { device }: YoloModel) {
  return { name, workerId, sha256: file.sha256, device };
}
