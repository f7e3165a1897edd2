/** A results database of PostgreSQL that is dropped, or made anew, while it is in use. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { type LogLine, recordingLogger } from "./fleet.fixture.ts";
import { OwnCache, PhotosToCount, untilDone } from "./fleet-photos.fixture.ts";
import { openPostgres, type PostgresForTests } from "./servers/postgres-server.ts";
import { openRedis } from "./servers/redis-server.ts";

let postgres: PostgresForTests;
const stack = new AsyncDisposableStack();
before(async () => {
  stack.use(await OwnCache.create());
  postgres = stack.use(await openPostgres());
});
after(() => stack.disposeAsync());

/** Runs statements in the schema of the URL. */
async function execute(url: string, ...statements: string[]): Promise<pg.QueryResult["rows"]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: pg.QueryResult["rows"] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** Drops the schema with all that is in it, and makes it again. */
async function makeAnew(url: string): Promise<void> {
  const [, name] = /search_path=(\w+)/.exec(decodeURIComponent(url))!;
  await execute(url, `drop schema ${name} cascade`, `create schema ${name}`);
}

test("results are not recorded in a database that took the place of another", async () => {
  await using schema = await postgres.createSchema();
  await using ledger = await openLedger(schema.url);
  const store = await ResultStore.open(ledger, plainRecipe);
  const refused = { code: "LEDGER_NOT_FOUND", message: /dropped or made anew since\. Restore it/ };
  await makeAnew(schema.url);
  await assert.rejects(store.record([foundPhoto(1)]), refused);
  await (await openLedger(schema.url))[Symbol.asyncDispose]();
  await assert.rejects(store.record([foundPhoto(1)]), refused);
  assert.deepEqual(await execute(schema.url, "select * from result"), []);
});

test("a worker gives its jobs back, says why, and goes on when the results are restored", async () => {
  await using redis = await openRedis();
  await using schema = await postgres.createSchema();
  await using photos = await PhotosToCount.create(4, schema.url);
  await using queue = await photos.openQueue(redis.url);
  await photos.enqueue(queue.queue, [photos.photo(0)]);
  const lines: LogLine[] = [];
  const reasons = () => lines.map(({ reason }) => String(reason ?? ""));
  const untilSaid = async (reason: RegExp) => {
    while (!reasons().some((text) => reason.test(text))) await sleep(10);
  };
  await using _worker = await photos.startWorker(
    queue,
    { results: undefined },
    { followMs: 20, retryMs: 100, logger: recordingLogger(lines) },
  );
  await untilDone(queue.queue);
  await queue.queue.pause();
  await photos.enqueue(queue.queue);
  const [{ id }] = await execute(schema.url, "select id from identity");
  await makeAnew(schema.url);
  await queue.queue.resume();
  await untilSaid(/no results at postgres/);
  // The worker has made no tables there.
  const tables = "select 1 from pg_tables where schemaname = current_schema()";
  assert.deepEqual(await execute(schema.url, tables), []);
  await (await openLedger(schema.url))[Symbol.asyncDispose]();
  await untilSaid(/got one that was made anew\. Restore the old one/);
  assert.deepEqual(await execute(schema.url, "select * from result"), []);
  await execute(schema.url, `update identity set id = '${id}'`);
  await untilDone(queue.queue);
  assert.equal(await queue.queue.getFailedCount(), 0);
});
