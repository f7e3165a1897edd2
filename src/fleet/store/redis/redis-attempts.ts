import type { Queue, Worker } from "bullmq";
import type { AttemptStore } from "../queue-store.ts";

/** A field of the job's own hash, removed with the job. BullMQ ignores it. */
const deathsField = "orangeryBegun";

/** Partial work has its own key: the fields of a job are read with every list of jobs. */
export class RedisAttempts implements AttemptStore {
  readonly #queue: Pick<Queue | Worker, "toKey" | "getBackend">;

  constructor(queue: Pick<Queue | Worker, "toKey" | "getBackend">) {
    this.#queue = queue;
  }

  async readDeaths(jobId: string): Promise<number> {
    const client = await this.#queue.getBackend().client;
    return Number((await client.hget(this.#queue.toKey(jobId), deathsField)) ?? 0);
  }

  async writeDeaths(jobId: string, deaths: number): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.hset(this.#queue.toKey(jobId), { [deathsField]: deaths });
  }

  async readPartialWork(jobId: string): Promise<Uint8Array | undefined> {
    const client = await this.#queue.getBackend().client;
    const text = await client.get(this.#partialKey(jobId));
    return text == null ? undefined : Buffer.from(text, "base64");
  }

  async writePartialWork(jobId: string, bytes: Uint8Array, lifetimeMs: number): Promise<void> {
    const client = await this.#queue.getBackend().client;
    // The client writes text only.
    const text = Buffer.from(bytes).toString("base64");
    await client.set(this.#partialKey(jobId), text, { PX: lifetimeMs });
  }

  async removePartialWork(jobId: string): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.del(this.#partialKey(jobId));
  }

  #partialKey(jobId: string): string {
    return this.#queue.toKey(`orangery:partial:${jobId}`);
  }
}
