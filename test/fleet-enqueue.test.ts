/** Giving photos to a queue, looking at it, and trying again what failed. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFile, rm, utimes, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, test } from "node:test";
import type { OrangeryError } from "../src/errors.ts";
import type { PhotoJobData } from "../src/fleet/count/photo-job-data.ts";
import { OpenQueue } from "../src/fleet/queue/open-queue.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../src/fleet/recipes/fleet-status.ts";
import { readQueueStatus } from "../src/fleet/recipes/queue-status.ts";
import { createWorker } from "../src/fleet/worker/create-worker.ts";
import { CliFolder, jsonLines, quickModel } from "./cli.fixture.ts";
import { GivenTask, retryFailed, TestQueue } from "./fleet.fixture.ts";
import { encodePhoto, PhotosToCount, redisForTests, untilDone } from "./fleet-photos.fixture.ts";
import { freePort } from "./servers/free-port.ts";
import { RedisServer, uniqueName } from "./servers/redis-server.ts";

const redis = redisForTests();

const none = { found: 0, added: 0, done: 0, failed: 0, excluded: 0, queued: 0 };

describe("enqueuing", () => {
  test("adds each photo once, however often it is asked for", async () => {
    await using photos = await PhotosToCount.create(5);
    await using queue = await photos.openQueue(redis.url);
    const batchSize = 2;
    const names = [photos.folder, photos.photo(4)];
    assert.deepEqual(await photos.enqueue(queue.queue, names, { batchSize }), {
      ...none,
      found: 6,
      added: 5,
      queued: 1,
    });
    assert.deepEqual(await photos.enqueue(queue.queue), { ...none, found: 5, queued: 5 });
    const jobs = await queue.queue.getWaiting();
    const recipe = photos.store.recipe.hash;
    assert.deepEqual(
      jobs.map(({ data }) => data as PhotoJobData).map(({ photo, recipe }) => [photo, recipe]),
      [0, 1, 2, 3, 4].map((number) => [photos.photo(number), recipe]),
    );
  });

  test("leaves out what is done until it has changed; done jobs leave Redis", async () => {
    await using photos = await PhotosToCount.create(3);
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.deepEqual(await queue.queue.getJobs(), []);
    assert.deepEqual(await photos.enqueue(queue.queue), { ...none, found: 3, done: 3 });

    await writeFile(photos.photo(1), await encodePhoto(77));
    await utimes(photos.photo(1), 1, 1);
    assert.deepEqual(await photos.enqueue(queue.queue), { ...none, found: 3, done: 2, added: 1 });
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 3);
    assert.equal((await photos.enqueue(queue.queue)).done, 3);
  });

  test("leaves out what failed, until it has changed or is asked for", async () => {
    await using photos = await PhotosToCount.create(1);
    await writeFile(photos.photo(1), "no photo");
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    const counts = { ...none, found: 2, done: 1 };
    assert.deepEqual(await photos.enqueue(queue.queue), { ...counts, failed: 1 });
    const retried = await photos.enqueue(queue.queue, undefined, { retry: true });
    assert.deepEqual(retried, { ...counts, added: 1 });
    await untilDone(queue.queue);
    assert.equal(await queue.queue.getFailedCount(), 1);

    await appendFile(photos.photo(1), ", still");
    assert.deepEqual(await photos.enqueue(queue.queue), { ...counts, added: 1 });
    await untilDone(queue.queue);
    assert.deepEqual(await photos.failures(), { [photos.photo(1)]: "PHOTO_UNREADABLE" });
  });

  test("goes on where the connection breaks in the middle of an answer", async () => {
    await using photos = await PhotosToCount.create(30);
    const { port } = new URL(redis.url);
    let cuts = 0;
    await using proxy = createServer((client) => {
      const server = connect(Number(port), "127.0.0.1");
      let isCut = false;
      client.on("data", (request) => {
        isCut ||= cuts === 0 && request.includes(photos.photo(0));
        server.write(request);
      });
      server.on("data", (reply) => {
        if (isCut) cuts++;
        // The id of the first job, and not that of the last.
        if (isCut) client.end(reply.subarray(0, 40), () => server.destroy());
        else client.write(reply);
      });
      for (const socket of [client, server]) {
        socket.on("error", () => {}).on("close", () => [client, server].map((it) => it.destroy()));
      }
    });
    await once(proxy.listen(0, "127.0.0.1"), "listening");
    const behind = `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    await using queue = await photos.openQueue(behind);
    assert.deepEqual(await photos.enqueue(queue.queue), { ...none, found: 30, added: 30 });
    assert.equal(cuts, 1);
    assert.equal(await queue.queue.getWaitingCount(), 30);
  });

  test("into a queue whose results go elsewhere is refused, while it has jobs", async () => {
    await using photos = await PhotosToCount.create(1);
    await using others = await PhotosToCount.create(1);
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await assert.rejects(others.openQueue(redis.url, queue.name), (error: OrangeryError) => {
      assert.equal(error.code, "QUEUE_OTHER_RESULTS");
      const { location } = photos.ledger;
      assert.ok(error.message.includes(`the queue ${queue.name}, ${location}, got`));
      return true;
    });
    await queue.queue.drain();
    await using _other = await others.openQueue(redis.url, queue.name);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    assert.equal((await queues.catalogue.results())?.location, others.ledger.location);
  });
});

test("a Redis that does not answer is reported, without its password", async () => {
  const connection = `redis://:secret@127.0.0.1:${await freePort()}`;
  const opening = OpenQueue.open({ connection, queue: "photos", timeoutMs: 300 });
  await assert.rejects(opening, (error: Error) => {
    assert.match(error.message, /within 0\.3 s, got connect ECONNREFUSED/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("a queue that was opened waits for a Redis that is restarted", async () => {
  await using own = await RedisServer.start();
  await using queue = await OpenQueue.open({
    connection: own.url,
    queue: "photos",
    timeoutMs: 300,
  });
  await own.kill();
  await assert.rejects(queue.within(readQueueStatus(queue.bullmq)), { code: "QUEUE_UNREACHABLE" });
  await own.up();
  for (;;) {
    const status = await queue.within(readQueueStatus(queue.bullmq)).catch(() => undefined);
    if (status?.waiting === 0) break;
  }
});

test("retry-failed puts every failed job back, with all its attempts", async () => {
  await using queue = new TestQueue(redis.url);
  let isBroken = true;
  const attempts: number[] = [];
  const task = new GivenTask((_payload, { attempt }) => {
    attempts.push(attempt);
    if (isBroken) throw new Error("broken");
  });
  await using _worker = createWorker(task, {
    connection: queue.connection,
    queue: queue.name,
    attempts: 2,
    backoffMs: 1,
  });
  for (let job = 0; job < 7; job++) await queue.add({ job });
  await untilDone(queue.queue);
  assert.equal(await queue.queue.getFailedCount(), 7);
  // Those that fail again are not tried again and again.
  assert.equal(await retryFailed(queue.queue, { pageSize: 3 }), 7);
  await untilDone(queue.queue);
  assert.equal(await queue.queue.getFailedCount(), 7);
  isBroken = false;
  attempts.length = 0;
  assert.equal(await retryFailed(queue.queue), 7);
  await untilDone(queue.queue);
  assert.deepEqual(attempts, Array(7).fill(1));
  assert.equal(await queue.queue.getFailedCount(), 0);
});

describe("a queue's status", () => {
  test("lists jobs and workers, and forgets workers that are gone", async () => {
    await using photos = await PhotosToCount.create(4);
    await writeFile(photos.photo(9), "no photo");
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
    const before = await readFleetStatus(queues);
    assert.deepEqual([before.waiting, before.done, before.etaMs], [5, 0, undefined]);
    assert.deepEqual(before.workers, []);
    {
      await using _worker = await photos.startWorker(queue);
      await untilDone(queue.queue);
      for (;;) {
        const { waiting, active, done, failed, workers, etaMs, recipes } =
          await readFleetStatus(queues);
        // It publishes every other second.
        if (workers[0]?.ended !== 5) continue;
        assert.deepEqual([waiting, active, done, failed, etaMs], [0, 0, 4, 1, 0]);
        const { name, pid, devices, models, processBytes, perSecond } = workers[0];
        assert.deepEqual(
          [name, pid, devices, models],
          [
            "cpu0@host",
            process.pid,
            ["cpu"],
            [`detect@${photos.recipe.sha256.detect!.slice(0, 8)}`],
          ],
        );
        assert.deepEqual(
          recipes.map(({ name, workers, done, failed }) => ({ name, workers, done, failed })),
          [{ name: "detect", workers: ["cpu0@host"], done: 4, failed: 1 }],
        );
        assert.ok(processBytes > 0 && perSecond > 0);
        break;
      }
    }
    assert.deepEqual((await readFleetStatus(queues)).workers, []);
  });
});

describe("on the command line", () => {
  test("photos are enqueued, counted and shown; what failed is tried again", async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["photos/a.jpg", "photos/b.jpg", "photos/c.jpg"]);
    await writeFile(`${folder.path}/photos/d.jpg`, "no photo");
    const queue = uniqueName("cli");
    const where = ["--queue", queue, "--redis", redis.url];
    const [model, ...options] = quickModel.slice(0, 3);
    const count = ["--detect", model!, ...options, ...where, "--results", "results.db"];
    const enqueued = await folder.run("enqueue", "photos", ...count);
    assert.equal(enqueued.status, 0, enqueued.stderr);
    assert.equal(enqueued.stdout, `4 photos found, 4 added to ${queue} for the recipe seedlings\n`);

    await writeFile(`${folder.path}/photos/notes.txt`, "text");
    await writeFile(`${folder.path}/list.txt`, "photos\nphotos/a.jpg\n");
    const list = ["--from-file", "list.txt", "--exclude", "b.*", "--json"];
    const listed = await folder.run("enqueue", ...list, ...count);
    assert.equal(listed.status, 0, listed.stderr);
    const [counts] = jsonLines(listed.stdout);
    assert.deepEqual([counts!.found, counts!.queued], [4, 4]);
    assert.deepEqual(counts!.leftOut, {
      files: 2,
      byExtension: { ".jpg": 1, ".txt": 1 },
      folders: {},
    });

    // Another recipe may be in the same queue; where its results go is known by then.
    const options9 = [...count.slice(0, -2), "--confidence", "0.9", "--json"];
    const other = await folder.run("enqueue", "photos/a.jpg", ...options9);
    assert.equal(other.status, 0, other.stderr);

    // Redis takes any password of its user without one.
    const withPassword = redis.url.replace("//", "//default:5ec7e7@");
    const worker = folder.start("worker", ...where, "--redis", withPassword, "--devices", "cpu");
    await folder.until(
      worker,
      "select 1 where (select count(*) from entry where state in ('done', 'failed')) = 5",
    );
    worker.child.kill("SIGTERM");
    const { status: ended, stderr: log } = await worker.outcome;
    assert.equal(ended, 0, log);
    const lines = jsonLines(log);
    const line = (message: string) => lines.filter(({ msg }) => msg === message);
    assert.equal(line("the supervisor starts")[0]!.server, redis.url.replace("//", "//default:…@"));
    assert.doesNotMatch(log, /5ec7e7/);
    assert.match(String(line("results are recorded")[0]!.results), /results\.db$/);
    assert.equal(line("a recipe is served").length, 2);
    const [loaded] = line("model loaded");
    assert.match(String(loaded!.sha256), /^[0-9a-f]{64}$/);
    assert.deepEqual([loaded!.device, loaded!.precision], ["cpu", "float32"]);
    // Photos that are done have no line of their own, only their sums.
    assert.equal(line("task succeeded").length, 0);
    const sums = line("jobs have ended").map(({ succeeded }) => Number(succeeded));
    assert.equal(
      sums.reduce((sum, each) => sum + each, 0),
      4,
    );
    const [failure, ...others] = line("task failed");
    assert.deepEqual(others, []);
    const { level, queue: on, code, photo, err } = failure!;
    assert.deepEqual([level, on, code, err], ["warn", queue, "PHOTO_UNREADABLE", undefined]);
    assert.match(String(photo), /photos\/d\.jpg$/);

    const { hash } = counts!.recipe as { readonly hash: string };
    const recorded = ["--results", "results.db", "--recipe", hash, "--json"];
    const status = await folder.run("status", ...where, ...recorded);
    const [shown] = jsonLines(status.stdout);
    const { waiting, active, failed, done } = shown!;
    assert.deepEqual([waiting, active, failed, done], [0, 0, 1, 4]);
    const { done: recordedDone, failed: recordedFailed } = shown!.recorded as Record<
      string,
      number
    >;
    assert.deepEqual([recordedDone, recordedFailed], [3, 1]);
    const forPeople = await folder.run("status", ...where);
    assert.match(
      forPeople.stdout,
      /0 waiting {2}0 active {2}4 done {2}1 failed\n.*\nRecipe .*\nNo workers\n/s,
    );

    const of = ["--queue", "unknown", "--queue-url", redis.url];
    const looking = ["status", "failures", "jobs list", "workers list"];
    for (const command of [
      ...looking,
      "jobs retry",
      "jobs drop --all",
      "retry-failed",
      "jobs pause",
    ]) {
      const unknown = await folder.run(...command.split(" "), ...of);
      assert.equal(unknown.status, 0, unknown.stderr);
      assert.match(unknown.stdout, /^There is no queue unknown yet: it has no jobs, rec/m, command);
      const lines = unknown.stdout.trimEnd().split("\n");
      assert.equal(lines.length, looking.includes(command) ? 2 : 3, command);
    }
    assert.doesNotMatch((await folder.run("jobs", "list", ...of)).stdout, /no queue/, "paused");
    await folder.run("jobs", "resume", ...of);

    const again = await folder.run("retry-failed", ...where);
    assert.equal(again.stdout, `1 failed job put back into ${queue}\n`);
    await using queues = await FleetQueues.open({ connection: redis.url, queue });
    const all = await queues.all();
    const waiting2 = await Promise.all(all.map((each) => each.queue.getWaitingCount()));
    assert.deepEqual(waiting2.sort(), [0, 0, 1]);
    await Promise.all(all.map((each) => each.queue.obliterate({ force: true })));
    await rm(`${folder.path}/photos`, { recursive: true });
  });

  for (const command of [["status"], ["retry-failed"], ["worker", "--task", "a.ts"]]) {
    test(`orangery ${command[0]} refuses a Redis that is no URL, unprinted`, async () => {
      await using folder = await CliFolder.create();
      const { status, stderr } = await folder.run(...command, "--redis", "http://:secret@host");
      assert.match(stderr, /^orangery: Expected the queue's Redis as a URL/);
      assert.doesNotMatch(stderr, /secret/);
      assert.equal(status, 2);
    });
  }

  test("a worker takes no models, and of a task's options only its own", async () => {
    await using folder = await CliFolder.create();
    const models = await folder.run("worker", "--detect", "a.onnx");
    assert.equal(models.status, 2);
    assert.match(models.stderr, /workers take models and options from the queue's recipes/);
    const both = await folder.run("worker", "--task", "a.ts", "--recipe", "plants");
    assert.equal(both.status, 2);
    assert.match(both.stderr, /'--recipe <name>' has no meaning with --task/);
  });
});
