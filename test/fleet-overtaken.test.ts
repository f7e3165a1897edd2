/** Workers of a fleet that cannot record results any more: their jobs wait, and none fails. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { celeryModuleUrl } from "../src/fleet/celery/serve/celery-settings.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { readFleetStatus } from "../src/fleet/recipes/fleet-status.ts";
import { schemaVersion } from "../src/ledger/schema/migrations.ts";
import { CeleryClient } from "./celery.fixture.ts";
import { CliFolder, jsonLines, mainFile } from "./cli.fixture.ts";
import { PhotosToCount, redisForTests, untilDone } from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";
import { PostgresServer } from "./servers/postgres-server.ts";
import { RedisServer } from "./servers/redis-server.ts";

const redis = redisForTests();
let postgres: PostgresServer;
before(async () => {
  postgres = await PostgresServer.start();
});
after(() => postgres[Symbol.asyncDispose]());

async function execute(statements: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  await client.query(statements);
  await client.end();
}

/** As another version of Orangery has left the results. */
async function setVersion({ ledger }: PhotosToCount, version: number): Promise<void> {
  const statement = ledger.isInProcess
    ? `pragma user_version = ${version}`
    : `update ledger_version set version = ${version}`;
  await ledger.read((db) => sql.raw(statement).execute(db));
}

const places = {
  "in a file": async () => ({ url: redis.url, results: undefined }),
  "in PostgreSQL, which has the queue, too": async () => {
    return { url: postgres.url, results: (await postgres.createSchema()).url };
  },
};

for (const [where, place] of Object.entries(places)) {
  test(`results ${where}, updated by a newer Orangery, end the workers and no job`, async () => {
    const { url, results } = await place();
    await using photos = await PhotosToCount.create(4, results);
    await using queue = await photos.openQueue(url);
    await using folder = await CliFolder.create();
    await writeFile(photos.photo(4), "no photo");
    await queue.queue.pause();
    await photos.enqueue(queue.queue);
    const named = ["--queue", queue.name, "--queue-url", url, "--results", photos.ledger.location];
    const cli = folder.start("worker", ...named, "--devices", "cpu*2");
    await using queues = await FleetQueues.open({ connection: url, queue: queue.name });
    while ((await readFleetStatus(queues)).recipes[0]!.workers.length < 2) await sleep(20);
    await setVersion(photos, 999);
    await queue.queue.resume();

    const { status, stderr } = await cli.outcome;
    assert.equal(status, 1, stderr);
    const lines = stderr.split("\n");
    assert.match(lines.at(-2)!, /^orangery: .* is of version 999, .*Update Orangery.*LEDGER_NEWER/);
    const logged = jsonLines(lines.slice(0, -2).join("\n"));
    const reason = { level: "error", worker: "supervisor", code: "LEDGER_NEWER" };
    const why = logged.filter(({ level }) => level === "error");
    assert.equal(why.length, 1, stderr);
    assert.partialDeepStrictEqual(why, [reason]);
    const jobs = await queue.queue.getJobs(["waiting"]);
    assert.equal(jobs.length, 5, stderr);
    for (const { attemptsMade } of jobs) assert.equal(attemptsMade, 0);
    assert.deepEqual([await photos.results(), await photos.failures()], [[], {}]);

    // As when Orangery is up to date.
    await setVersion(photos, schemaVersion);
    await using _worker = await photos.startWorker(queue);
    await untilDone(queue.queue);
    assert.equal((await photos.results()).length, 4);
    assert.deepEqual(await photos.failures(), { [photos.photo(4)]: "PHOTO_UNREADABLE" });
  });
}

