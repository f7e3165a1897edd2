import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import type { Queue } from "bullmq";
import sharp from "sharp";
import type { CelerySettings } from "../src/fleet/celery/serve/celery-settings.ts";
import type { CountSettings } from "../src/fleet/count/count-settings.ts";
import setUpCounting from "../src/fleet/count/count-worker.ts";
import { type EnqueueCounts, enqueuePhotos } from "../src/fleet/count/enqueue-photos.ts";
import type { RecipeWorkersOptions } from "../src/fleet/count/recipe-workers.ts";
import type { QueueWorker } from "../src/fleet/process/queue-worker.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { recipeQueuePlace } from "../src/fleet/recipes/recipe-queue.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import {
  readFailures,
  readResults,
  type StoredResult,
} from "../src/ledger/results/stored-results.ts";
import { silentLogger } from "../src/logger.ts";
import type { ModelCache } from "../src/models/cache/model-cache.ts";
import { PhotoReader } from "../src/pipeline/photos/photo-reader.ts";
import {
  type CountOptions,
  type CountRecipe,
  countRecipe,
} from "../src/pipeline/recipe/count-recipe.ts";
import { writeRecipe } from "../src/pipeline/recipe/recipe-document.ts";
import { TinyModels } from "../src/tasks/tiny-models.fixture.ts";
import { TestQueue } from "./fleet.fixture.ts";
import { openRedis, type RedisForTests, uniqueName } from "./servers/redis-server.ts";

/** Columns of black and white; encoded once, since thousands of photos are made of it. */
const columns = sharp(
  Uint8Array.from({ length: 64 * 64 }, (_, i) => ((i >> 3) & 1 ? 235 : 20)),
  { raw: { width: 64, height: 64, channels: 1 } },
)
  .jpeg()
  .toBuffer();

/** A small photo; two numbers make two contents, by a comment in them. */
export async function encodePhoto(number: number): Promise<Buffer> {
  const jpeg = await columns;
  const comment = Buffer.from([0xff, 0xfe, 0, 6, 0, 0, 0, 0]);
  comment.writeUInt32BE(number, 4);
  // After the marker that a JPEG begins with.
  return Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
}

