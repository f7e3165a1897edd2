import type { Queue } from "bullmq";
import { isOrangeryError } from "../../errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import type { OpenLedgerOptions } from "../../ledger/open-ledger.ts";
import type { CountOptions, CountRecipe } from "../../pipeline/recipe/count-recipe.ts";
import { writeRecipe } from "../../pipeline/recipe/recipe-document.ts";
import { OpenQueue, type OpenQueueOptions } from "../queue/open-queue.ts";
import { readWorkers } from "../store/worker-status.ts";
import { QueueCatalogue, type QueuedRecipe } from "./queue-catalogue.ts";
import { recipeQueuePlace } from "./recipe-queue.ts";

/** A queue of jobs: of one recipe, or of tasks, which have no recipe. */
export interface JobQueue {
  readonly recipe: QueuedRecipe | undefined;
  readonly queue: Queue;
}

/** A recipe whose photos are to be added. */
export interface NewRecipe {
  /** The options that make the recipe. */
  readonly count: CountOptions;
  readonly recipe: CountRecipe;
  /** Where its results go. */
  readonly ledger: Pick<Ledger, "location" | "identity">;
}

/** The queues behind one name, for adding jobs and looking at them: one for each recipe. */
export class FleetQueues implements AsyncDisposable {
  /** Holds the jobs of tasks, and what all recipes share. */
  readonly base: OpenQueue;
  readonly catalogue: QueueCatalogue;
  readonly #options: OpenQueueOptions;
  readonly #stack: AsyncDisposableStack;
  /** By hashes of recipes. */
  readonly #opened = new Map<string, Promise<OpenQueue>>();

  private constructor(base: OpenQueue, options: OpenQueueOptions, stack: AsyncDisposableStack) {
    this.base = base;
    this.catalogue = new QueueCatalogue(base.bullmq);
    this.#options = options;
    this.#stack = stack;
  }

  /** @throws `INVALID_ARGUMENT`, `QUEUE_…`, or the signal's reason */
  static async open(options: OpenQueueOptions): Promise<FleetQueues> {
    await using stack = new AsyncDisposableStack();
    const base = stack.use(await OpenQueue.open(options));
    return new FleetQueues(base, options, stack.move());
  }

  /** Opens the queue of a recipe. */
  async ofRecipe(recipeHash: string): Promise<Queue> {
    let opened = this.#opened.get(recipeHash);
    if (opened === undefined) {
      const place = recipeQueuePlace(this.#options, recipeHash);
      opened = OpenQueue.open({ ...this.#options, ...place });
      this.#opened.set(recipeHash, opened);
      this.#stack.use(await opened);
    }
    return (await opened).bullmq;
  }

  /**
   * Refuses results that are not the queue's before anything is written to them.
   *
   * @throws `QUEUE_OTHER_RESULTS`, also where there are none at `location`; `QUEUE_…`, `LEDGER_…`
   */
  async requireResults(
    location: string,
    { busyTimeoutMs }: Pick<OpenLedgerOptions, "busyTimeoutMs"> = {},
  ): Promise<void> {
    const { base, catalogue } = this;
    const claimed = await base.within(catalogue.results());
    if (claimed === undefined) return;
    const mayBeMissing = location !== claimed.location;
    const identity = await identityAt(location, { mayBeMissing, busyTimeoutMs });
    await base.within(catalogue.requireResults(location, identity));
  }

  /**
   * Writes a recipe and the place of its results down for the workers, and opens the queue of its
   * jobs.
   *
   * @throws `QUEUE_OTHER_RESULTS`, `QUEUE_…`, `LEDGER_…`
   */
  async add({ count, recipe, ledger }: NewRecipe): Promise<Queue> {
    const { name, hash } = recipe.recipe;
    const results = { location: ledger.location, identity: await ledger.identity() };
    const { base, catalogue } = this;
    await base.within(catalogue.claimResults(results, () => this.isUnused()));
    const addedAt = new Date().toISOString();
    const document = writeRecipe(count, recipe);
    const queue = await this.ofRecipe(hash);
    const isNew = !(await base.within(catalogue.recipes())).some((known) => known.hash === hash);
    // If all recipes are paused, new ones are paused, too.
    if (isNew && (await base.within(base.bullmq.isPaused()))) await base.within(queue.pause());
    await base.within(catalogue.add({ hash, name, document, addedAt }));
    return queue;
  }

  /** Lists all queues, that of tasks first. */
  async all(): Promise<JobQueue[]> {
    const recipes = await this.base.within(this.catalogue.recipes());
    const ofRecipes = await Promise.all(
      recipes.map(async (recipe) => ({ recipe, queue: await this.ofRecipe(recipe.hash) })),
    );
    return [{ recipe: undefined, queue: this.base.bullmq }, ...ofRecipes];
  }

  /** Whether no worker is there and no job is left, not even one that has failed. */
  async isUnused(): Promise<boolean> {
    // A worker keeps the results open that the queue named when the worker started.
    if ((await readWorkers(this.base.bullmq)).length > 0) return false;
    const counts = await Promise.all(
      (await this.all()).map(({ queue }) =>
        queue.getJobCountByTypes("waiting", "prioritized", "active", "delayed", "failed"),
      ),
    );
    return counts.every((count) => count === 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

/** Returns undefined where there are no results at the location and `mayBeMissing`. */
async function identityAt(
  location: string,
  {
    mayBeMissing,
    busyTimeoutMs,
  }: Pick<OpenLedgerOptions, "busyTimeoutMs"> & { readonly mayBeMissing: boolean },
): Promise<string | undefined> {
  // Imported late: queues of tasks have no results.
  const { openLedger } = await import("../../ledger/open-ledger.ts");
  try {
    await using reader = await openLedger(location, { readOnly: true, busyTimeoutMs });
    return await reader.identity();
  } catch (error) {
    if (mayBeMissing && isOrangeryError(error, "LEDGER_NOT_FOUND")) return undefined;
    throw error;
  }
}
