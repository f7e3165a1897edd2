import type { Queue, Worker } from "bullmq";
import type { WorkerEntryOptions, WorkerStore } from "../queue-store.ts";

/** A hash with a field for each worker; its status is in a separate key that expires. */
const index = "orangery:workers";
const requestKeyOf = (field: string) => `orangery:wish:${field}`;
const statusKeyOf = (field: string) => `orangery:worker:${field}`;

export class RedisWorkers implements WorkerStore {
  readonly #queue: Queue | Worker;

  constructor(queue: Queue | Worker) {
    this.#queue = queue;
  }

  async write(
    field: string,
    status: string,
    { startedAt, lifetimeMs }: WorkerEntryOptions,
  ): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await Promise.all([
      client.set(this.#queue.toKey(statusKeyOf(field)), status, { PX: lifetimeMs }),
      client.hset(this.#queue.toKey(index), { [field]: startedAt }),
    ]);
  }

  async remove(field: string): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await Promise.all([
      client.del(this.#queue.toKey(statusKeyOf(field))),
      client.hdel(this.#queue.toKey(index), field),
    ]);
  }

  async read(): Promise<string[]> {
    const client = await this.#queue.getBackend().client;
    const indexKey = this.#queue.toKey(index);
    const fields = Object.keys(await client.hgetall(indexKey));
    const published = await Promise.all(
      fields.map(async (field) => {
        const status = await client.get(this.#queue.toKey(statusKeyOf(field)));
        // A worker that was killed could not remove its field.
        if (status === null) await client.hdel(indexKey, field);
        return status;
      }),
    );
    return published.filter((status) => status !== null);
  }

  async leaveRequest(field: string, request: string, lifetimeMs: number): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.set(this.#queue.toKey(requestKeyOf(field)), request, { PX: lifetimeMs });
  }

  async takeRequest(field: string): Promise<string | undefined> {
    const client = await this.#queue.getBackend().client;
    const key = this.#queue.toKey(requestKeyOf(field));
    const request = await client.get(key);
    // If there is none, nothing is deleted: a request left in between is read the next time.
    if (request !== null) await client.del(key);
    return request ?? undefined;
  }
}
