import type { Queue, Worker } from "bullmq";
import type { Logger } from "../../../logger.ts";
import type { QueueCounts, QueueStore } from "../queue-store.ts";
import { RedisAttempts } from "./redis-attempts.ts";
import { RedisCatalogue } from "./redis-catalogue.ts";
import { readQueueDepth } from "./redis-depth.ts";
import { RedisJobs } from "./redis-jobs.ts";
import { RedisWorkers } from "./redis-workers.ts";

/** The store of a queue in Redis, under keys with the queue's prefix. */
export class RedisStore implements QueueStore {
  readonly jobs: RedisJobs;
  readonly attempts: RedisAttempts;
  readonly catalogue: RedisCatalogue;
  readonly workers: RedisWorkers;
  readonly #queue: Queue | Worker;

  constructor(queue: Queue | Worker) {
    this.#queue = queue;
    this.jobs = new RedisJobs(queue);
    this.attempts = new RedisAttempts(queue);
    this.catalogue = new RedisCatalogue(queue);
    this.workers = new RedisWorkers(queue);
  }

  async ping(): Promise<void> {
    const client = await this.#queue.getBackend().client;
    if (client.status !== "ready") throw new Error(`the connection is ${client.status}`);
    await client.hexists(this.#queue.toKey("meta"), "version");
  }

  async warnOfLosses(logger: Logger): Promise<void> {
    const client = await this.#queue.getBackend().client;
    const policy = /^maxmemory_policy:(\S+)/m.exec(await client.info())?.[1];
    if (policy === undefined || policy === "noeviction") return;
    logger.warn({ policy }, "this Redis may evict jobs: set maxmemory-policy to noeviction");
  }

  async depth(behind?: string): Promise<QueueCounts> {
    const client = await this.#queue.getBackend().client;
    return await readQueueDepth({ client, toKey: (key) => this.#toKey(key, behind) });
  }

  async hasWork(behind: string): Promise<boolean> {
    const client = await this.#queue.getBackend().client;
    const counts = await Promise.all([
      ...["wait", "active"].map((key) => client.llen(this.#toKey(key, behind))),
      ...["delayed", "prioritized"].map((key) => client.zcard(this.#toKey(key, behind))),
    ]);
    return counts.some((count) => count > 0);
  }

  /** The keys of a queue behind another one begin with that one's. */
  #toKey(key: string, behind: string | undefined): string {
    return this.#queue.toKey(behind === undefined ? key : `${behind}:${key}`);
  }
}
