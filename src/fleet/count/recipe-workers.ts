import { setTimeout as delay } from "node:timers/promises";
import type { Registry } from "prom-client";
import { settlesWithin, untilAborted } from "../../base/abort.ts";
import { tryAgain } from "../../base/try-again.ts";
import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import { isRecipeNamed } from "../../ledger/recipe.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { ModelCache } from "../../models/cache/model-cache.ts";
import { WorkerMetrics } from "../../monitor/worker-metrics.ts";
import type { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import { ModelFinder } from "../../pipeline/recipe/model-finder.ts";
import type { QueueWorker } from "../process/queue-worker.ts";
import type { TaskEnvironment } from "../process/task-module.ts";
import { OpenQueue } from "../queue/open-queue.ts";
import { QueuePatience } from "../queue/queue-patience.ts";
import { probeQueue } from "../queue/queue-probe.ts";
import { QueueCatalogue, type QueuedRecipe } from "../recipes/queue-catalogue.ts";
import { recipeQueuePlace } from "../recipes/recipe-queue.ts";
import { storeOf } from "../store/store-of.ts";
import { type NotServed, PublishedStatus } from "../store/worker-status.ts";
import type { FleetWorkerCounts } from "../worker/work-tally.ts";
import { WorkerHeartbeat } from "../worker/worker-heartbeat.ts";
import type { CloseWorkerOptions } from "../worker/worker-life.ts";
import type { FleetWorkerOptions } from "../worker/worker-options.ts";
import type { CountSettings } from "./count-settings.ts";
import { QueueLedger } from "./queue-ledger.ts";
import { type RecipePart, serveRecipe } from "./serve-recipe.ts";

export interface RecipeWorkersOptions
  extends Omit<FleetWorkerOptions, "cache">,
    Pick<TaskEnvironment, "onOvertaken"> {
  readonly cache: ModelCache;
  readonly photos: PhotoReader;
  readonly count: CountSettings;
  /** How often new recipes are looked for. Default 2 s. */
  readonly followMs?: number | undefined;
  /** How often a recipe is tried again that could not be served. Default 30 s. */
  readonly retryMs?: number | undefined;
  /** How long a recipe without work stays served; the newest always does. Default 60 s. */
  readonly restAfterMs?: number | undefined;
}

/** A recipe that cannot be served now. */
interface LeftRecipe {
  readonly name: string;
  readonly error: OrangeryError;
  readonly retryAt: number;
}

/** Options that the models do not accept are found when they are loaded. */
const faultsOfRecipes: ReadonlySet<ErrorCode> = new Set([
  "RECIPE_INVALID",
  "INVALID_ARGUMENT",
  "REGIONS_NOT_FOUND",
]);

/** How long requests to the queue that are under way may delay the end. */
const abandonMs = 5_000;

/**
 * Counts photos in a process: a worker for each recipe of the queue that it can serve, with a
 * shared model cache. It picks up recipes as they are added. A recipe whose model is missing is
 * left to other processes, and tried again later.
 */
export class RecipeWorkers implements QueueWorker, AsyncDisposable {
  readonly ready: Promise<void>;
  readonly #options: RecipeWorkersOptions;
  readonly #logger: Logger;
  readonly #patience: QueuePatience;
  readonly #metrics: WorkerMetrics;
  readonly #finder: ModelFinder;
  readonly #ledger: QueueLedger;
  readonly #stack = new AsyncDisposableStack();
  readonly #leaving = new AbortController();
  /** By hashes of recipes. */
  readonly #parts = new Map<string, RecipePart>();
  readonly #left = new Map<string, LeftRecipe>();
  /** Since when a served recipe has been idle, and how many jobs had ended then. */
  readonly #idle = new Map<string, { readonly sinceMs: number; readonly ended: number }>();
  /** Parts that are closing: they finish or give back their jobs. */
  readonly #retiring = new Set<RecipePart>();
  /** What closed parts have counted. */
  readonly #closedCounts = noCounts();
  #queue: OpenQueue | undefined;
  readonly #preparing: Promise<void>;
  #following: Promise<void> | undefined;
  #isTaking = false;
  #isDrained = false;
  #closing: Promise<void> | undefined;

  constructor(options: RecipeWorkersOptions) {
    const { name = "worker", queue, logger = silentLogger, cache, count, photos } = options;
    this.#options = options;
    this.#logger = logger.child({ worker: name, queue });
    this.#patience = new QueuePatience({ queue, logger: this.#logger });
    this.#metrics = this.#stack.use(
      new WorkerMetrics({
        worker: name,
        cache,
        active: () => this.counts.active,
        resultsTrouble: () => this.#ledger.trouble,
      }),
    );
    this.#finder = new ModelFinder({ places: count.models, reader: photos });
    const { signal } = this.#leaving;
    const ledger = { queue, location: count.results, logger: this.#logger, signal };
    this.#ledger = this.#stack.use(new QueueLedger(ledger));
    this.#preparing = this.#prepare(signal);
    this.ready = untilAborted(this.#preparing, signal);
    this.ready.catch(() => {});
  }

  get counts(): FleetWorkerCounts {
    const sum = { ...this.#closedCounts };
    for (const { worker } of this.#openParts) addCounts(sum, worker.counts);
    return sum;
  }

  get metrics(): Registry {
    return this.#metrics.registry;
  }

  get trouble(): OrangeryError | undefined {
    const parts = [...this.#parts.values()].map(({ worker }) => worker.trouble);
    return this.#patience.trouble ?? parts.find((reason) => reason !== undefined);
  }

  async ping(): Promise<void> {
    await storeOf(this.#queue!.bullmq).ping();
  }

  async start(): Promise<void> {
    await this.ready;
    this.#isTaking = true;
    await Promise.all([...this.#parts.values()].map(({ worker }) => worker.start()));
  }

  setTaking(isTaking: boolean): void {
    this.#isDrained = !isTaking;
    this.#logger.info({ isTaking }, "a person has directed the worker");
    for (const { worker } of this.#parts.values()) worker.setTaking(isTaking);
  }

  async close(options: CloseWorkerOptions = {}): Promise<void> {
    this.#leaving.abort();
    // Parts that are already closing get the nearer deadline, too.
    const closing = this.#openParts.map(({ worker }) => worker.close(options));
    this.#closing ??= this.#close();
    await Promise.all([...closing, this.#closing]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close({ deadlineMs: 0 });
  }

  async #close(): Promise<void> {
    // A server that hangs answers neither.
    await settlesWithin(
      this.#preparing.then(() => this.#following),
      abandonMs,
    );
    await Promise.all(this.#openParts.map(({ worker }) => worker.close()));
    await this.#stack.disposeAsync();
  }

  get #openParts(): RecipePart[] {
    return [...this.#parts.values(), ...this.#retiring];
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    const { connection, queue, prefix, count, name = "worker", cache, followMs } = this.#options;
    // Waits while Redis is down, however long.
    this.#queue = await tryAgain(
      { isPassing: (error) => this.#mayPass(error), pauseMs: [200, 5_000], signal },
      () =>
        OpenQueue.open({
          connection,
          queue,
          prefix,
          isMade: true,
          onTrouble: (error) => this.#patience.report(error),
          signal,
        }),
    );
    const { bullmq } = this.#stack.use(this.#queue);
    await this.#patience.repeat(() => probeQueue(bullmq), { signal });
    const catalogue = new QueueCatalogue(bullmq);
    if (count.results !== undefined) await this.#ledger.open(catalogue);
    await this.#update(catalogue, { signal, isStarting: true });
    signal.throwIfAborted();
    const status = new PublishedStatus(bullmq, name);
    const heartbeat = this.#stack.use(
      new WorkerHeartbeat({
        name,
        cache,
        status,
        patience: this.#patience,
        recipes: () => this.#recipes,
        setTaking: (isTaking) => this.setTaking(isTaking),
        isDrained: () => this.#isDrained,
        supervision: this.#options.supervision,
        counts: () => {
          const { active, succeeded, failed } = this.counts;
          return { active, ended: succeeded + failed };
        },
      }),
    );
    await this.#patience.repeat(() => heartbeat.beat(), { signal });
    this.#following = this.#follow(catalogue, { signal, followMs });
  }

  #mayPass(error: unknown): boolean {
    if (!isOrangeryError(error) || error.blames !== "queue" || !error.retryable) return false;
    this.#patience.report(error);
    return true;
  }

  async #follow(
    catalogue: QueueCatalogue,
    { signal, followMs = 2_000 }: { signal: AbortSignal; followMs: number | undefined },
  ): Promise<void> {
    for (;;) {
      await delay(followMs, undefined, { signal, ref: false });
      try {
        await this.#update(catalogue, { signal, isStarting: false });
      } catch (err) {
        signal.throwIfAborted();
        this.#logger.warn({ err }, "the recipes of the queue cannot be served at the moment");
      }
    }
  }

  /** Serves the queue's recipes that this process does not serve yet. */
  async #update(
    catalogue: QueueCatalogue,
    { signal, isStarting }: { signal: AbortSignal; isStarting: boolean },
  ): Promise<void> {
    const { recipes: wanted } = this.#options.count;
    const all = await this.#patience.repeat(() => catalogue.recipes(), { always: true, signal });
    if (await this.#ledger.isLost(catalogue)) this.#leaveResults();
    const meant = all.filter(
      (recipe) => wanted?.some((name) => isRecipeNamed(recipe, name)) ?? true,
    );
    const newest = meant.at(-1)?.hash;
    for (const [hash, part] of this.#parts) {
      if (hash !== newest && !(await catalogue.hasWork(hash))) this.#rest(hash, part);
    }
    for (const recipe of meant) {
      const { hash } = recipe;
      const left = this.#left.get(hash);
      const isDue = left === undefined || performance.now() >= left.retryAt;
      if (this.#parts.has(hash) || !isDue) continue;
      // An old recipe without work costs nothing; the newest one is kept warm.
      if (hash !== newest && !(await catalogue.hasWork(hash))) continue;
      await this.#serve(recipe, catalogue, { signal, isStarting });
    }
  }

  /** Gives all jobs back, and opens the results anew for the next recipe. */
  #leaveResults(): void {
    for (const [hash, part] of this.#parts) this.#retire(hash, part, { deadlineMs: 0 });
    this.#ledger.leave();
  }

  async #serve(
    recipe: QueuedRecipe,
    catalogue: QueueCatalogue,
    { signal, isStarting }: { signal: AbortSignal; isStarting: boolean },
  ): Promise<void> {
    const { hash, name } = recipe;
    try {
      const part = await serveRecipe(recipe, {
        ...this.#options,
        ...recipeQueuePlace(this.#options, hash),
        logger: this.#logger.child({ recipe: name }),
        ledger: await this.#ledger.open(catalogue),
        finder: this.#finder,
        metrics: this.#metrics,
        onUnfit: (error) => this.#leave(recipe, error),
        signal,
      });
      this.#left.delete(hash);
      this.#parts.set(hash, part);
      this.#logger.info({ recipe: name, hash }, "a recipe is served");
      if (this.#isDrained) part.worker.setTaking(false);
      if (this.#isTaking) await part.worker.start();
    } catch (error) {
      signal.throwIfAborted();
      // A device or a database that fails is not the recipe's fault.
      const isLeft =
        isOrangeryError(error) && (error.blames === "model" || faultsOfRecipes.has(error.code));
      if (isStarting && !isLeft) throw error;
      if (isOrangeryError(error, "LEDGER_NEWER")) this.#options.onOvertaken?.(error);
      this.#leave(recipe, error);
    }
  }

  /** Stops serving a recipe that has had no work for a while. Its models stay in the cache. */
  #rest(hash: string, part: RecipePart): void {
    const { restAfterMs = 60_000 } = this.#options;
    const now = performance.now();
    const { succeeded, failed } = part.worker.counts;
    const idle = this.#idle.get(hash);
    if (idle === undefined || idle.ended !== succeeded + failed) {
      this.#idle.set(hash, { sinceMs: now, ended: succeeded + failed });
    } else if (now - idle.sinceMs >= restAfterMs) {
      this.#retire(hash, part, {});
    }
  }

  #retire(hash: string, part: RecipePart, options: CloseWorkerOptions): void {
    const { worker } = part;
    this.#parts.delete(hash);
    this.#idle.delete(hash);
    this.#retiring.add(part);
    void worker.close(options).finally(() => {
      // Keeping the part itself would keep connections and locks in memory.
      if (this.#retiring.delete(part)) addCounts(this.#closedCounts, worker.counts);
    });
  }

  /** Leaves a recipe to other workers, and gives its jobs in progress back. */
  #leave({ hash, name }: QueuedRecipe, cause: unknown): void {
    const error = isOrangeryError(cause)
      ? cause
      : new OrangeryError("MODEL_LOAD_FAILED", String(cause), { cause });
    const { retryMs = 30_000 } = this.#options;
    const known = this.#left.get(hash);
    this.#left.set(hash, { name, error, retryAt: performance.now() + retryMs });
    if (known?.error.message !== error.message) {
      this.#logger.warn(
        { recipe: name, hash, code: error.code, reason: error.message },
        "a recipe cannot be served here and is left to other workers",
      );
    }
    const part = this.#parts.get(hash);
    if (error.code === "LEDGER_NOT_FOUND") this.#leaveResults();
    else if (part !== undefined) this.#retire(hash, part, { deadlineMs: 0 });
  }

  get #recipes() {
    const { trouble } = this.#ledger;
    const recipes = Array.from(this.#parts, ([hash, { name }]) => ({ name, hash }));
    const left = Array.from(this.#left, ([hash, { name, error }]) => notServed(name, hash, error));
    // Their jobs wait for the database.
    const waiting = trouble && recipes.map(({ name, hash }) => notServed(name, hash, trouble));
    return { recipes, notServed: [...left, ...(waiting ?? [])] };
  }
}

function notServed(name: string, hash: string, { code, message }: OrangeryError): NotServed {
  return { name, hash, reason: `${code}: ${message}` };
}

type Counts = { -readonly [outcome in keyof FleetWorkerCounts]: number };

function noCounts(): Counts {
  return { active: 0, succeeded: 0, failed: 0, retrying: 0, returned: 0, lost: 0 };
}

function addCounts(sum: Counts, more: FleetWorkerCounts): void {
  for (const outcome of Object.keys(sum) as (keyof Counts)[]) sum[outcome] += more[outcome];
}
