/** The fleet's own task: photos from a queue are counted, and recorded once. */
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { countWorkerUrl } from "../src/fleet/count/count-settings.ts";
import { retryFailed } from "../src/fleet/queue/retry-failed.ts";
import { PhotoJob } from "../src/pipeline/run/photo-job.ts";
import { TestQueue } from "./fleet.fixture.ts";
import {
  collect,
  encodePhoto,
  OwnCache,
  PhotosToCount,
  untilDone,
} from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { openRedis, type RedisForTests } from "./servers/redis-server.ts";

let redis: RedisForTests;
let cache: OwnCache;

before(async () => {
  cache = await OwnCache.create();
  redis = await openRedis();
});
after(async () => {
  await redis[Symbol.asyncDispose]();
  await cache[Symbol.asyncDispose]();
});

describe("a worker that counts", () => {
  test("records what `orangery run` records, under the same recipe", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
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
    await using queue = new TestQueue(redis.url);
    await using _worker = await photos.startWorker(queue);
    const recipe = "0".repeat(64);
    const job = await queue.add({ photo: photos.photo(0), recipe });
    await assert.rejects(queue.result(job), /JOB_OTHER_RECIPE/);
    assert.deepEqual([await photos.results(), await photos.failures()], [[], {}]);
  });

  test("refuses data that name no photo, without printing what a URL hides", async () => {
    await using photos = await PhotosToCount.create(0);
    await using queue = new TestQueue(redis.url);
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
  test("are fetched by their whole name, and recorded without what it hides", async () => {
    await using photos = await PhotosToCount.create(1);
    await using queue = new TestQueue(redis.url);
    await using server = await serve((url, response) => {
      if (url.includes("X-Amz-Signature=5ec7e7")) createReadStream(photos.photo(0)).pipe(response);
      else response.writeHead(403).end();
    });
    await using _worker = await photos.startWorker(queue, { allowPrivateAddresses: true });
    await photos.enqueue(queue.queue, [`${server.url}/a.jpg?X-Amz-Signature=5ec7e7`]);
    await untilDone(queue.queue);
    const [result] = await photos.results();
    assert.equal(result!.source, `${server.url}/a.jpg`);
    const again = await photos.enqueue(queue.queue, [`${server.url}/a.jpg?X-Amz-Signature=new`]);
    assert.deepEqual([again.done, again.added], [1, 0]);
  });

  test("of private addresses are refused unless they are allowed", async () => {
    await using photos = await PhotosToCount.create(0);
    await using queue = new TestQueue(redis.url);
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

test("a worker process that finds another model than the first takes no job", async () => {
  await using photos = await PhotosToCount.create(1);
  await using queue = new TestQueue(redis.url);
  await using fleet = new TestFleet(queue, { task: countWorkerUrl, settings: photos.settings });
  await fleet.until("ready");
  const model = photos.count.detect.file;
  await rename(model, `${model}.old`);
  await writeFile(model, "another model");
  fleet.supervisor.recycle();
  const [failed] = await fleet.until("failed");
  assert.match(failed!.reason, /to stay as it was when the workers were started/);
  // The old process works on with what it has loaded.
  await photos.enqueue(queue.queue);
  await untilDone(queue.queue);
  assert.equal((await photos.results()).length, 1);
  await rm(`${model}.old`);
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
