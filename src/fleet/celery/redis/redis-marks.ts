import type { Redis } from "ioredis";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { DeathMarks } from "../app/celery-broker.ts";
import type { CeleryKeys } from "./celery-keys.ts";

/** Longer than a queue is stopped over a weekend. */
const markSeconds = 3 * 24 * 3_600;

/**
 * Keeps beside the queues how many workers have died on a task. A Redis that refuses a mark is
 * waited for: no task fails of it.
 */
export class RedisMarks implements DeathMarks {
  readonly #redis: Redis;
  readonly #keys: CeleryKeys;
  readonly #patience: QueuePatience;

  constructor(redis: Redis, keys: CeleryKeys, patience: QueuePatience) {
    this.#redis = redis;
    this.#keys = keys;
    this.#patience = patience;
  }

  async read(taskId: string): Promise<number> {
    const key = this.#keys.mark(taskId);
    const read = () => this.#redis.get(key);
    return Number((await this.#patience.repeat(read, { always: true })) ?? 0);
  }

  async write(taskId: string, marks: number): Promise<void> {
    const key = this.#keys.mark(taskId);
    const write = (): Promise<unknown> =>
      marks > 0 ? this.#redis.set(key, marks, "EX", markSeconds) : this.#redis.del(key);
    await this.#patience.repeat(write, { always: true });
  }
}
