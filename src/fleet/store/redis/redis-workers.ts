import type { Queue, Worker } from "bullmq";
import type { WorkerEntryOptions, WorkerStore } from "../queue-store.ts";
import { runScript } from "./run-script.ts";

/** A hash with a field for each worker; its status is in a separate key that expires. */
const index = "orangery:workers";
const requestKeyOf = (field: string) => `orangery:wish:${field}`;
const statusKeyOf = (field: string) => `orangery:worker:${field}`;

/** One command, or a request that replaces another in between is removed unread. */
const takeScript = { name: "orangeryTakeRequest", lua: 'return redis.call("GETDEL", KEYS[1])' };

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
    const script = { ...takeScript, keys: [requestKeyOf(field)] };
    return (await runScript<string | null>(this.#queue, script, [])) ?? undefined;
  }
}
