import { isDeepStrictEqual } from "node:util";
import {
  abortSignal,
  checkOptions,
  iterableOf,
  optionsOf,
  refuseUnknown,
  requireOptions,
} from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { YoloModel } from "../yolo/yolo-model.ts";
import { CacheEvents, type ModelCacheEvents } from "./cache-events.ts";
import { type CacheInfo, toModelInfo } from "./cache-info.ts";
import {
  type CheckedCacheOptions,
  checkCacheOptions,
  checkNamedModel,
  checkWorkerId,
  type ModelCacheOptions,
  type ReducedModel,
} from "./cache-options.ts";
import type { CachedModel, ModelHold } from "./cached-model.ts";
import { MemoryKeeper } from "./memory-keeper.ts";
import { ModelLoader } from "./model-loader.ts";
import { NamedModel } from "./named-model.ts";
import { untilReleased } from "./until-released.ts";

export type { ModelCacheEvents } from "./cache-events.ts";
export type { CacheInfo, ModelInfo } from "./cache-info.ts";
export type { ModelCacheOptions, ReducedModel } from "./cache-options.ts";
export type { ReleaseReason } from "./cached-model.ts";

/** How a model is asked for. */
export interface AcquireOptions {
  /** The device slot of the worker that asks. Default: the cache's. */
  readonly workerId?: number | undefined;
  /** Stops the wait, and the load if nobody else waits for it. */
  readonly signal?: AbortSignal | undefined;
}

/** The right to use a model until it is disposed. */
export interface ModelLease extends AsyncDisposable {
  readonly model: YoloModel;
  readonly name: string;
  readonly device: string;
}

/**
 * Keeps YOLO models loaded: once for each worker's device, whatever the number of tasks, callers
 * and threads of the process. See "ModelCache" in docs/architecture.md.
 *
 * ```ts
 * await using cache = new ModelCache({ models: { detect: "yolo11m.onnx" } });
 * await using lease = await cache.acquire("detect");
 * const { detections } = await lease.model.predict("photo.jpg");
 * ```
 */
export class ModelCache implements AsyncDisposable {
  readonly #options: CheckedCacheOptions;
  readonly #files: Map<string, string | ReducedModel>;
  readonly #loader: ModelLoader;
  readonly #events: CacheEvents;
  /** By worker id and name. */
  readonly #names = new Map<string, NamedModel>();
  readonly #memory: MemoryKeeper;
  #loads = 0;
  #isClosed = false;

