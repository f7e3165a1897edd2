/** Servers that do not answer: what is said of them, and that programs end all the same. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { isOrangeryError } from "../src/errors.ts";
import { applySignature } from "../src/fleet/celery/protocol/canvas.ts";
import { celeryModuleUrl } from "../src/fleet/celery/serve/celery-settings.ts";
import { OpenQueue } from "../src/fleet/queue/open-queue.ts";
import { readWorkers } from "../src/fleet/store/worker-status.ts";
import { PostgresLedger } from "../src/ledger/databases/postgres-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { CliFolder } from "./cli.fixture.ts";
import { type LogLine, recordingLogger, TestClient } from "./fleet.fixture.ts";
import { OwnCache, PhotosToCount, untilDone } from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { PostgresServer } from "./servers/postgres-server.ts";
import { RedisServer, uniqueName } from "./servers/redis-server.ts";

let postgres: PostgresServer;
let redis: RedisServer;
const stack = new AsyncDisposableStack();
before(async () => {
  stack.use(await OwnCache.create());
  postgres = stack.use(await PostgresServer.start());
  redis = stack.use(await RedisServer.start());
});
after(() => stack.disposeAsync());

/** Lets every new result of a schema wait, until it is disposed. */
async function holdResults(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("select pg_advisory_lock(1)");
  await client.query(`
    create function hang() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(1); return new; end';
    create trigger hang before insert on result for each row execute function hang();`);
  return {
    async untilOneWaits(): Promise<void> {
      const waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted";
      while ((await client.query(waiting)).rows.length === 0) await sleep(20);
    },
    release: () => client.query("select pg_advisory_unlock(1)"),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

test("results that are waited for are logged while they are, and when they come", async () => {
  await using schema = await postgres.createSchema();
  const lines: LogLine[] = [];
  await using ledger = await PostgresLedger.open(schema.url, {
    silenceMs: 200,
    logger: recordingLogger(lines),
  });
  const store = await ResultStore.open(ledger, plainRecipe);
  lines.length = 0;
  await using held = await holdResults(schema.url);
  const recording = store.record([foundPhoto(1)]);
  while (lines.length === 0) await sleep(20);
  await held.release();
  await recording;
  const [warning] = lines;
  assert.ok(isOrangeryError(warning!.err, "LEDGER_UNREACHABLE"));
  assert.match(warning!.err.message, /within 0\.2 s, got none\. See whether the server hangs/);
  assert.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    [
      "warn The results database does not answer; waiting",
      "info The results database answers again",
    ],
  );
});

test("an access is left at once, and does not keep the database from closing", async () => {
  await using schema = await postgres.createSchema();
  const ledger = await PostgresLedger.open(schema.url);
  const leaving = new AbortController();
  const reading = ledger.read((db) => sql`select pg_sleep(3600)`.execute(db), leaving);
  setImmediate(() => leaving.abort(new Error("left")));
  await assert.rejects(reading, /left/);
  const unending = ledger.read((db) => sql`select pg_sleep(3600), 1`.execute(db));
  unending.catch(() => {});
  const asleep = sql`select 1 from pg_stat_activity where query = 'select pg_sleep(3600), 1'`;
  while ((await ledger.read((db) => asleep.execute(db))).rows.length === 0) await sleep(20);
  await ledger[Symbol.asyncDispose]();
  await assert.rejects(unending, { code: "INVALID_ARGUMENT", message: /was closed/ });
});

test("a worker whose results hang gives its jobs back at its deadline, and closes", async () => {
  await using schema = await postgres.createSchema();
  await using photos = await PhotosToCount.create(2, schema.url);
  await using queue = await photos.openQueue(redis.url);
  await using held = await holdResults(schema.url);
  await photos.enqueue(queue.queue);
  {
    await using working = await photos.startWorker(queue);
    await held.untilOneWaits();
    await working.worker.close({ deadlineMs: 0 });
  }
  const counts = await queue.queue.getJobCounts("waiting", "active", "failed", "delayed");
  assert.deepEqual(counts, { waiting: 2, active: 0, failed: 0, delayed: 0 });
  await held.release();
  await using _next = await photos.startWorker(queue);
  await untilDone(queue.queue);
  assert.equal((await photos.results()).length, 2);
});

test("a worker of Celery whose results hang ends by itself after its deadline", async () => {
  await using schema = await postgres.createSchema();
  await using photos = await PhotosToCount.create(1, schema.url);
  await using held = await holdResults(schema.url);
  const lines: LogLine[] = [];
  await using fleet = new TestFleet(
    { name: "celery", connection: redis.url },
    {
      task: celeryModuleUrl,
      settings: photos.celerySettings({ broker: redis.url, resultBackend: redis.url }),
      logger: recordingLogger(lines),
    },
  );
  await fleet.until("ready");
  const options = { task_id: uniqueName("count") };
  const signature = { task: "orangery.count", args: [photos.photo(0)], kwargs: {}, options };
  const after = { rootId: options.task_id, parentId: null };
  const { sent } = applySignature(signature, after, { routes: {}, defaultQueue: "celery" });
  using client = new TestClient(redis.url);
  await client.redis.lpush("celery", JSON.stringify(sent[0]!.envelope));
  await held.untilOneWaits();
  fleet.supervisor.stop({ deadlineMs: 0 });
  await fleet.ended;
  assert.deepEqual(
    lines.filter(({ message }) => /do not end and are killed/.test(message)),
    [],
  );
});

test("a worker's status has what its jobs wait for", async () => {
  await using schema = await postgres.createSchema();
  await using photos = await PhotosToCount.create(1, schema.url);
  await using queue = await photos.openQueue(redis.url);
  await using base = await OpenQueue.open({ connection: redis.url, queue: queue.name });
  await using _working = await photos.startWorker(queue);
  const reasons = async () =>
    (await readWorkers(base.bullmq)).flatMap(({ notServed = [] }) => notServed);
  await queue.queue.pause();
  await photos.enqueue(queue.queue);
  await postgres.down();
  try {
    await queue.queue.resume();
    let found = await reasons();
    for (; found.length === 0; found = await reasons()) await sleep(20);
    assert.match(found[0]!.reason, /^LEDGER_UNREACHABLE: Expected to reach the results database/);
  } finally {
    await postgres.up();
  }
  await untilDone(queue.queue);
  while ((await reasons()).length > 0) await sleep(20);
});

test("a worker whose Redis hangs closes after its deadline", async () => {
  await using hanging = await RedisServer.start();
  await using photos = await PhotosToCount.create(1);
  await using queue = await photos.openQueue(hanging.url);
  await photos.enqueue(queue.queue);
  await using working = await photos.startWorker(queue, {}, { followMs: 5 });
  await untilDone(queue.queue);
  hanging.hang();
  try {
    // Until it waits for an answer: new recipes are asked for every few milliseconds.
    await sleep(100);
    await working.worker.close({ deadlineMs: 0 });
  } finally {
    hanging.goOn();
  }
});

test("orangery worker ends with 0 on SIGTERM, also before it has reached the queue", async () => {
  await using folder = await CliFolder.create();
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as { port: number };
  const worker = folder.start(
    "worker",
    "--devices",
    "cpu",
    "--queue-url",
    `redis://127.0.0.1:${port}`,
  );
  const [socket] = await once(silent, "connection");
  worker.child.kill("SIGTERM");
  const { status, signal, stderr } = await worker.outcome;
  socket.destroy();
  silent.close();
  assert.deepEqual([status, signal], [0, null], stderr);
});

test("orangery enqueue says that it waits for the results, and goes on", async () => {
  await using folder = await CliFolder.create();
  await using schema = await postgres.createSchema();
  await folder.writePhotos(["photos/a.jpg"]);
  await postgres.down();
  const command = folder.start(
    ...["enqueue", "photos", "--detect", "sample:seedlings"],
    ...["--queue-url", redis.url, "--results", schema.url],
  );
  const noted = Promise.withResolvers<void>();
  command.child.stderr!.on("data", (text) => {
    if (/results database .* Waiting for it\./.test(String(text))) noted.resolve();
  });
  await Promise.race([noted.promise, command.outcome]);
  await postgres.up();
  const { status, stdout } = await command.outcome;
  assert.deepEqual([status, /1 added/.test(stdout)], [0, true], stdout);
  await noted.promise;
});

test("a command that reads ends on SIGTERM, whatever it waits for", async () => {
  await using folder = await CliFolder.create();
  await using schema = await postgres.createSchema();
  await using ledger = await PostgresLedger.open(schema.url);
  const store = await ResultStore.open(ledger, plainRecipe);
  await store.record([foundPhoto(1)]);
  const client = new pg.Client({ connectionString: schema.url });
  await client.connect();
  await client.query("begin; lock table entry in access exclusive mode");
  const command = folder.start("summary", schema.url);
  const waiting = "select 1 from pg_locks where relation = 'entry'::regclass and not granted";
  while ((await client.query(waiting)).rows.length === 0) await sleep(20);
  command.child.kill("SIGTERM");
  const { status, stdout } = await command.outcome;
  await client.end();
  assert.deepEqual([status, stdout], [143, ""]);
});
