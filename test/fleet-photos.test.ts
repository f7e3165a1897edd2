/** The fleet's own task: photos from a queue are counted, and recorded once. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, rename, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../src/fleet/recipes/fleet-status.ts";
import { countRecipe } from "../src/pipeline/recipe/count-recipe.ts";
import { PhotoJob } from "../src/pipeline/run/photo-job.ts";
import { type LogLine, recordingLogger, retryFailed } from "./fleet.fixture.ts";
import {
  collect,
  encodePhoto,
  PhotosToCount,
  redisForTests,
  untilDone,
} from "./fleet-photos.fixture.ts";

const redis = redisForTests();

describe("a worker that counts", () => {
  test("records what `orangery run` records, under the same recipe", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    {
      await using _worker = await photos.startWorker(queue);
      await untilDone(queue.queue);
    }
    const results = await photos.results();
    assert.equal(results.length, 3);
    const { recipe } = photos.store;
    const resultsFile = join(photos.folder, "..", "run.db");
    await using job = await PhotoJob.open({ ...photos.count, paths: [photos.folder], resultsFile });
    await job.add();
    await job.run();
    const byRun = await collect(job.view.photos());
    assert.deepEqual(
      results.map(({ source, counts, recipeHash }) => ({ source, counts, recipeHash })),
      byRun.map(({ source, result }) => ({
        source,
        counts: result!.counts,
        recipeHash: recipe.hash,
      })),
    );
    assert.equal(byRun[0]!.result!.contentSha256, results[0]!.contentSha256);
    assert.ok(results[0]!.timingsMs.read! >= 0 && results[0]!.timingsMs.total! > 0);
  });

  test("does a job that is given again at once, and changes nothing", async () => {
    await using photos = await PhotosToCount.create(1);
    await using queue = await photos.openQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    const data = { photo: photos.photo(0), recipe: photos.store.recipe.hash };
    assert.deepEqual(await queue.result(await queue.add(data)), { outcome: "counted", objects: 0 });
    const [first] = await photos.results();
    assert.deepEqual(await queue.result(await queue.add(data)), { outcome: "known" });
    assert.deepEqual(await photos.results(), [first]);
  });

  test("gives photos of identical bytes one result", async () => {
    await using photos = await PhotosToCount.create(1);
    await copyFile(photos.photo(0), photos.photo(1));
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    const results = await photos.results();
    assert.deepEqual(
      results.map(({ source }) => source),
      [photos.photo(0), photos.photo(1)],
    );
    assert.equal(results[0]!.id, results[1]!.id);
  });

  test("counts photos that have moved once, also those that failed", async () => {
    await using photos = await PhotosToCount.create(2);
    await writeFile(photos.photo(2), "no photo");
    await using queue = await photos.openQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    await photos.enqueue(queue.queue);
    await untilDone(queue.queue);
    const before = await photos.results();
    const moved = join(photos.folder, "moved");
    await mkdir(moved);
    for (const number of [0, 2]) {
      await rename(photos.photo(number), photos.photo(number).replace(photos.folder, moved));
    }
    await photos.enqueue(queue.queue);
    await untilDone(queue.queue);
    const movedTo = (source: string) => join(moved, basename(source));
    const results = await photos.results();
    assert.deepEqual(
      results.map(({ id, source }) => [id, source]),
      [
        [before[0]!.id, movedTo(before[0]!.source)],
        [before[1]!.id, before[1]!.source],
      ].sort(([, a], [, b]) => (a! < b! ? -1 : 1)),
    );
    assert.deepEqual(await photos.failures(), { [movedTo(photos.photo(2))]: "PHOTO_UNREADABLE" });
  });

  test("records why a photo has no result, and forgets it when the photo has one", async () => {
    await using photos = await PhotosToCount.create(2);
    await writeFile(photos.photo(2), "no photo");
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.deepEqual(await photos.failures(), { [photos.photo(2)]: "PHOTO_UNREADABLE" });
    assert.equal((await photos.results()).length, 2);
    const [failed] = await queue.queue.getFailed();
    assert.match(failed!.failedReason, /^PHOTO_UNREADABLE: /);

    await writeFile(photos.photo(2), await encodePhoto(2));
    assert.equal(await retryFailed(queue.queue), 1);
    await untilDone(queue.queue);
    assert.deepEqual(await photos.failures(), {});
    assert.equal((await photos.results()).length, 3);
    assert.equal(await queue.queue.getFailedCount(), 0);
  });

  test("records a passing failure only after the last attempt", async () => {
    await using photos = await PhotosToCount.create(0);
    await using queue = await photos.openQueue(redis.url);
    let asked = 0;
    await using server = await serve((_url, response) => {
      asked++;
      response.writeHead(503).end();
    });
    const settings = { allowPrivateAddresses: true };
    await using _worker = await photos.startWorker(queue, settings);
    await photos.enqueue(queue.queue, [`${server.url}/a.jpg`]);
    await untilDone(queue.queue);
    assert.deepEqual(await photos.failures(), { [`${server.url}/a.jpg`]: "PHOTO_FETCH_FAILED" });
    assert.equal(asked, 2 * 3, "two attempts of the job, each of three requests");
  });

  test("refuses a job for another recipe, and records nothing of it", async () => {
    await using photos = await PhotosToCount.create(1);
    await using queue = await photos.openQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    const recipe = "0".repeat(64);
    const job = await queue.add({ photo: photos.photo(0), recipe });
    await assert.rejects(queue.result(job), /JOB_DATA_INVALID: Expected a job for the recipe/);
    assert.deepEqual([await photos.results(), await photos.failures()], [[], {}]);
  });

  test("refuses data that name no photo, without printing what a URL hides", async () => {
    await using photos = await PhotosToCount.create(0);
    await using queue = await photos.openQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    const job = await queue.add({ photo: "https://user:word@host/a.jpg?X-Amz-Signature=5ec7e7" });
    await assert.rejects(queue.result(job), (error: Error) => {
      assert.match(error.message, /JOB_DATA_INVALID.*`recipe` is not a recipe's hash/);
      assert.doesNotMatch(error.message, /5ec7e7|word@/);
      return true;
    });
  });
});

describe("photos by URL", () => {
  test("are fetched by their whole name, and recorded and logged without what it hides", async () => {
    await using photos = await PhotosToCount.create(1);
    await using queue = await photos.openQueue(redis.url);
    await using server = await serve((url, response) => {
      if (url.includes("X-Amz-Signature=5ec7e7")) createReadStream(photos.photo(0)).pipe(response);
      else response.writeHead(403).end();
    });
    const lines: LogLine[] = [];
    await using _worker = await photos.startWorker(
      queue,
      { allowPrivateAddresses: true },
      { logger: recordingLogger(lines) },
    );
    await photos.enqueue(queue.queue, [
      `${server.url}/a.jpg?X-Amz-Signature=5ec7e7`,
      `${server.url.replace("//", "//me:5ec7e7-too@")}/b.jpg?X-Amz-Signature=wrong-5ec7e7`,
    ]);
    await untilDone(queue.queue);
    const [result] = await photos.results();
    assert.equal(result!.source, `${server.url}/a.jpg`);

    const [counted, failed] = ["a", "b"].map((name) =>
      lines.filter(({ photo }) => photo === `${server.url}/${name}.jpg`),
    );
    const from = { worker: "cpu0@host", queue: queue.name, recipe: photos.recipe.recipe.name };
    assert.partialDeepStrictEqual(counted, [
      { level: "debug", ...from, outcome: "counted", objects: result!.objects.length },
    ]);
    assert.partialDeepStrictEqual(failed, [
      { level: "warn", message: "task failed", ...from, code: "PHOTO_NOT_FOUND" },
    ]);
    assert.deepEqual([counted!.length, failed!.length, failed![0]!.err], [1, 1, undefined]);
    assert.doesNotMatch(JSON.stringify(lines), /5ec7e7/);
    const again = await photos.enqueue(queue.queue, [`${server.url}/a.jpg?X-Amz-Signature=new`]);
    assert.deepEqual([again.done, again.added], [1, 0]);
  });

  test("of private addresses are refused unless they are allowed", async () => {
    await using photos = await PhotosToCount.create(0);
    await using queue = await photos.openQueue(redis.url);
    let asked = 0;
    await using server = await serve((_url, response) => {
      asked++;
      response.end();
    });
    await using _worker = await photos.startWorker(queue);
    await photos.enqueue(queue.queue, [`${server.url}/a.jpg`]);
    await untilDone(queue.queue);
    assert.deepEqual(await photos.failures(), { [`${server.url}/a.jpg`]: "PHOTO_ADDRESS_REFUSED" });
    assert.equal(asked, 0);
  });
});

test("a recipe without work is served no more, until it has work again", async () => {
  await using photos = await PhotosToCount.create(2);
  await using queue = await photos.openQueue(redis.url);
  await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
  await photos.enqueue(queue.queue, [photos.photo(0)]);
  const follow = { followMs: 10, restAfterMs: 30 };
  await using worker = await photos.startWorker(queue, {}, follow);
  await untilDone(queue.queue);
  const served = async () => (await readFleetStatus(queues)).workers[0]!.recipes!.map(nameOf);
  assert.deepEqual(await served(), ["detect"]);
  // A newer one, which is kept warm.
  const count = { ...photos.count, name: "newer", slicing: { slice: 32 } };
  const newer = await countRecipe(count);
  const newQueue = await queues.add({ count, recipe: newer, ledger: photos.ledger });
  while ((await served()).join() !== "newer") await sleep(20);
  await photos.enqueue(queue.queue, [photos.photo(1)]);
  await untilDone(queue.queue);
  assert.equal(worker.worker.counts.succeeded, 2);
  assert.equal(worker.cache.info().loads, 1, "its model stayed in the cache");
  await newQueue.obliterate({ force: true });
});

const nameOf = ({ name }: { readonly name: string }) => name;

describe("a recipe whose model is not where it was", () => {
  test("is left to others, without a failure, until the model is found", async () => {
    await using photos = await PhotosToCount.create(2);
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    const model = photos.count.detect.file;
    await rename(model, `${model}.old`);
    await writeFile(model, "another model");
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const follow = { followMs: 20, retryMs: 20 };
    await using _worker = await photos.startWorker(queue, {}, follow);
    const { recipes, workers } = await readFleetStatus(queues);
    assert.deepEqual(recipes[0]!.workers, []);
    const [left] = workers[0]!.notServed!;
    assert.equal(left!.name, "detect");
    assert.match(
      left!.reason,
      /^MODEL_NOT_FOUND: Expected the model detect\.onnx .*other contents/,
    );
    assert.deepEqual(await photos.failures(), {});
    assert.equal(await queue.queue.getWaitingCount(), 2);
    {
      // Another worker has the model, under another name.
      const models = [dirname(model)];
      await rename(`${model}.old`, join(dirname(model), "renamed.onnx"));
      await using _other = await photos.startWorker(queue, { models });
      await untilDone(queue.queue);
    }
    assert.equal((await photos.results()).length, 2);
    // The first one serves the recipe, too, once it has the model.
    await rename(join(dirname(model), "renamed.onnx"), model);
    await writeFile(photos.photo(2), await encodePhoto(7));
    await photos.enqueue(queue.queue);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 3);
  });

  test("gives its jobs back when the model is lost on the way", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = await photos.openQueue(redis.url);
    const model = photos.count.detect.file;
    // Too little for a model: it is loaded again whenever it is needed.
    const budget = { memoryBudgetBytes: 1 };
    await using worker = await photos.startWorker(queue, budget, { followMs: 20, retryMs: 20 });
    await copyFile(model, `${model}.old`);
    await writeFile(model, "another model");
    await sleep(50);
    const { cache } = worker;
    await cache.clear();
    await photos.enqueue(queue.queue);
    while ((await queue.queue.getWaitingCount()) < 3 || worker.worker.counts.active > 0) {
      await sleep(10);
    }
    assert.deepEqual(await photos.failures(), {});
    await rename(`${model}.old`, model);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 3);
    assert.equal(worker.worker.counts.failed, 0);
  });
});

interface TestServer extends AsyncDisposable {
  readonly url: string;
}

async function serve(answer: (url: string, response: ServerResponse) => void): Promise<TestServer> {
  const server = createServer((request, response) => answer(request.url!, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
