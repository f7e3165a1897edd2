import type { Queue, Worker } from "bullmq";
import type { CatalogueStore, QueueResults } from "../queue-store.ts";

/** Keys beside those of BullMQ. */
const keys = { recipes: "orangery:recipes", results: "orangery:results" } as const;

/** Writes where results go, unless it is written already; returns what is written then. */
const claimScript = `
  if redis.call("EXISTS", KEYS[1]) == 0 then
    redis.call("HSET", KEYS[1], "location", ARGV[1], "identity", ARGV[2])
  end
  return redis.call("HMGET", KEYS[1], "location", "identity")`;

export class RedisCatalogue implements CatalogueStore {
  readonly #queue: Queue | Worker;

  constructor(queue: Queue | Worker) {
    this.#queue = queue;
  }

  async recipes(): Promise<ReadonlyMap<string, string>> {
    const client = await this.#queue.getBackend().client;
    return new Map(Object.entries(await client.hgetall(this.#queue.toKey(keys.recipes))));
  }

  async addRecipe(hash: string, json: string): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.hset(this.#queue.toKey(keys.recipes), { [hash]: json });
  }

  async results(): Promise<QueueResults | undefined> {
    const client = await this.#queue.getBackend().client;
    const { location, identity } = await client.hgetall(this.#queue.toKey(keys.results));
    return location === undefined || identity === undefined ? undefined : { location, identity };
  }

  async claimResults({ location, identity }: QueueResults): Promise<QueueResults> {
    const client = await this.#queue.getBackend().client;
    client.defineCommand("orangeryClaimResults", { numberOfKeys: 1, lua: claimScript });
    const key = this.#queue.toKey(keys.results);
    const claimed = await client.runCommand("orangeryClaimResults", [key, location, identity]);
    return { location: claimed[0], identity: claimed[1] };
  }

  async writeResults({ location, identity }: QueueResults): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.hset(this.#queue.toKey(keys.results), { location, identity });
  }
}
