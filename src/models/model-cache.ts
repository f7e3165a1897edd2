import { OrangeryError } from "../errors.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { onnxRuntime } from "../native/onnx-runtime.ts";
import type { Runtime } from "../native/runtime.ts";
import { CacheEvents, type ModelCacheEvents } from "./cache-events.ts";
import { CachedModel, type LoadOutcome, type ReleaseReason } from "./cached-model.ts";
import type { Device, GpuMemoryOptions } from "./device.ts";
import { DeviceChooser } from "./device-chooser.ts";
import { isModelAtFault, loadModel } from "./load-model.ts";
import { chooseEvictions } from "./memory-budget.ts";
import { type MemoryReading, readMemory, takenBytes } from "./memory-reading.ts";
import { identifyModelFile, type ModelFile } from "./model-file.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import type { YoloModel, YoloTask } from "./yolo-model.ts";

export type { ModelCacheEvents } from "./cache-events.ts";
export type { ReleaseReason } from "./cached-model.ts";

export interface ModelCacheOptions extends GpuMemoryOptions {
  /**
   * Model files by name: paths, `sample:seedlings` or `sample:beds`. What is called `segment` or
   * `detect` must be a network for that task; other names may be for either.
   */
  readonly models: Readonly<Record<string, string>>;
  /**
   * `auto` (CUDA, then what the platform has, then the CPU), `cpu`, `cuda:N`, `tensorrt:N`,
   * `webgpu`, `coreml` or `directml:N`. Without `:N` it is the worker id. Default `auto`.
   */
  readonly device?: string;
  /** Uses the CPU whatever `device` says. Default false. */
  readonly forceCpu?: boolean;
  /** Fails rather than fall back to another device. Default false. */
  readonly requireDevice?: boolean;
  /** The worker id of callers that give none. Default 0. */
  readonly workerId?: number;
  /** Working memory is given back after this many tasks, from 1 up. Default 100. */
  readonly trimEvery?: number;
  /** Memory is logged after this many tasks, from 1 up. Default 10. */
  readonly logEvery?: number;
  /** The most memory that loaded models may take together. Default: no limit. */
  readonly memoryBudgetBytes?: number;
  /** A model used within this time is not evicted: it would only be loaded again. Default 10 s. */
  readonly thrashWindowMs?: number;
  /** Models that nobody has used for this long are released. Default: never. */
  readonly expireAfterMs?: number;
  /** How often, at most, a model file is compared with the disk. Default 1 s. */
  readonly reloadCheckMs?: number;
  /** Whether a model is run once as it is loaded on the CPU too. Default false. */
  readonly warmUp?: boolean;
  /** CPU threads that share one operator. Default 0: as many as there are cores. */
  readonly intraOpThreads?: number;
  readonly logger?: Logger;
  /** Another runtime than ONNX Runtime. */
  readonly runtime?: Runtime;
}

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

export interface CacheInfo {
  readonly models: readonly ModelInfo[];
  /** Loads from disk since the cache was made, by this thread. */
  readonly loads: number;
  /** Tasks that were counted. */
  readonly tasks: number;
  /** Well below 1 in health; in the hundreds, the memory budget is too small for the work. */
  readonly loadsPer1000Tasks: number;
  readonly memory: MemoryReading;
}

export interface ModelInfo {
  readonly name: string;
  readonly workerId: number;
  readonly file: string;
  readonly sha256: string;
  /** `draining` has left the cache and goes when its last lease ends. */
  readonly state: "loading" | "ready" | "draining";
  /** Undefined while it loads, like all that follows. */
  readonly device: string | undefined;
  readonly fallbackReason: string | undefined;
  /** Memory that the load took, measured. */
  readonly bytes: number | undefined;
  readonly loadMs: number | undefined;
  /** False when another thread of the process had the model loaded already. */
  readonly loadedHere: boolean | undefined;
  readonly hits: number;
  /** Leases held and calls that wait. */
  readonly leases: number;
  readonly pinned: boolean;
  readonly lastUseAt: Date;
}

