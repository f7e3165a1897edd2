/**
 * A day with the fleet: mistakes that people make, and what happens to machines meanwhile. Every
 * photo ends with the right result or with a reason that a person can act on, and some command
 * leads on. Real processes, a real Redis, real results.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { countWorkerUrl } from "../src/fleet/count/count-settings.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../src/fleet/recipes/fleet-status.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { countRecipe, countVersion, recipeOf } from "../src/pipeline/recipe/count-recipe.ts";
import { CliFolder, jsonLines, mainFile, quickModel, type RunningCli } from "./cli.fixture.ts";
import { PhotosToCount, redisForTests, untilDone } from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { uniqueName } from "./servers/redis-server.ts";

const redis = redisForTests();

const [sample, ...size] = quickModel.slice(0, 3) as [string, ...string[]];

/** A folder, a queue of its own, and commands on both. */
class Day implements AsyncDisposable {
  readonly folder: CliFolder;
  readonly queue = uniqueName("day");
  readonly where = ["--queue", this.queue, "--redis", redis.url] as const;

  private constructor(folder: CliFolder) {
    this.folder = folder;
  }

  static async create(photos: number): Promise<Day> {
    const folder = await CliFolder.create();
    const names = Array.from({ length: photos }, (_, i) => `photos/${i}.png`);
    await folder.writePhotos(names);
    return new Day(folder);
  }

  async enqueue(...options: string[]): Promise<Record<string, unknown>> {
    const outcome = await this.folder.run(
      ...["enqueue", "photos", ...this.where, ...size, "--json"],
      ...options,
    );
    assert.equal(outcome.status, 0, outcome.stderr);
    return jsonLines(outcome.stdout)[0]!;
  }

  startWorker(...options: string[]): RunningCli {
    return this.folder.start("worker", ...this.where, "--devices", "cpu", ...options);
  }

  /** As `startWorker`, with locks that a dead process does not keep for long. */
  startFleet(): TestFleet {
    const queue = { name: this.queue, connection: redis.url };
    return new TestFleet(queue, { task: countWorkerUrl, settings: {} });
  }

  /** Resolves when no job is left to be done. */
  async done(): Promise<void> {
    await using queues = await FleetQueues.open({ connection: redis.url, queue: this.queue });
    for (;;) {
      const { waiting, active, delayed } = await readFleetStatus(queues);
      if (waiting + active + delayed === 0) return;
      await sleep(20);
    }
  }

  async stop({ child, outcome }: RunningCli): Promise<string> {
    child.kill("SIGTERM");
    const { status, stderr } = await outcome;
    assert.equal(status, 0, stderr);
    return stderr;
  }