test("a results file whose disk is full is left to others until there is room", {
  skip: process.platform !== "linux" && "needs bash's ulimit",
}, async () => {
  await using photos = await PhotosToCount.create(60);
  await using queue = await photos.openQueue(redis.url);
  await using folder = await CliFolder.create();
  await photos.enqueue(queue.queue);
  const named = ["--queue", queue.name, "--redis", redis.url, "--devices", "cpu"];
  // Blocks of 1,024 bytes. Ignored, the signal that comes with the limit becomes an error. A
  // measurement of coverage would be cut off, too.
  const script = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 440; exec "$@"`;
  const worker = [process.execPath, mainFile, "worker", ...named];
  const limited = folder.spawn("bash", ["-c", script, "bash", ...worker]);
  await using queues = await FleetQueues.open({ connection: redis.url, queue: queue.name });
  const isLeft = async () => {
    const { workers } = await readFleetStatus(queues);
    return workers.some(({ notServed }) => notServed?.some(({ reason }) => /^NO_SP/.test(reason)));
  };
  while (!(await isLeft())) await sleep(20);
  limited.child.kill("SIGTERM");
  assert.equal((await limited.outcome).status, 0);
  const left = await queue.queue.getJobs(["waiting"]);
  const results = await photos.results();
  assert.equal(left.length, 60 - results.length);
  assert.ok(left.length > 0);
  for (const { attemptsMade } of left) assert.equal(attemptsMade, 0);

  await using _worker = await photos.startWorker(queue);
  await untilDone(queue.queue);
  assert.equal((await photos.results()).length, 60);
  assert.equal(await queue.queue.getFailedCount(), 0);
});

const celery = findCelery();
const skip = "missing" in celery && celery.missing;

test("a Celery task waits for a worker that is not overtaken", { skip }, async () => {
  await using server = await RedisServer.start();
  await using photos = await PhotosToCount.create(2);
  const settings = photos.celerySettings({ broker: server.url, resultBackend: server.url });
  const queue = { name: "celery", connection: server.url };
  await using client = await CeleryClient.start((celery as { python: string }).python, server.url);
  {
    const fleet = new TestFleet(queue, { task: celeryModuleUrl, settings });
    await fleet.until("ready");
    await setVersion(photos, 999);
    await client.run(`
use("celery", backend=${JSON.stringify(server.url)})
sent = [app.send_task("orangery.count", [f"${photos.folder}/{n:05}.jpg"]) for n in range(2)]`);
    await assert.rejects(fleet.ended, { code: "LEDGER_NEWER" });
  }
  assert.deepEqual(await client.run("answer = [r.state for r in sent]"), ["PENDING", "PENDING"]);

  await setVersion(photos, schemaVersion);
  await using fleet = new TestFleet(queue, { task: celeryModuleUrl, settings });
  await fleet.until("ready");
  const states = await client.run("answer = [outcome(r)[0] for r in sent]");
  assert.deepEqual(states, ["SUCCESS", "SUCCESS"]);
  assert.equal((await photos.results()).length, 2);
});

test("results without the right to record are left to others until it is granted", async () => {
  const owner = `owner_${crypto.randomUUID().replaceAll("-", "")}`;
  await execute(`create role ${owner} login; create schema authorization ${owner}`);
  const url = new URL(postgres.url);
  url.username = owner;
  await using photos = await PhotosToCount.create(4, url.href);
  await using queue = await photos.openQueue(redis.url);
  await using serving = await photos.startWorker(queue, {}, { followMs: 20, retryMs: 20 });
  const { worker } = serving;
  await photos.enqueue(queue.queue, [photos.photo(0)]);
  await untilDone(queue.queue);
  await writeFile(photos.photo(4), "no photo");
  await execute(`revoke insert on ${owner}.photo from ${owner}`);
  await photos.enqueue(queue.queue);
  while (worker.counts.returned < 8) await sleep(20);
  assert.equal(await queue.queue.getFailedCount(), 0);
  assert.equal((await photos.results()).length, 1);

  await execute(`grant insert on ${owner}.photo to ${owner}`);
  await untilDone(queue.queue);
  assert.equal((await photos.results()).length, 4);
  assert.deepEqual(await photos.failures(), { [photos.photo(4)]: "PHOTO_UNREADABLE" });
  assert.equal(worker.counts.failed, 1);
});
