import { hostname } from "node:os";
import { RateMeter } from "../../base/rate-meter.ts";
import type { CacheInfo } from "../../models/cache/cache-info.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";
import type { QueuePatience } from "../queue/queue-patience.ts";
import type {
  PublishedStatus,
  WorkerMachine,
  WorkerRequest,
  WorkerStatus,
} from "../store/worker-status.ts";
import type { WorkerSupervision } from "./worker-options.ts";

export interface WorkerHeartbeatOptions {
  readonly name: string;
  readonly cache: ModelCache | undefined;
  /** Running jobs, and jobs that have ended since the worker started. */
  readonly counts: () => { readonly active: number; readonly ended: number };
  readonly status: Pick<PublishedStatus, "write" | "remove" | "takeRequests">;
  /** Notices when the server no longer answers. */
  readonly patience: Pick<QueuePatience, "expect">;
  /** Called when a person drains or resumes the worker. Default: such requests are ignored. */
  readonly setTaking?: ((isTaking: boolean) => void) | undefined;
  /** Whether a person has drained it. Default: never. */
  readonly isDrained?: (() => boolean) | undefined;
  readonly supervision?: WorkerSupervision | undefined;
  /** Extra fields of a worker for several recipes. */
  readonly recipes?: (() => Pick<WorkerStatus, "recipes" | "notServed">) | undefined;
  /** Default 2 s. */
  readonly periodMs?: number;
}

/** Publishes a worker's status every other second, until it is disposed. */
export class WorkerHeartbeat implements Disposable {
  readonly #options: WorkerHeartbeatOptions;
  readonly #startedAt = new Date().toISOString();
  readonly #rate = new RateMeter();
  readonly #timer: NodeJS.Timeout;
  #counted = 0;
  #isPublishing = false;

  constructor(options: WorkerHeartbeatOptions) {
    this.#options = options;
    // The next one follows soon. The worker itself logs that Redis is down.
    this.#timer = setInterval(() => this.beat().catch(() => {}), options.periodMs ?? 2_000);
  }

  /** Removes the status without waiting: it would soon expire anyway. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#options.status.remove().catch(() => {});
  }

  /** Publishes now, unless the last request is still unanswered: requests must not pile up. */
  async beat(): Promise<void> {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    try {
      await this.#options.patience.expect(this.#publish);
    } finally {
      this.#isPublishing = false;
    }
  }

  readonly #publish = async (): Promise<void> => {
    for (const request of await this.#options.status.takeRequests()) this.#fulfil(request);
    await this.#options.status.write(this.#read());
  };

  #fulfil(request: WorkerRequest): void {
    const { setTaking, supervision } = this.#options;
    if (request === "recycle") {
      supervision?.recycle();
      return;
    }
    if (setTaking === undefined) return;
    const isTaking = request === "resume";
    setTaking(isTaking);
    supervision?.directed?.(isTaking);
  }

  #read(): WorkerStatus {
    const { name, cache, counts, recipes, supervision, isDrained } = this.#options;
    const { active, ended } = counts();
    this.#rate.add(ended - this.#counted);
    this.#counted = ended;
    const info = cache?.info();
    const models = info?.models.filter(({ state }) => state === "ready") ?? [];
    const { processBytes, gpus } = info?.memory ?? readMemory();
    return {
      name,
      host: hostname(),
      pid: process.pid,
      startedAt: this.#startedAt,
      devices: [...new Set(models.flatMap(({ device = [] }) => device))],
      models: models.map((model) => model.name),
      ...recipes?.(),
      processBytes,
      gpuBytes: gpus.reduce((sum, gpu) => sum + (gpu.processBytes ?? 0), 0),
      active,
      ended,
      perSecond: this.#rate.perSecond,
      isDrained: isDrained?.() ?? false,
      earlierProcesses: supervision?.earlierProcesses,
      machine: info && machineOf(info),
    };
  }
}

function machineOf(info: CacheInfo): WorkerMachine {
  const { models, wantedDevice, loads, tasks, loadsPer1000Tasks, memory } = info;
  const ready = models.filter(({ state }) => state === "ready");
  return {
    models: ready.map(({ name, device, fallbackReason, precision, bytes, loadedAt }) => ({
      name,
      device: device!,
      fallbackReason,
      precision: precision!,
      bytes: bytes!,
      loadedAt: loadedAt!.toISOString(),
    })),
    wantedDevice,
    loads,
    tasks,
    loadsPer1000Tasks,
    gpus: memory.gpus,
  };
}