  /** How many photos are in each state, by the names of recipes. */
  states(file: string): Record<string, unknown>[] {
    return this.folder.query(
      `select recipe.name, entry.state, count(*) as photos from entry
       join recipe on recipe.id = entry.recipe_id group by 1, 2 order by 1, 2`,
      file,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using queues = await FleetQueues.open({ connection: redis.url, queue: this.queue });
    const client = await queues.base.bullmq.getBackend().client;
    for (const { queue } of await queues.all()) await queue.obliterate({ force: true });
    const keys = ["recipes", "results", "workers"].map((key) =>
      queues.base.bullmq.toKey(`orangery:${key}`),
    );
    await client.del(...keys);
    await this.folder[Symbol.asyncDispose]();
  }
}

describe("a person's mistake", () => {
  test("a wrong enqueue, a machine that dies, retry-failed: all is counted in the end", async () => {
    await using day = await Day.create(4);
    // It idles: nobody has added anything, and it does not know where results go.
    const first = day.startFleet();
    await first.until("ready");
    const results = ["--results", "counts.db"];
    await day.enqueue("--detect", sample, "--segment", "sample:beds", ...results);
    // The segmenter is forgotten; --results, too, and it is not needed any more.
    await day.enqueue("--detect", sample);
    const isUnderWay = "select 1 from entry where state = 'done'";
    while (day.folder.query(isUnderWay, "counts.db").length === 0) await sleep(5);
    for (const { pid } of first.status) process.kill(pid!, "SIGKILL");
    await first[Symbol.asyncDispose]();
    const retried = await day.folder.run("retry-failed", ...day.where);
    assert.equal(retried.status, 0, retried.stderr);

    await using _second = day.startFleet();
    await day.done();
    assert.deepEqual(day.states("counts.db"), [
      { name: "seedlings", state: "done", photos: 4 },
      { name: "seedlings-in-beds", state: "done", photos: 4 },
    ]);
    assert.ok(!existsSync(join(day.folder.path, "results.db")), "no results beside the worker");
    const report = await day.folder.run("report", "counts.db", "--recipe", "seedlings-in-beds");
    assert.equal(report.status, 0, report.stderr);
  });

  test("results that would go elsewhere are refused, by enqueue and worker, and moved ones found", async () => {
    await using day = await Day.create(2);
    await day.enqueue("--detect", sample, "--results", "a.db");
    const other = await day.folder.run(
      ...["enqueue", "photos", ...day.where, ...size, "--detect", sample, "--results", "b.db"],
    );
    assert.equal(other.status, 1);
    assert.match(other.stderr, /a\.db, got .*b\.db\. Leave out --results .*QUEUE_OTHER_RESULTS/);
    const worker = await day.startWorker("--results", "b.db").outcome;
    assert.equal(worker.status, 1, worker.stderr);
    assert.match(worker.stderr, /QUEUE_OTHER_RESULTS/);
    assert.ok(!existsSync(join(day.folder.path, "b.db")), "no new results");

    const { path } = day.folder;
    await rename(join(path, "a.db"), join(path, "c.db"));
    const lost = await day.startWorker().outcome;
    assert.equal(lost.status, 1, lost.stderr);
    assert.match(lost.stderr, /results file .*a\.db, but this machine has none.*LEDGER_NOT_FOUND/);
    assert.ok(!existsSync(join(path, "a.db")), "no new file in its place");
    // The same database under another name is the same database.
    await day.enqueue("--detect", sample, "--results", "c.db");
    const found = day.startWorker();
    await day.done();
    await day.stop(found);
    assert.deepEqual(day.states("c.db"), [{ name: "seedlings", state: "done", photos: 2 }]);
  });

  test("two people add the same photos at the same moment: each is done once", async () => {
    await using photos = await PhotosToCount.create(40);
    await using queue = await photos.openQueue(redis.url);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const add = async () => {
      const { count, recipe, ledger } = photos;
      return await photos.enqueue(await queues.add({ count, recipe, ledger }));
    };
    const counts = await Promise.all([add(), add(), add()]);
    assert.equal(await queue.queue.getWaitingCount(), 40);
    assert.ok(counts.every(({ found }) => found === 40));
    await using worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.equal(worker.worker.counts.succeeded, 40);
    assert.equal((await photos.results()).length, 40);
  });

  test("results that are removed are noticed; jobs wait, and are done once they are back", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = await photos.openQueue(redis.url);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const { location } = photos.ledger;
    const follow = { followMs: 20, retryMs: 20 };
    // As the queue says: no file is made in the place of one that is gone.
    await using worker = await photos.startWorker(queue, { results: undefined }, follow);
    await rename(location, `${location}.away`);
    const workers = async () => (await readFleetStatus(queues)).workers;
    while ((await workers())[0]?.notServed?.length !== 1) await sleep(20);
    const [left] = (await workers())[0]!.notServed!;
    assert.match(left!.reason, /^LEDGER_NOT_FOUND: Expected the queue's results file .*has none/);
    await photos.enqueue(queue.queue);
    await sleep(50);
    assert.equal(await queue.queue.getWaitingCount(), 3);
    await rename(`${location}.away`, location);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 3);
    assert.equal(worker.worker.counts.failed, 0);
  });

  test("a recipe that its model does not take stops no worker that starts", async () => {
    await using photos = await PhotosToCount.create(2);
    await using queue = await photos.openQueue(redis.url);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const detect = { ...photos.count.detect, options: { classes: [999] } };
    const count = { ...photos.count, name: "wrong", detect };
    // Written by hand: a recipe that is made of models' files is refused.
    const { sha256 } = await countRecipe(photos.count);
    const { ledger } = photos;
    const wrong = await queues.add({ count, recipe: recipeOf(count, sha256), ledger });
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 2);
    const { workers } = await readFleetStatus(queues);
    assert.match(workers[0]!.notServed![0]!.reason, /^INVALID_ARGUMENT: .*`classes`/);
    await wrong.obliterate({ force: true });
  });

  test("a recipe of another version is left alone, and the others go on", async () => {
    await using photos = await PhotosToCount.create(2);
    await using queue = await photos.openQueue(redis.url);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const [known] = await queues.catalogue.recipes();
    const hash = "f".repeat(64);
    const document = { ...known!.document, version: countVersion + 1 };
    const newer = { hash, name: "newer", document, addedAt: new Date().toISOString() };
    await queues.catalogue.add(newer);
    await (await queues.ofRecipe(hash)).add("photo", { photo: photos.photo(0), recipe: hash });
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 2);
    const { recipes, workers } = await readFleetStatus(queues);
    assert.deepEqual(
      recipes.map(({ name, waiting, failed, workers }) => [name, waiting, failed, workers.length]),
      [
        ["detect", 0, 0, 1],
        ["newer", 1, 0, 0],
      ],
    );
    assert.match(workers[0]!.notServed![0]!.reason, /^RECIPE_INVALID: Recipe newer: .*`version`/);
    await (await queues.ofRecipe(hash)).obliterate({ force: true });
  });
});

