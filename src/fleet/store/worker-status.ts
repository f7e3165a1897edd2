import type { Queue, Worker } from "bullmq";
import type { GpuMemory } from "../../models/devices/memory-reading.ts";
import type { WorkerStore } from "./queue-store.ts";
import { storeOf } from "./store-of.ts";

/** What a worker publishes about itself, for everybody who reads the queue. */
export interface WorkerStatus {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Where its models run, each device once: `cuda:0`. */
  readonly devices: readonly string[];
  /** The loaded models, by the names that the tasks use. */
  readonly models: readonly string[];
  /** The recipes that it serves; undefined for a worker of tasks. */
  readonly recipes?: readonly ServedRecipe[] | undefined;
  /** Recipes of the queue that it cannot serve, and why. */
  readonly notServed?: readonly NotServed[] | undefined;
  /** Memory of its process, and of that process on GPUs. */
  readonly processBytes: number;
  readonly gpuBytes: number;
  /** Jobs that are running. */
  readonly active: number;
  /** Jobs that have ended since it started. */
  readonly ended: number;
  /** Jobs per second, over the last half minute. */
  readonly perSecond: number;
  /** Whether a person has drained it. */
  readonly isDrained: boolean;
  /** Earlier processes of its slot; undefined if nothing can replace it. */
  readonly earlierProcesses: number | undefined;
  /** Its models' memory and loads; undefined for a worker without a cache. */
  readonly machine: WorkerMachine | undefined;
}

/** The models of a worker, and the GPUs that they are on. */
export interface WorkerMachine {
  readonly models: readonly WorkerModel[];
  /** `auto`, or the device that was asked for by name. */
  readonly wantedDevice: string;
  readonly loads: number;
  readonly tasks: number;
  readonly loadsPer1000Tasks: number;
  readonly gpus: readonly GpuMemory[];
}

/** A loaded model of a worker. */
export interface WorkerModel {
  readonly name: string;
  readonly device: string;
  /** Why it is not on the device that was wanted. */
  readonly fallbackReason: string | undefined;
  readonly precision: string;
  readonly bytes: number;
  /** ISO 8601, UTC. */
  readonly loadedAt: string;
}

/** What a person asks of a worker: drain, resume or recycle. */
export type WorkerRequest = "drain" | "resume" | "recycle";

export interface ServedRecipe {
  readonly name: string;
  readonly hash: string;
}

/** A recipe that a worker leaves to others. */
export interface NotServed extends ServedRecipe {
  /** As in `MODEL_NOT_FOUND: Expected …`. */
  readonly reason: string;
}

/** A worker silent for this long is gone, or disconnected. */
const lifetimeMs = 15_000;

/** Requests of different kinds do not replace each other. */
const requestPlaces = ["taking", "recycle"] as const;

/** A disconnected worker may come back; after this time a request is out of date. */
const requestLifetimeMs = 60_000;

/** One worker's status in the queue. */
export class PublishedStatus {
  readonly #store: WorkerStore;
  readonly #field: string;

  constructor(queue: Queue | Worker, name: string) {
    this.#store = storeOf(queue).workers;
    // While a process is being replaced, two have the same name.
    this.#field = `${name}#${process.pid}`;
  }

  async write(status: WorkerStatus): Promise<void> {
    const { startedAt } = status;
    await this.#store.write(this.#field, JSON.stringify(status), { startedAt, lifetimeMs });
  }

  async remove(): Promise<void> {
    await this.#store.remove(this.#field);
  }

  /** Returns the requests for this worker since the last call. */
  async takeRequests(): Promise<WorkerRequest[]> {
    const requests = await Promise.all(
      requestPlaces.map((place) => this.#store.takeRequest(`${this.#field}/${place}`)),
    );
    return requests.filter((request) => request !== undefined) as WorkerRequest[];
  }
}

/**
 * Sends a request to a worker, which acts on it within seconds. Of drain and resume, the last one
 * counts; a request that nobody takes expires.
 */
export async function askWorker(
  queue: Queue,
  { name, pid }: Pick<WorkerStatus, "name" | "pid">,
  request: WorkerRequest,
): Promise<void> {
  const place = requestPlaces[request === "recycle" ? 1 : 0];
  await storeOf(queue).workers.leaveRequest(`${name}#${pid}/${place}`, request, requestLifetimeMs);
}

/** Lists the workers of a queue that have published a status lately, by name. */
export async function readWorkers(queue: Queue): Promise<WorkerStatus[]> {
  const published = await storeOf(queue).workers.read();
  return published
    .map((status): WorkerStatus => JSON.parse(status))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
