import { type Queue, QueueKeys } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import type { RecipeDocument } from "../../pipeline/recipe/recipe-document.ts";
import { recipeQueueName, recipeQueuePrefix } from "./recipe-queue.ts";

/** A recipe whose photos are or were in a queue. */
export interface QueuedRecipe {
  readonly hash: string;
  readonly name: string;
  /** As JSON: what a worker needs to serve it, but the models' files. */
  readonly document: RecipeDocument;
  /** ISO 8601, UTC: when photos were last added for it. */
  readonly addedAt: string;
}

/** Where the results of a queue go. */
export interface QueueResults {
  /** A path or URL, without a password. */
  readonly location: string;
  /** The database's own name, whatever path or URL leads to it. */
  readonly identity: string;
}

/** Keys beside those of BullMQ. */
const keys = { recipes: "orangery:recipes", results: "orangery:results" } as const;

/** Writes where results go, unless it is written already; returns what is written then. */
const claimScript = `
  if redis.call("EXISTS", KEYS[1]) == 0 then
    redis.call("HSET", KEYS[1], "location", ARGV[1], "identity", ARGV[2])
  end
  return redis.call("HMGET", KEYS[1], "location", "identity")`;

/** What a queue says to its workers: which recipes there are, and where results go. */
export class QueueCatalogue {
  readonly #queue: Queue;

  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Lists the recipes, the one that photos were added for last at the end. */
  async recipes(): Promise<QueuedRecipe[]> {
    const client = await this.#queue.getBackend().client;
    const stored = await client.hgetall(this.#queue.toKey(keys.recipes));
    return Object.entries(stored)
      .map(([hash, json]): QueuedRecipe => ({ hash, ...JSON.parse(json) }))
      .sort((a, b) => (a.addedAt < b.addedAt ? -1 : a.addedAt > b.addedAt ? 1 : 0));
  }

  /** Adds a recipe, or notes that photos are added for it again. */
  async add({ hash, ...recipe }: QueuedRecipe): Promise<void> {
    const client = await this.#queue.getBackend().client;
    await client.hset(this.#queue.toKey(keys.recipes), { [hash]: JSON.stringify(recipe) });
  }

  /** Whether a recipe has photos that are not done and have not failed. */
  async hasWork(hash: string): Promise<boolean> {
    const client = await this.#queue.getBackend().client;
    const prefix = recipeQueuePrefix({ queue: this.#queue.name, prefix: this.#queue.opts.prefix });
    const { wait, active, delayed, prioritized } = new QueueKeys(prefix).getKeys(
      recipeQueueName(hash),
    );
    const counts = await Promise.all([
      ...[wait, active].map((key) => client.llen(key!)),
      ...[delayed, prioritized].map((key) => client.zcard(key!)),
    ]);
    return counts.some((count) => count > 0);
  }

  /** Returns where results go; undefined where no photo has been added yet. */
  async results(): Promise<QueueResults | undefined> {
    const client = await this.#queue.getBackend().client;
    const { location, identity } = await client.hgetall(this.#queue.toKey(keys.results));
    return location === undefined || identity === undefined ? undefined : { location, identity };
  }

  /**
   * Writes down where results go. One queue has one database: with two, each would lack photos.
   *
   * @param isUnused Whether no job and no worker is left, so that it may take another database.
   * @throws `QUEUE_OTHER_RESULTS`
   */
  async claimResults(
    { location, identity }: QueueResults,
    isUnused: () => Promise<boolean>,
  ): Promise<void> {
    const client = await this.#queue.getBackend().client;
    const key = this.#queue.toKey(keys.results);
    client.defineCommand("orangeryClaimResults", { numberOfKeys: 1, lua: claimScript });
    const [, claimed] = await client.runCommand("orangeryClaimResults", [key, location, identity]);
    if (claimed !== identity && !(await isUnused())) {
      throw otherResults(this.#queue.name, await this.results(), location);
    }
    // The same database may have moved.
    await client.hset(key, { location, identity });
  }

  /** @throws `QUEUE_OTHER_RESULTS` where the queue's results go to another database. */
  async requireResults({ location, identity }: QueueResults): Promise<void> {
    const claimed = await this.results();
    if (claimed === undefined || claimed.identity === identity) return;
    throw otherResults(this.#queue.name, claimed, location);
  }
}

function otherResults(
  queue: string,
  claimed: QueueResults | undefined,
  came: string,
): OrangeryError {
  return new OrangeryError(
    "QUEUE_OTHER_RESULTS",
    `Expected the results database of the queue ${queue}, ${claimed?.location}, got ${came}. ` +
      "Leave out --results (and ORANGERY_RESULTS), or name that one. Another database needs " +
      "another queue, or this one without jobs and workers.",
    { details: { queue, expected: claimed?.location, came } },
  );
}