describe("several at once", () => {
  test("two recipes are served by one worker, each of their models loaded once", async () => {
    await using day = await Day.create(3);
    await copyFile(
      join(import.meta.dirname, "../src/models/samples/seedlings.onnx"),
      join(day.folder.path, "mine.onnx"),
    );
    const network = await readFile(join(day.folder.path, "mine.onnx"));
    // Other contents, the same network: an unknown field at the end.
    await writeFile(
      join(day.folder.path, "other.onnx"),
      Buffer.concat([network, Buffer.from([0xf8, 0x07, 0x00])]),
    );
    await day.enqueue("--detect", "mine.onnx");
    await day.enqueue("--detect", "other.onnx");
    await day.enqueue("--detect", "other.onnx", "--confidence", "0.5", "--recipe-name", "strict");
    const worker = day.startWorker();
    await day.done();
    const log = jsonLines(await day.stop(worker));
    const loads = log.filter(({ msg }) => msg === "model loaded").map(({ name }) => name);
    assert.equal(loads.length, 2, String(loads));
    assert.deepEqual(
      day.states("results.db").map(({ name, state, photos }) => [name, state, photos]),
      [
        ["mine", "done", 3],
        ["other", "done", 3],
        ["strict", "done", 3],
      ],
    );
  });

  test("two queues have one results database", async () => {
    await using photos = await PhotosToCount.create(3);
    await using first = await photos.openQueue(redis.url);
    await using second = await photos.openQueue(redis.url);
    await photos.enqueue(first.queue);
    await photos.enqueue(second.queue);
    await using one = await photos.startWorker(first);
    await using two = await photos.startWorker(second);
    await Promise.all([untilDone(first.queue), untilDone(second.queue)]);
    assert.deepEqual([one.worker.counts.succeeded, two.worker.counts.succeeded], [3, 3]);
    assert.equal((await photos.results()).length, 3, "each photo once");
  });

  test("a worker that is limited to a recipe leaves the others", async () => {
    await using photos = await PhotosToCount.create(2);
    await using queue = await photos.openQueue(redis.url);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const count = { ...photos.count, name: "other", slicing: { slice: 32 } };
    const recipe = await countRecipe(count);
    const otherQueue = await queues.add({ count, recipe, ledger: photos.ledger });
    await photos.enqueue(queue.queue);
    await using limited = await photos.startWorker(queue, { recipes: ["other"] });
    await sleep(50);
    assert.equal(await queue.queue.getWaitingCount(), 2);
    assert.equal(limited.worker.counts.succeeded, 0);
    await using _all = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.equal(await otherQueue.getJobCountByTypes("waiting", "failed"), 0);
    assert.equal((await photos.results()).length, 2);
  });
});

describe("a machine", () => {
  test("whose clock jumps by hours finishes its jobs, and those to be retried", async () => {
    await using day = await Day.create(4);
    await writeFile(join(day.folder.path, "photos", "broken.png"), "no photo");
    await day.enqueue("--detect", sample, "--results", "counts.db");
    for (const hours of [30, -30]) {
      // From now on, the time of day is another one in the worker's processes.
      const jump = `const now = Date.now; Date.now = () => now() + ${3_600_000 * hours};`;
      const jumping = `data:text/javascript,${encodeURIComponent(jump)}`;
      const worker = day.folder.spawn(
        process.execPath,
        ["--import", jumping, mainFile, "worker", ...day.where, "--devices", "cpu"],
        { NODE_OPTIONS: `--import=${jumping}` },
      );
      await day.done();
      await day.stop(worker);
      assert.deepEqual(day.states("counts.db"), [
        { name: "seedlings", state: "done", photos: 4 },
        { name: "seedlings", state: "failed", photos: 1 },
      ]);
      const retried = await day.folder.run("retry-failed", ...day.where);
      assert.match(retried.stdout, /^1 failed job put back/);
    }
  });

  test("whose disk is full goes on: it cannot keep its models, and counts all the same", async () => {
    await using day = await Day.create(4);
    await day.enqueue("--detect", sample, "--results", "counts.db");
    await mkdir(join(day.folder.path, "tmp"));
    const worker = day.folder.spawn(
      process.execPath,
      [mainFile, "worker", ...day.where, "--devices", "cpu"],
      // Everything that is written there fails for want of space.
      { ORANGERY_CACHE: "/dev/full/cache", TMPDIR: join(day.folder.path, "tmp") },
    );
    await day.done();
    await day.stop(worker);
    assert.deepEqual(day.states("counts.db"), [{ name: "seedlings", state: "done", photos: 4 }]);
  });

  test("that loses the database waits for it, with the jobs in its hands", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = await photos.openQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    await using blocked = await openLedger(photos.ledger.location);
    const release = Promise.withResolvers<void>();
    // The write lock of a results file, as a database browser holds it.
    const holding = blocked.write(async (transaction) => {
      await transaction.updateTable("recipe").set({ name: "held" }).execute();
      await release.promise;
    });
    await photos.enqueue(queue.queue);
    while ((await queue.queue.getActiveCount()) === 0) await sleep(5);
    release.resolve();
    await holding;
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 3);
    assert.deepEqual(await photos.failures(), {});
    await ResultStore.open(photos.ledger, photos.recipe.recipe);
  });
});
