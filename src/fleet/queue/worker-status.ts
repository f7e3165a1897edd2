import type { Queue, Worker } from "bullmq";

/** What a worker publishes about itself for everybody who looks at its queue. */
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
}

export interface ServedRecipe {
  readonly name: string;
  readonly hash: string;
}

/** A recipe that a worker leaves to others. */
export interface NotServed extends ServedRecipe {
  /** As in `MODEL_NOT_FOUND: Expected …`. */
  readonly reason: string;
}

/** A worker that has published nothing for this long is gone, or cut off. */
const lifetimeMs = 15_000;

/**
 * A hash with a field for each worker. What a worker publishes is in a key that expires by itself.
 */
const index = "orangery:workers";
const statusKeyOf = (field: string) => `orangery:worker:${field}`;

/** The place of one worker's status in the queue's Redis. */
export class PublishedStatus {
  readonly #queue: Queue | Worker;
  readonly #field: string;
  readonly #indexKey: string;
  readonly #statusKey: string;

  constructor(queue: Queue | Worker, name: string) {
    this.#queue = queue;
    // While a process is replaced, two processes have the same name.
    this.#field = `${name}#${process.pid}`;
    this.#indexKey = queue.toKey(index);
    this.#statusKey = queue.toKey(statusKeyOf(this.#field));
  }

  async write(status: WorkerStatus): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await Promise.all([
      client.set(this.#statusKey, JSON.stringify(status), { PX: lifetimeMs }),
      client.hset(this.#indexKey, { [this.#field]: status.startedAt }),
    ]);
  }

  async remove(): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await Promise.all([client.del(this.#statusKey), client.hdel(this.#indexKey, this.#field)]);
  }
}

/** Lists the workers of a queue that have published a status lately, by name. */
export async function readWorkers(queue: Queue): Promise<WorkerStatus[]> {
  const client = await queue.getBackend().client;
  const indexKey = queue.toKey(index);
  const fields = Object.keys(await client.hgetall(indexKey));
  const published = await Promise.all(
    fields.map(async (field) => {
      const status = await client.get(queue.toKey(statusKeyOf(field)));
      // A worker that was killed could not remove its field.
      if (status === null) await client.hdel(indexKey, field);
      return status;
    }),
  );
  return published
    .filter((status) => status !== null)
    .map((status): WorkerStatus => JSON.parse(status))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