  /** @throws `INVALID_ARGUMENT`, `DEVICE_UNKNOWN` */
  constructor(options: ModelCacheOptions) {
    this.#options = checkCacheOptions(options);
    this.#files = new Map(Object.entries(options.models));
    this.#loader = new ModelLoader(this.#options);
    this.#events = new CacheEvents(this.#options.logger);
    this.#memory = new MemoryKeeper({
      ...this.#options,
      events: this.#events,
      models: () => this.#models,
    });
    this.#events.on("model:load", ({ loaded }) => {
      if (loaded) this.#loads++;
    });
  }

  /**
   * Adds a model by name, beside those that the cache was made with. A name keeps its file: adding
   * it again with the same one changes nothing.
   *
   * @returns false, and adds nothing, where the name has another file
   * @throws `INVALID_ARGUMENT`
   */
  add(name: string, file: string | ReducedModel): boolean {
    checkNamedModel(name, file);
    const known = this.#files.get(name);
    if (known !== undefined && !isDeepStrictEqual(known, file)) return false;
    this.#files.set(name, file);
    return true;
  }

  /**
   * Leases a model, loading it if need be: the first caller loads, all others wait for that one
   * load. Dispose the lease when the work is done; until then the model stays as it is.
   *
   * @throws `MODEL_NAME_UNKNOWN`, `MODEL_NOT_FOUND`, `MODEL_NOT_ONNX`,
   *   `MODEL_NOT_YOLO`, `MODEL_WRONG_TASK`, `MODEL_LOAD_FAILED`, `DEVICE_UNAVAILABLE`,
   *   `MODEL_RELEASED` when the cache is closed, or the signal's reason.
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<ModelLease> {
    const { model, done } = await this.#use(name, options);
    return { model, name, device: model.device, [Symbol.asyncDispose]: async () => done() };
  }

  /**
   * Like {@link acquire}, but the model stays loaded until it is cleared. When its file changes,
   * the next call gives the new model, and the old one stays with those who have it.
   */
  async get(name: string, options: AcquireOptions = {}): Promise<YoloModel> {
    for (;;) {
      const { cached, model, done } = await this.#use(name, options);
      cached.pinned = true;
      done();
      // It may have been cleared or replaced in the meantime.
      if (cached.state === "ready") return model;
    }
  }

  /**
   * Loads models ahead of the first task: all of them, or those named.
   *
   * @throws as {@link acquire}, and `INVALID_ARGUMENT`
   */
  async warmUp(
    names: readonly string[] = [...this.#files.keys()],
    options: AcquireOptions = {},
  ): Promise<void> {
    requireOptions({ names }, iterableOf("names"));
    for (const name of names) {
      await using _ = await this.acquire(name, options);
    }
  }

  /**
   * Releases the models of one worker, or of all. A model in use drains first: its leases stay
   * valid. Devices that had failed get a new chance.
   *
   * @returns when everything is released that nobody uses
   * @throws `INVALID_ARGUMENT`
   */
  async clear(workerId?: number): Promise<void> {
    checkWorkerId(workerId);
    const cleared = [...this.#names.values()].filter(
      (named) => workerId === undefined || named.workerId === workerId,
    );
    const models = cleared.flatMap((named) => [...named.models]);
    for (const named of cleared) named.clear();
    this.#loader.forgetFailures();
    await Promise.all(models.filter(({ users }) => users === 0).map(({ released }) => released));
  }

  /** Lists what is loaded, and what it cost. */
  info(): CacheInfo {
    const loads = this.#loads;
    const { tasks } = this.#memory;
    const { device, forceCpu } = this.#options;
    return {
      models: this.#models.map(toModelInfo),
      wantedDevice: forceCpu ? "cpu" : device,
      loads,
      tasks,
      loadsPer1000Tasks: (1000 * loads) / Math.max(1, tasks),
      memory: this.#memory.read(),
      longestRunMs: this.#loader.longestRunMs,
    };
  }

  /**
   * Counts a finished task, failed or not. Every `logEvery` tasks memory is logged, every
   * `trimEvery` tasks the loaded models give their working memory back.
   */
  async taskDone(): Promise<void> {
    await this.#memory.taskDone();
  }

  /**
   * Calls a listener at each event of this name; one that throws is logged.
   *
   * @throws `INVALID_ARGUMENT` for a name that no event has
   */
  on<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): this {
    this.#events.on(event, listener);
    return this;
  }

  /** Removes a listener. */
  off<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): this {
    this.#events.off(event, listener);
    return this;
  }

  /**
   * Refuses new callers, waits until every lease is given back, and releases the models. Leases
   * that can no longer be given back are named in a warning. Idempotent.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#memory[Symbol.dispose]();
    for (const named of this.#names.values()) named.close();
    await untilReleased(this.#models, { logger: this.#options.logger });
  }

  get #models(): CachedModel[] {
    return [...this.#names.values()].flatMap((named) => [...named.models]);
  }

  async #use(name: string, options: AcquireOptions): Promise<ModelHold> {
    const {
      workerId = this.#options.workerId,
      signal,
      ...rest
    } = optionsOf("AcquireOptions", options);
    refuseUnknown("AcquireOptions", options, rest);
    checkWorkerId(workerId);
    checkOptions({ signal }, abortSignal);
    signal?.throwIfAborted();
    return await this.#named(name, workerId).use(signal);
  }

  #named(name: string, workerId: number): NamedModel {
    const key = `${workerId}/${name}`;
    let named = this.#names.get(key);
    if (named === undefined) {
      named = this.#make(name, workerId);
      if (this.#isClosed) named.close();
      this.#names.set(key, named);
    }
    return named;
  }

  #make(name: string, workerId: number): NamedModel {
    const file = this.#files.get(name);
    if (file === undefined) throw unknownName(name, [...this.#files.keys()]);
    const { reloadCheckMs, logger } = this.#options;
    return new NamedModel({
      name,
      workerId,
      ...(typeof file === "string" ? { path: file } : { ...file, path: file.file }),
      reloadCheckMs,
      loader: this.#loader,
      memory: this.#memory,
      events: this.#events,
      logger,
    });
  }
}

function unknownName(name: string, known: readonly string[]): OrangeryError {
  return new OrangeryError(
    "MODEL_NAME_UNKNOWN",
    `Expected the name of a configured model (${known.join(", ") || "none is"}), ` +
      `got \`${name}\`. Add it to \`models\`.`,
    { details: { name, known } },
  );
}
