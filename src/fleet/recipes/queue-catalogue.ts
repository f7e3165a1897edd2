import type { Queue } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import type { RecipeDocument } from "../../pipeline/recipe/recipe-document.ts";
import type { QueueResults, QueueStore } from "../store/queue-store.ts";
import { storeOf } from "../store/store-of.ts";
import { recipeQueueName } from "./recipe-queue.ts";

/** A recipe whose photos are or were in a queue. */
export interface QueuedRecipe {
  readonly hash: string;
  readonly name: string;
  /** As JSON: what a worker needs to serve it, but the models' files. */
  readonly document: RecipeDocument;
  /** ISO 8601, UTC: when photos were last added for it. */
  readonly addedAt: string;
}

/** What workers read from a queue: its recipes, and where results go. */
export class QueueCatalogue {
  readonly #name: string;
  readonly #store: QueueStore;

  constructor(queue: Queue) {
    this.#name = queue.name;
    this.#store = storeOf(queue);
  }

  /** Lists the recipes; the one that got photos last is at the end. */
  async recipes(): Promise<QueuedRecipe[]> {
    const stored = await this.#store.catalogue.recipes();
    return Array.from(stored, ([hash, json]): QueuedRecipe => ({ hash, ...JSON.parse(json) })).sort(
      (a, b) => (a.addedAt < b.addedAt ? -1 : a.addedAt > b.addedAt ? 1 : 0),
    );
  }

  /** Adds a recipe, or records that it gets more photos. */
  async add({ hash, ...recipe }: QueuedRecipe): Promise<void> {
    await this.#store.catalogue.addRecipe(hash, JSON.stringify(recipe));
  }

  /** Whether a recipe has photos that are not done and have not failed. */
  async hasWork(hash: string): Promise<boolean> {
    return await this.#store.hasWork(recipeQueueName(hash));
  }

  /** Returns where results go; undefined where no photo has been added yet. */
  async results(): Promise<QueueResults | undefined> {
    return await this.#store.catalogue.results();
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
    const claimed = await this.#store.catalogue.claimResults({ location, identity });
    if (claimed.identity !== identity && !(await isUnused())) {
      throw otherResults(this.#name, claimed, location);
    }
    // The same database may be at another place now.
    await this.#store.catalogue.writeResults({ location, identity });
  }

  /**
   * @param identity of the results at the location; undefined where there are none
   * @throws `QUEUE_OTHER_RESULTS` where the queue's results go to another database
   */
  async requireResults(location: string, identity: string | undefined): Promise<void> {
    const claimed = await this.results();
    if (claimed === undefined || claimed.identity === identity) return;
    throw otherResults(this.#name, claimed, location);
  }
}

function otherResults(
  queue: string,
  claimed: QueueResults | undefined,
  came: string,
): OrangeryError {
  const advice =
    claimed?.location === came
      ? "one that was made anew. Restore the old one from a copy."
      : `${came}. Leave out --results (and ORANGERY_RESULTS), or name that one.`;
  return new OrangeryError(
    "QUEUE_OTHER_RESULTS",
    `Expected the results database of the queue ${queue}, ${claimed?.location}, got ${advice} ` +
      "Another database needs another queue, or this one without jobs and workers.",
    { details: { queue, expected: claimed?.location, came } },
  );
}