/** What the names `segment` and `detect` promise. */
const promisedTasks: Readonly<Record<string, YoloTask>> = { segment: "segment", detect: "detect" };

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
  readonly #sources: ReadonlyMap<string, string>;
  readonly #options: ModelCacheOptions;
  readonly #runtime: Runtime;
  readonly #logger: Logger;
  readonly #events: CacheEvents;
  readonly #chooser: DeviceChooser;
  /** What new callers get, by worker id and name. */
  readonly #current = new Map<string, CachedModel>();
  /** Reloads under way, by worker id and name. */
  readonly #next = new Map<string, CachedModel>();
  /** Contents that failed to reload, by worker id and name: not tried again until they change. */
  readonly #badReloads = new Map<string, string>();
  /** Every model that is not gone, in service or draining. */
  readonly #alive = new Set<CachedModel>();
  readonly #turns = new Map<string, OneAtATime>();
  readonly #expiry: NodeJS.Timeout | undefined;
  #loads = 0;
  #tasks = 0;
  #closed = false;

  /** @throws OrangeryError `INVALID_ARGUMENT`, `DEVICE_UNKNOWN` */
  constructor(options: ModelCacheOptions) {
    checkOptions(options);
    const {
      models,
      device = "auto",
      forceCpu = false,
      requireDevice = false,
      logger = silentLogger,
      runtime = onnxRuntime,
      expireAfterMs,
    } = options;
    this.#options = options;
    this.#sources = new Map(Object.entries(models));
    this.#runtime = runtime;
    this.#logger = logger;
    this.#events = new CacheEvents(logger);
    this.#chooser = new DeviceChooser({ runtime, device, forceCpu, requireDevice, logger });
    if (expireAfterMs !== undefined) {
      const periodMs = Math.min(Math.max(10, expireAfterMs / 4), 60_000);
      this.#expiry = setInterval(() => this.#expire(expireAfterMs), periodMs).unref();
    }
  }

  /**
   * Leases a model, loading it if need be: the first caller loads, all others wait for that one
   * load. Dispose the lease when the work is done; until then the model stays as it is.
   *
   * @throws OrangeryError `MODEL_NAME_UNKNOWN`, `MODEL_NOT_FOUND`, `MODEL_NOT_ONNX`,
   *   `MODEL_NOT_YOLO`, `MODEL_WRONG_TASK`, `MODEL_LOAD_FAILED`, `DEVICE_UNAVAILABLE`,
   *   `MODEL_RELEASED` when the cache is closed, or the signal's reason.
   */
  async acquire(name: string, options: AcquireOptions = {}): Promise<ModelLease> {
    const { lease } = await this.#lease(name, options);
    return lease;
  }

  /** Like {@link acquire}, but the model stays loaded until it is cleared or its file changes. */
  async get(name: string, options: AcquireOptions = {}): Promise<YoloModel> {
    const { lease, cached } = await this.#lease(name, options);
    cached.pinned = true;
    await lease[Symbol.asyncDispose]();
    return lease.model;
  }

  /** Loads models ahead of the first task: all of them, or those named. */
  async warmUp(
    names: readonly string[] = [...this.#sources.keys()],
    options: AcquireOptions = {},
  ): Promise<void> {
    for (const name of names) {
      await using _ = await this.acquire(name, options);
    }
  }

  /**
   * Releases the models of one worker, or of all. What is in use drains first: its lease stays
   * valid. Devices that had failed get a new chance.
   *
   * @returns When everything is released that nobody uses.
   */
  async clear(workerId?: number): Promise<void> {
    const idle: Promise<void>[] = [];
    for (const cached of this.#alive) {
      if (workerId !== undefined && cached.workerId !== workerId) continue;
      cached.pinned = false;
      this.#retire(cached, "clear");
      if (cached.users === 0) idle.push(cached.gone);
    }
    this.#chooser.forget();
    this.#badReloads.clear();
    await Promise.all(idle);
  }

  /** What is loaded, and what it cost. */
  info(): CacheInfo {
    const models = [...this.#alive].map(toInfo);
    return {
      models,
      loads: this.#loads,
      tasks: this.#tasks,
      loadsPer1000Tasks: (1000 * this.#loads) / Math.max(1, this.#tasks),
      memory: this.#readMemory(),
    };
  }

  /**
   * Counts a finished task, failed or not. Every `logEvery` tasks memory is logged, every
   * `trimEvery` tasks the loaded models give their working memory back.
   */
  async taskDone(_workerId?: number): Promise<void> {
    const { trimEvery = 100, logEvery = 10 } = this.#options;
    this.#tasks += 1;
    const tasks = this.#tasks;
    if (tasks % logEvery === 0) {
      const memory = this.#readMemory();
      this.#logger.info({ tasks, memory }, "memory");
      this.#events.emit("memory:report", { tasks, memory });
    }
    if (tasks % trimEvery === 0) await this.#trim(tasks);
  }

  on<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): this {
    this.#events.on(event, listener);
    return this;
  }

  off<K extends keyof ModelCacheEvents>(
    event: K,
    listener: (payload: ModelCacheEvents[K]) => void,
  ): this {
    this.#events.off(event, listener);
    return this;
  }

  /** Takes no more callers, lets the work in flight end, and releases every model. Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#expiry);
    for (const cached of this.#alive) this.#retire(cached, "clear");
    await Promise.all([...this.#alive].map((cached) => cached.gone));
  }

  async #lease(
    name: string,
    { workerId = this.#options.workerId ?? 0, signal }: AcquireOptions,
  ): Promise<{ lease: ModelLease; cached: CachedModel }> {
    signal?.throwIfAborted();
    checkWorkerId(workerId);
    const cached = await this.#find(name, workerId);
    const wasThere = cached.state === "ready";
    const { model, done } = await cached.use(signal);
    if (wasThere) {
      cached.hits += 1;
      this.#events.emit("model:hit", { ...about(cached, model), hits: cached.hits });
    }
    let ended = false;
    const lease: ModelLease = {
      model,
      name,
      device: model.device,
      [Symbol.asyncDispose]: async () => {
        if (ended) return;
        ended = true;
        done();
      },
    };
    return { lease, cached };
  }

  /** The model that new callers get now: loaded, loading, or just begun to load. */
  async #find(name: string, workerId: number): Promise<CachedModel> {
    const source = this.#sources.get(name);
    if (source === undefined) throw unknownName(name, [...this.#sources.keys()]);
    const slot = slotOf(name, workerId);
    const { reloadCheckMs = 1000 } = this.#options;
    const known = this.#current.get(slot);
    if (known !== undefined && performance.now() - known.checkedAtMs < reloadCheckMs) {
      this.#refuseIfClosed();
      return known;
    }
    let file: ModelFile;
    try {
      file = await identifyModelFile(source);
    } catch (error) {
      const loaded = this.#current.get(slot);
      if (loaded?.outcome === undefined) throw error;
      // The file has gone, perhaps for the moment in which it is replaced. What is loaded works.
      loaded.checkedAtMs = performance.now();
      this.#logger.warn({ name, err: error }, "a loaded model's file cannot be read");
      return loaded;
    }
    this.#refuseIfClosed();
    const current = this.#current.get(slot);
    if (current === undefined) return this.#load(name, workerId, file, this.#current);
    current.checkedAtMs = performance.now();
    if (current.file.sha256 !== file.sha256) this.#reload(current, file);
    return current;
  }

  /** Begins a load and enters it where new callers, or the reload, will find it. */
  #load(
    name: string,
    workerId: number,
    file: ModelFile,
    entries: Map<string, CachedModel>,
  ): CachedModel {
    const slot = slotOf(name, workerId);
    const cached = new CachedModel({
      name,
      workerId,
      file,
      load: (signal) => this.#loadNow(name, workerId, file, signal),
      onEnd: (ended, end) => {
        for (const map of [this.#current, this.#next]) {
          if (map.get(slot) === ended) map.delete(slot);
        }
        if (end === "failed" || end === "cancelled") return;
        const { model } = ended.outcome!;
        this.#events.emit("model:release", { ...about(ended, model), reason: end });
        this.#logger.debug({ name, workerId, reason: end }, "model released");
      },
    });
    this.#alive.add(cached);
    void cached.gone.then(() => this.#alive.delete(cached));
    entries.set(slot, cached);
    return cached;
  }

  /** Loads a changed file beside the old model, which serves until the new one is ready. */
  #reload(old: CachedModel, file: ModelFile): void {
    const { name, workerId } = old;
    const slot = slotOf(name, workerId);
    const underWay = this.#next.get(slot);
    if (underWay?.file.sha256 === file.sha256 || this.#badReloads.get(slot) === file.sha256) return;
    // The file has changed once more while its last change was loading.
    underWay?.retire("reload");
    const next = this.#load(name, workerId, file, this.#next);
    next.loaded().then(
      () => {
        if (this.#next.get(slot) !== next) return;
        this.#next.delete(slot);
        this.#current.set(slot, next);
        this.#retire(old, "reload");
      },
      (error) => {
        if (next.state === "draining") return;
        this.#badReloads.set(slot, file.sha256);
        this.#logger.warn(
          { name, err: error },
          "a changed model file cannot be loaded; the old model stays",
        );
      },
    );
  }

  async #loadNow(
    name: string,
    workerId: number,
    file: ModelFile,
    signal: AbortSignal,
  ): Promise<LoadOutcome> {
    this.#makeRoom(file.bytes);
    const start = performance.now();
    let before = this.#readMemory();
    const { device, result, fallback } = await this.#chooser.place(
      workerId,
      (device) => {
        before = readMemory([...this.#devices(), device.label]);
        return loadModel(file, device, {
          ...this.#options,
          runtime: this.#runtime,
          turns: this.#turnsOf(device),
          signal,
        });
      },
      { signal, isFinal: isModelAtFault },
    );
    const { model, loaded } = result;
    const promised = promisedTasks[name];
    if (promised !== undefined && model.task !== promised) {
      await model[Symbol.asyncDispose]();
      throw wrongTask(name, file, model.task);
    }
    const after = readMemory([...this.#devices(), device.label]);
    const outcome: LoadOutcome = {
      model,
      loaded,
      loadMs: performance.now() - start,
      bytes: loaded ? takenBytes(device.label, before, after) || file.bytes : 0,
      fallbackReason: fallback?.reason,
    };
    if (loaded) this.#loads += 1;
    if (fallback !== undefined) {
      this.#events.emit("device:fallback", { workerId, name, to: device.label, ...fallback });
    }
    const { loadMs, bytes } = outcome;
    this.#logger.info(
      { name, workerId, device: device.label, loadMs, bytes, loaded },
      "model loaded",
    );
    // Listeners learn of it when it can be used, and the budget is checked with it.
    queueMicrotask(() => {
      this.#events.emit("model:load", {
        name,
        workerId,
        sha256: file.sha256,
        device: device.label,
        loaded,
        loadMs,
        bytes,
      });
      this.#makeRoom(0);
    });
    return outcome;
  }

  #makeRoom(neededBytes: number): void {
    const { memoryBudgetBytes, thrashWindowMs = 10_000 } = this.#options;
    if (memoryBudgetBytes === undefined) return;
    const { evict, overBytes, spared } = chooseEvictions([...this.#alive], neededBytes, {
      budgetBytes: memoryBudgetBytes,
      thrashWindowMs,
    });
    for (const cached of evict) this.#retire(cached, "evict");
    if (overBytes === 0) return;
    const bytes = memoryBudgetBytes + overBytes;
    this.#events.emit("memory:over-budget", {
      bytes,
      budgetBytes: memoryBudgetBytes,
      spared: [...spared],
    });
    this.#logger.warn(
      { bytes, memoryBudgetBytes, spared },
      "models take more than the memory budget, and none that is idle has been so for long",
    );
  }

  #expire(expireAfterMs: number): void {
    const now = performance.now();
    for (const cached of this.#current.values()) {
      const idle = cached.state === "ready" && cached.users === 0 && !cached.pinned;
      if (idle && now - cached.lastUseAtMs >= expireAfterMs) this.#retire(cached, "expire");
    }
  }

  /** Takes a model out of service: new callers load anew, whoever uses it ends in peace. */
  #retire(cached: CachedModel, reason: ReleaseReason): void {
    const slot = slotOf(cached.name, cached.workerId);
    for (const map of [this.#current, this.#next]) {
      if (map.get(slot) === cached) map.delete(slot);
    }
    if (!(reason === "reload" && cached.pinned)) cached.retire(reason);
  }

  async #trim(tasks: number): Promise<void> {
    const before = this.#readMemory();
    const ready = [...this.#alive].filter(({ state }) => state === "ready");
    for (const cached of ready) {
      try {
        const { model, done } = await cached.use();
        await model.trimMemory().finally(done);
      } catch (error) {
        this.#logger.warn({ name: cached.name, err: error }, "memory could not be given back");
      }
    }
    const after = this.#readMemory();
    this.#logger.info({ tasks, before, after }, "memory given back");
    this.#events.emit("memory:trim", { tasks, models: ready.length, before, after });
  }

  #readMemory(): MemoryReading {
    return readMemory(this.#devices());
  }

  #devices(): string[] {
    return [...this.#alive].flatMap(({ outcome }) => outcome?.model.device ?? []);
  }

  #turnsOf({ label }: Device): OneAtATime {
    let turns = this.#turns.get(label);
    if (turns === undefined) {
      turns = new OneAtATime();
      this.#turns.set(label, turns);
    }
    return turns;
  }

  #refuseIfClosed(): void {
    if (!this.#closed) return;
    throw new OrangeryError(
      "MODEL_RELEASED",
      "Expected an open model cache, but it was disposed. Make a new one.",
    );
  }
}

