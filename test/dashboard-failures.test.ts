/** The control room where a database goes away, two of them serve one file, or it is an old one. */
import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { Kysely } from "kysely";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import { QueueRoom } from "../src/dashboard/queue/queue-room.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { readActions } from "../src/ledger/actions/action-log.ts";
import {
  NodeSqliteDialect,
  sqliteMigrationDialect,
} from "../src/ledger/databases/sqlite-dialect.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { writeOldLedger } from "../src/ledger/schema/old-ledger.fixture.ts";
import { silentLogger } from "../src/logger.ts";
import { recordPhotos } from "../src/results/recorded-photos.fixture.ts";
import { PostgresServer } from "./servers/postgres-server.ts";
import { RedisServer, uniqueName } from "./servers/redis-server.ts";

const signal = () => AbortSignal.timeout(60_000);
const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-failures-"));

async function ask(base: string, path: string, body?: object) {
  const headers = { "content-type": "application/json" };
  const sent = body && { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(base + path, { ...sent, signal: signal() });
  return { status: answer.status, value: (await answer.json()) as Record<string, unknown> };
}

/** Reads what is sent until it matches. */
async function untilSent(
  parts: ReadableStreamDefaultReader<Uint8Array>,
  pattern: RegExp,
): Promise<string> {
  const decoder = new TextDecoder();
  for (let text = ""; ; ) {
    const { value, done } = await parts.read();
    assert.ok(!done, `It ended with ${text}`);
    text += decoder.decode(value);
    const line = text.split("\n").find((each) => pattern.test(each));
    if (line !== undefined) return line;
  }
}

describe("the control room", { timeout: 120_000 }, () => {
  test("says that the database is away, changes nothing, and goes on when it is back", async () => {
    await using server = await PostgresServer.start();
    await using schema = await server.createSchema();
    await using changes = await openLedger(schema.url, { busyTimeoutMs: 300 });
    const store = await ResultStore.open(changes, plainRecipe);
    await store.record([foundPhoto(1), foundPhoto(2)]);
    await using ledger = await openLedger(schema.url, { readOnly: true, busyTimeoutMs: 300 });
    await using room = await Dashboard.listen({ ledger, changes, port: 0 });
    const live = await fetch(`${room.url}api/live`, { signal: signal() });
    const parts = live.body!.getReader();
    await untilSent(parts, /"done":2/);

    await server.down();
    assert.match(await untilSent(parts, /trouble/), /reach the results database/);
    const away = await ask(room.url, "api/photos");
    assert.deepEqual([away.status, away.value.code], [503, "LEDGER_UNREACHABLE"]);
    const exclude = { by: "Anna", change: "exclude", ids: [1] };
    assert.equal((await ask(room.url, "api/management/photos", exclude)).status, 503);

    await server.up();
    assert.deepEqual((await ask(room.url, "api/management/photos", exclude)).value, { photos: 1 });
    await untilSent(parts, /"done":1,"failed":0,"excluded":1/);
    const actions = await readActions(ledger, { limit: 9 });
    assert.deepEqual(
      actions.map(({ number, endedAt }) => [number, endedAt !== undefined]),
      [[1, true]],
    );
    await parts.cancel();
  });

  test("says that the queue's server is away, and goes on when it is back", async () => {
    await using server = await RedisServer.start();
    const place = { connection: server.url, queue: uniqueName("room"), timeoutMs: 1_000 };
    await using fleet = await FleetQueues.open({ ...place, onTrouble: () => {} });
    await fleet.base.bullmq.add("job", {});
    const source = { name: place.queue, room: new QueueRoom(fleet, silentLogger), canChange: true };
    await using room = await Dashboard.listen({ queue: source, port: 0 });
    const status = () => ask(room.url, "api/queue/status");
    assert.equal((await status()).value.waiting, 1);
    // Without results there is the queue, and nothing else.
    const setup = (await ask(room.url, "api/setup")).value;
    assert.deepEqual([setup.hasResults, setup.recipes], [false, []]);
    assert.equal((await ask(room.url, "api/photos")).status, 404);

    await server.down();
    const away = await status();
    assert.deepEqual([away.status, away.value.code], [503, "QUEUE_UNREACHABLE"]);
    await server.up();
    // The client connects again by itself, a while later.
    while ((await status()).status !== 200) await new Promise((resolve) => setImmediate(resolve));
    const pause = { by: "Anna", isPaused: true };
    assert.equal((await ask(room.url, "api/queue/pause", pause)).status, 200);
    assert.equal((await status()).value.isPaused, true);
  });

  test("two of them on one file change each photo once, and both see it", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "results.db");
    const reason = { code: "PHOTO_UNREADABLE", message: "no picture" };
    await recordPhotos(
      file,
      Array.from({ length: 60 }, (_, i) => ({ source: `/${i}.jpg`, reason })),
    );
    await using stack = new AsyncDisposableStack();
    const urls: string[] = [];
    for (let i = 0; i < 2; i++) {
      const ledger = stack.use(await openLedger(file, { readOnly: true }));
      const changes = stack.use(await openLedger(file));
      urls.push(stack.use(await Dashboard.listen({ ledger, changes, port: 0 })).url);
    }
    const retry = { by: "Anna", change: "retry", query: "" };
    const answers = await Promise.all(urls.map((url) => ask(url, "api/management/photos", retry)));
    const numbers = answers.map(({ value }) => value.photos as number);
    assert.equal(numbers[0]! + numbers[1]!, 60);
    for (const url of urls) {
      const { value } = await ask(url, "api/management/count?change=exclude&state=waiting");
      assert.deepEqual(value, { photos: 60 });
    }
  });

  test("a file of an older version is brought up to date and shown, with nothing lost", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "results.db");
    const old = new DatabaseSync(file);
    await writeOldLedger(
      new Kysely({ dialect: new NodeSqliteDialect(old) }),
      sqliteMigrationDialect,
      1,
    );
    old.exec("pragma application_id = 0x4f524e47; pragma user_version = 1");
    old.close();
    await using ledger = await openLedger(file, { readOnly: true });
    await using changes = await openLedger(file);
    await using room = await Dashboard.listen({ ledger, changes, port: 0 });
    const list = await ask(room.url, "api/photos");
    const photos = list.value.photos as { name: string; state: string }[];
    assert.deepEqual(
      photos.map(({ name, state }) => `${name} ${state}`),
      ["a.jpg done", "b.jpg done", "c.jpg failed", "d.jpg waiting"],
    );
    const retry = { by: "Anna", change: "retry", query: "code=PHOTO_FAILED" };
    assert.deepEqual((await ask(room.url, "api/management/photos", retry)).value, { photos: 1 });
  });
});