/** A cache folder for this process and those that it starts, so that tests leave nothing behind. */
export class OwnCache implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(): Promise<OwnCache> {
    const folder = await mkdtemp(join(tmpdir(), "orangery-cache-"));
    process.env.ORANGERY_CACHE = folder;
    return new OwnCache(folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A Redis and a cache folder for the tests of one file, from before the first to after the last. */
export function redisForTests(): { readonly url: string } {
  const stack = new AsyncDisposableStack();
  let redis: RedisForTests | undefined;
  before(async () => {
    stack.use(await OwnCache.create());
    redis = stack.use(await openRedis());
  });
  after(() => stack.disposeAsync());
  return {
    get url() {
      return redis!.url;
    },
  };
}

/**
 * Photos in a folder, a tiny model, and a ledger for what is found: all that a fleet works with.
 */
export class PhotosToCount implements AsyncDisposable {
  readonly folder: string;
  readonly count: CountOptions;
  readonly recipe: CountRecipe;
  readonly ledger: Ledger;
  readonly store: ResultStore;
  readonly #stack: AsyncDisposableStack;
  readonly #results: string;

  private constructor(
    stack: AsyncDisposableStack,
    parts: Pick<PhotosToCount, "folder" | "count" | "recipe" | "ledger" | "store">,
    results: string,
  ) {
    this.#stack = stack;
    this.#results = results;
    this.folder = parts.folder;
    this.count = parts.count;
    this.recipe = parts.recipe;
    this.ledger = parts.ledger;
    this.store = parts.store;
  }

  /** @param results a database's URL; default a file */
  static async create(photos: number, results?: string): Promise<PhotosToCount> {
    await using stack = new AsyncDisposableStack();
    const base = await mkdtemp(join(tmpdir(), "orangery-count-"));
    stack.defer(() => rm(base, { recursive: true, force: true }));
    const folder = join(base, "photos");
    await mkdir(folder);
    for (let number = 0; number < photos; number++) {
      await writeFile(join(folder, photoName(number)), await encodePhoto(number));
    }
    const models = stack.use(await TinyModels.create());
    const count: CountOptions = {
      detect: { file: models.files.detect, options: { confidence: 0.3 } },
    };
    const location = results ?? join(base, "results.db");
    const ledger = stack.use(await openLedger(location));
    const recipe = await countRecipe(count);
    const store = await ResultStore.open(ledger, recipe.recipe);
    return new PhotosToCount(stack.move(), { folder, count, recipe, ledger, store }, location);
  }

  get settings(): CountSettings {
    return { results: this.#results };
  }

  /** What the processes of a Celery worker are given that counts as `orangery.count`. */
  celerySettings(app: CelerySettings["app"]): CelerySettings {
    const document = writeRecipe(this.count, this.recipe);
    return {
      app,
      modules: {},
      counting: {
        task: "orangery.count",
        recipe: { name: "photos", document },
        results: this.#results,
        count: this.settings,
      },
    };
  }

  photo(number: number): string {
    return join(this.folder, photoName(number));
  }

  async enqueue(
    queue: Queue,
    names: readonly string[] = [this.folder],
    options: { readonly retry?: boolean; readonly batchSize?: number } = {},
  ): Promise<EnqueueCounts> {
    using sources = new PhotoReader();
    const photos = sources.list(names);
    return await enqueuePhotos({ queue, store: this.store, photos, ...options });
  }

  /** The queue of these photos' recipe, in the catalogue of the queue of that name. */
  async openQueue(connection: string, name = uniqueName("fleet")): Promise<TestQueue> {
    const { recipe, count, ledger } = this;
    await using queues = await FleetQueues.open({ connection, queue: name, isMade: true });
    await queues.add({ count, recipe, ledger });
    return new TestQueue(
      connection,
      recipeQueuePlace({ connection, queue: name }, recipe.recipe.hash),
    );
  }

  /** A worker in this process, as a worker process has it. */
  async startWorker(
    { name: queue, connection }: Pick<TestQueue, "name" | "connection">,
    settings: Partial<CountSettings> = {},
    options: Partial<RecipeWorkersOptions> = {},
  ): Promise<AsyncDisposable & { readonly worker: QueueWorker; readonly cache: ModelCache }> {
    await using stack = new AsyncDisposableStack();
    const setup = stack.use(
      setUpCounting({
        name: "cpu0@host",
        workerId: 0,
        kind: "cpu",
        device: "cpu",
        requireDevice: true,
        intraOpThreads: 1,
        models: {},
        logger: silentLogger,
        settings: { ...this.settings, ...settings },
      }),
    );
    const worker = setup.openWorker({
      connection,
      queue,
      name: "cpu0@host",
      attempts: 2,
      backoffMs: 1,
      lockDurationMs: 1000,
      stalledIntervalMs: 200,
      ...options,
    });
    await worker.start();
    const owned = stack.move();
    return {
      worker,
      cache: setup.cache!,
      [Symbol.asyncDispose]: () => owned[Symbol.asyncDispose](),
    };
  }

  async results(): Promise<StoredResult[]> {
    return await collect(readResults(this.ledger));
  }

  /** Why photos have no result, by their sources. */
  async failures(): Promise<Record<string, string>> {
    const failures = await collect(readFailures(this.ledger));
    return Object.fromEntries(failures.map(({ source, reason }) => [source, reason.code]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

function photoName(number: number): string {
  return `${String(number).padStart(5, "0")}.jpg`;
}

/** Resolves when no job of the queue is left to be done. */
export async function untilDone(queue: Queue): Promise<void> {
  for (;;) {
    const counts = await queue.getJobCounts("waiting", "active", "delayed");
    if (Object.values(counts).every((count) => count === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