function slotOf(name: string, workerId: number): string {
  return `${workerId}/${name}`;
}

function about({ name, workerId, file }: CachedModel, model: YoloModel) {
  return { name, workerId, sha256: file.sha256, device: model.device };
}

function toInfo(cached: CachedModel): ModelInfo {
  const { outcome } = cached;
  return {
    name: cached.name,
    workerId: cached.workerId,
    file: cached.file.path,
    sha256: cached.file.sha256,
    state: cached.state,
    device: outcome?.model.device,
    fallbackReason: outcome?.fallbackReason,
    bytes: outcome?.bytes,
    loadMs: outcome?.loadMs,
    loadedHere: outcome?.loaded,
    hits: cached.hits,
    leases: cached.users,
    pinned: cached.pinned,
    lastUseAt: new Date(performance.timeOrigin + cached.lastUseAtMs),
  };
}

function unknownName(name: string, known: readonly string[]): OrangeryError {
  return new OrangeryError(
    "MODEL_NAME_UNKNOWN",
    `Expected the name of a configured model (${known.join(", ") || "none is"}), got \`${name}\`. Add it to \`models\`.`,
    { details: { name, known } },
  );
}

function wrongTask(name: string, file: ModelFile, task: YoloTask): OrangeryError {
  return new OrangeryError(
    "MODEL_WRONG_TASK",
    `Expected a network to ${promisedTasks[name]} under the name \`${name}\`, got one to ${task} (${file.path}). Give it another name, or give another file.`,
    { details: { name, expected: promisedTasks[name], came: task, path: file.path } },
  );
}

function checkWorkerId(workerId: number): void {
  if (Number.isSafeInteger(workerId) && workerId >= 0) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected \`workerId\` to be a whole number from 0 up, got \`${workerId}\`.`,
  );
}

function checkOptions(options: ModelCacheOptions): void {
  const wholeFrom1 = ["trimEvery", "logEvery", "memoryBudgetBytes", "gpuMemoryLimitBytes"] as const;
  const numbersFrom0 = [
    "thrashWindowMs",
    "expireAfterMs",
    "reloadCheckMs",
    "intraOpThreads",
  ] as const;
  for (const key of wholeFrom1) {
    const value = options[key];
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${key}\` to be a whole number from 1 up, got \`${value}\`.`,
    );
  }
  for (const key of numbersFrom0) {
    const value = options[key];
    if (value === undefined || (typeof value === "number" && value >= 0)) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${key}\` to be a number from 0 up, got \`${value}\`.`,
    );
  }
  if (options.workerId !== undefined) checkWorkerId(options.workerId);
}
