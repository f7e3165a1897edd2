/**
 * A fleet whose processes and servers are killed while it works: every photo has exactly one result
 * in the end, none has failed, none is lost.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { countWorkerUrl } from "../src/fleet/count/count-settings.ts";
import type { TestQueue } from "./fleet.fixture.ts";
import { OwnCache, PhotosToCount } from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { PostgresServer } from "./servers/postgres-server.ts";
import { RedisServer } from "./servers/redis-server.ts";

interface Restartable {
  kill(): Promise<void>;
  up(): Promise<void>;
}

interface Chaos {
  /** Where the queue is. */
  readonly queueUrl: string;
  /** Where the results go. */
  readonly resultsUrl: string;
  readonly photoCount: number;
  /** After this many more results a worker is killed. */
  readonly photosPerKill: number;
  /** Servers that are killed when this share of the photos is done. */
  readonly restarts: readonly (readonly [share: number, server: Restartable])[];
}

/** FLEET_CHAOS_PHOTOS=2000 takes longer; workers are killed as often. */
const photoCount = Number(process.env.FLEET_CHAOS_PHOTOS ?? 400);

test(`${photoCount} photos survive killed workers, and a killed Redis and PostgreSQL`, async (t) => {
  await using redis = await RedisServer.start();
  await using postgres = await PostgresServer.start();
  await survive(t, {
    queueUrl: redis.url,
    resultsUrl: postgres.url,
    photoCount,
    photosPerKill: photoCount / 10,
    restarts: [
      [0.3, redis],
      [0.6, postgres],
    ],
  });
});

test("150 photos survive killed workers and a killed server on PostgreSQL alone", async (t) => {
  await using postgres = await PostgresServer.start();
  await survive(t, {
    queueUrl: postgres.url,
    resultsUrl: postgres.url,
    photoCount: 150,
    photosPerKill: 30,
    restarts: [[0.5, postgres]],
  });
});

async function survive(
  t: TestContext,
  { queueUrl, resultsUrl, photoCount, photosPerKill, restarts }: Chaos,
): Promise<void> {
  await using _cache = await OwnCache.create();
  await using photos = await PhotosToCount.create(photoCount, resultsUrl);
  await using queue = await photos.openQueue(queueUrl);
  const { added } = await photos.enqueue(queue.queue);
  assert.equal(added, photoCount);
  await using fleet = new TestFleet(queue, {
    devices: "cpu*3",
    task: countWorkerUrl,
    settings: photos.settings,
    // A process that is killed before its first job has failed, as far as its supervisor knows.
    backoff: { firstMs: 10, longestMs: 50, mostFailures: 1000 },
  });
  await fleet.until("ready", 3);

  let killed = 0;
  let done = 0;
  const look = async () => {
    while (done < photoCount) {
      await sleep(50);
      done = await countDone(photos);
    }
  };
  // By photos, not by time: on a machine that is slower than its killer nothing would ever be done.
  const killSometimes = async () => {
    for (let next = photosPerKill; done < photoCount; ) {
      await sleep(50);
      const workers = fleet.status.filter(({ healthy }) => healthy);
      const worker = workers[Math.floor(Math.random() * workers.length)];
      if (done < next || worker === undefined) continue;
      process.kill(worker.pid!, "SIGKILL");
      killed++;
      next = done + photosPerKill;
    }
  };
  const restart = async (server: Restartable, share: number) => {
    while (done < share * photoCount) await sleep(50);
    await server.kill();
    await sleep(300);
    await server.up();
  };
  await Promise.all([
    look(),
    killSometimes(),
    ...restarts.map(([share, server]) => restart(server, share)),
  ]);
  // The jobs of the last that was killed wait for their locks to run out, and find their results.
  while ((await countLeft(queue)) > 0) await sleep(50);

  t.diagnostic(`${killed} workers were killed`);
  assert.ok(killed > 0);
  assert.equal(await queue.queue.getFailedCount(), 0);
  assert.deepEqual(await photos.failures(), {});
  const results = await photos.results();
  assert.equal(results.length, photoCount, "each photo once");
  assert.equal(new Set(results.map(({ source }) => source)).size, photoCount);
  assert.equal(new Set(results.map(({ contentSha256 }) => contentSha256)).size, photoCount);
  assert.equal(new Set(results.map(({ id }) => id)).size, photoCount);
  assert.equal(await countRows(photos), photoCount, "and nothing besides");
  assert.deepEqual(await photos.enqueue(queue.queue), {
    found: photoCount,
    added: 0,
    done: photoCount,
    failed: 0,
    excluded: 0,
    queued: 0,
  });
}

async function countDone({ ledger }: PhotosToCount): Promise<number> {
  const { photos } = await ledger.read((db) =>
    db
      .selectFrom("entry")
      .select(({ fn }) => fn.count<number>("id").as("photos"))
      .where("state", "=", "done")
      .executeTakeFirstOrThrow(),
  );
  return photos;
}

async function countRows({ ledger }: PhotosToCount): Promise<number> {
  const { results } = await ledger.read((db) =>
    db
      .selectFrom("result")
      .select(({ fn }) => fn.count<number>("id").as("results"))
      .executeTakeFirstOrThrow(),
  );
  return results;
}

async function countLeft({ queue }: TestQueue): Promise<number> {
  const counts = await queue.getJobCounts("waiting", "active", "delayed");
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
