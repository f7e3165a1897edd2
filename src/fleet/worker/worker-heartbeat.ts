import { hostname } from "node:os";
import type { Queue, Worker } from "bullmq";
import { RateMeter } from "../../base/rate-meter.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";

/** What a worker tells everybody who looks at its queue. */
export interface WorkerStatus {
  readonly name: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** Where its models run, each once: `cuda:0`. */
  readonly devices: readonly string[];
  /** The loaded models, by the names that the tasks use. */
  readonly models: readonly string[];
  /** Memory of its process, and of that process on GPUs. */
  readonly processBytes: number;
  readonly gpuBytes: number;
  /** Jobs in hand. */
  readonly active: number;
  /** Jobs that it has ended since it started. */
  readonly ended: number;
  /** Jobs a second, over the last half minute. */
  readonly perSecond: number;
}

export interface WorkerHeartbeatOptions {
  readonly worker: Worker;
  readonly name: string;
  readonly cache: ModelCache | undefined;
  /** Jobs in hand, and jobs ended since the worker started. */
  readonly counts: () => { readonly active: number; readonly ended: number };
}

const periodMs = 2_000;

/** A worker that has told nothing for so long is gone, or cut off. */
const lifetimeMs = 15_000;

/** A hash that has a field for each worker; what the worker tells is in a key that dies with it. */
const index = "orangery:workers";
const factsKeyOf = (field: string) => `orangery:worker:${field}`;

type RedisClient = Awaited<ReturnType<Worker["getBackend"]>["client"]>;

/**
 * Tells in the queue's Redis, every other second, what a worker is like. Made when Redis is reached,
 * and disposed before the worker's connection is closed.
 */
export class WorkerHeartbeat implements Disposable {
  readonly #options: WorkerHeartbeatOptions;
  readonly #client: RedisClient;
  readonly #field: string;
  readonly #startedAt = new Date().toISOString();
  readonly #rate = new RateMeter();
  readonly #timer: NodeJS.Timeout;
  #counted = 0;
  #isPublishing = false;

  private constructor(options: WorkerHeartbeatOptions, client: RedisClient) {
    this.#options = options;
    this.#client = client;
    // While a process is replaced there are two of a name.
    this.#field = `${options.name}#${process.pid}`;
    this.#timer = setInterval(() => this.#beat(), periodMs);
    this.#beat();
  }

  static async start(options: WorkerHeartbeatOptions): Promise<WorkerHeartbeat> {
    return new WorkerHeartbeat(options, await options.worker.getBackend().client);
  }

  /** Takes the worker out, and does not wait for it: by itself it would be out a little later. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    const { factsKey, indexKey } = this.#keys;
    this.#send(() => [this.#client.del(factsKey), this.#client.hdel(indexKey, this.#field)]);
  }

  /** One at a time: those that Redis does not hear must not pile up. */
  #beat(): void {
    if (this.#isPublishing) return;
    this.#isPublishing = true;
    const { factsKey, indexKey } = this.#keys;
    this.#send(() => [
      this.#client.set(factsKey, JSON.stringify(this.#facts()), { PX: lifetimeMs }),
      this.#client.hset(indexKey, { [this.#field]: this.#startedAt }),
    ]);
  }

  /** What cannot be told is told next time. That Redis is away, the worker says itself. */
  #send(commands: () => readonly Promise<unknown>[]): void {
    void Promise.allSettled(commands()).then(() => {
      this.#isPublishing = false;
    });
  }

  get #keys() {
    const { worker } = this.#options;
    return { factsKey: worker.toKey(factsKeyOf(this.#field)), indexKey: worker.toKey(index) };
  }

  #facts(): WorkerStatus {
    const { name, cache, counts } = this.#options;
    const { active, ended } = counts();
    this.#rate.add(ended - this.#counted);
    this.#counted = ended;
    const info = cache?.info();
    const models = info?.models.filter(({ state }) => state === "ready") ?? [];
    const { processBytes, gpus } = info?.memory ?? readMemory();
    const gpuBytes = gpus.reduce((sum, gpu) => sum + (gpu.processBytes ?? 0), 0);
    return {
      name,
      host: hostname(),
      pid: process.pid,
      startedAt: this.#startedAt,
      devices: [...new Set(models.flatMap(({ device = [] }) => device))],
      models: models.map((model) => model.name),
      ...{ processBytes, gpuBytes, active, ended, perSecond: this.#rate.perSecond },
    };
  }
}

/** The workers of a queue that have told of themselves lately, by name. */
export async function readWorkers(queue: Queue): Promise<WorkerStatus[]> {
  const client = await queue.getBackend().client;
  const indexKey = queue.toKey(index);
  const fields = Object.keys(await client.hgetall(indexKey));
  const told = await Promise.all(
    fields.map(async (field) => {
      const facts = await client.get(queue.toKey(factsKeyOf(field)));
      // Who was killed could not take its name out.
      if (facts === null) await client.hdel(indexKey, field);
      return facts;
    }),
  );
  return told
    .filter((facts) => facts !== null)
    .map((facts): WorkerStatus => JSON.parse(facts))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
