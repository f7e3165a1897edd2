import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { openLedger } from "../../ledger/open-ledger.ts";
import { schemaVersion } from "../../ledger/schema/migrations.ts";
import { compareClocks } from "./clock.ts";
import { lookAtPostgres } from "./postgres.ts";
import { lookAtRedis } from "./redis.ts";
import { lookAtResultsFile } from "./results-file.ts";

describe("a results file", () => {
  const folder = mkdtempSync(join(tmpdir(), "orangery-doctor-results-"));
  after(() => rmSync(folder, { recursive: true }));

  function makeDatabase(name: string, sql: string): string {
    const file = join(folder, name);
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
    return file;
  }

  test("that is there, and one that is not there yet, are green and stay as they are", async () => {
    const file = join(folder, "good", "results.db");
    await (await openLedger(file))[Symbol.asyncDispose]();
    const before = readFileSync(file);
    const found = await lookAtResultsFile(file);
    assert.equal(found.verdict, "green");
    assert.equal(found.figures?.schemaVersion, schemaVersion);
    assert.deepEqual(readdirSync(join(folder, "good")), ["results.db"]);
    assert.deepEqual(readFileSync(file), before);
    const none = await lookAtResultsFile(join(folder, "good", "other.db"));
    assert.deepEqual([none.verdict, readdirSync(join(folder, "good"))], ["green", ["results.db"]]);
  });

  test("with which a run is at work has the schema that it has now", async () => {
    const file = join(folder, "busy.db");
    await using ledger = await openLedger(file);
    assert.equal((await lookAtResultsFile(ledger.location)).figures?.schemaVersion, schemaVersion);
  });

  test("of an older schema is green, and is not migrated", async () => {
    const ours = "pragma application_id = 0x4f524e47; pragma user_version";
    const file = makeDatabase("older.db", `create table t (x); ${ours} = 3`);
    const found = await lookAtResultsFile(file);
    assert.equal(found.verdict, "green");
    assert.match(found.sentence, /schema 3, brought up to \d+ when it is opened/);
    const kept = new DatabaseSync(file, { readOnly: true });
    assert.equal(kept.prepare("pragma user_version").get()!.user_version, 3);
    kept.close();
  });

  test("that cannot be used is red, with what to do", async () => {
    const ours = "pragma application_id = 0x4f524e47; pragma user_version";
    writeFileSync(join(folder, "text.db"), "photo;count\na.jpg;3\n");
    mkdirSync(join(folder, "folder.db"));
    const rows: [file: string, sentence: RegExp][] = [
      [makeDatabase("newer.db", `create table t (x); ${ours} = 99`), /has schema 99, and .* knows/],
      [makeDatabase("other.db", "create table t (x)"), /a database of another program/],
      [join(folder, "text.db"), /is no SQLite database/],
      [join(folder, "folder.db"), /is a folder/],
      [join(folder, "text.db", "results.db"), /cannot be read: ENOTDIR/],
    ];
    for (const [file, sentence] of rows) {
      const found = await lookAtResultsFile(file);
      assert.equal(found.verdict, "red", file);
      assert.match(found.sentence, sentence);
      assert.ok(found.todo);
    }
  });
});

test("clocks are green by seconds, yellow by minutes, red where S3 refuses", () => {
  const reading = { server: "Redis", askedAtMs: 1_000_000, answeredAtMs: 1_000_400 };
  const rows: [serverMs: number, verdict: string, sentence: RegExp][] = [
    [1_000_200, "green", /^It agrees with the clock of Redis\.$/],
    [1_002_400, "green", /clock of Redis within 2\.0 s/],
    [1_060_400, "yellow", /1:00 min behind the clock of Redis/],
    [940_000, "yellow", /1:00 min ahead of the clock of Redis/],
    [3_000_000, "red", /behind/],
  ];
  for (const [serverMs, verdict, sentence] of rows) {
    const found = compareClocks({ ...reading, serverMs });
    assert.equal(found.verdict, verdict);
    assert.match(found.sentence, sentence);
  }
});

describe("a server that takes connections and never answers", () => {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on("error", () => {})));
  let port: number;
  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const timeoutMs = 100;

  test("in place of Redis is an error of the queue, in time", { timeout: 30_000 }, async () => {
    const place = { url: `redis://:geheim@127.0.0.1:${port}`, queue: "photos" };
    await assert.rejects(lookAtRedis(place, { timeoutMs }), { code: "QUEUE_UNREACHABLE" });
  });

  test("in place of PostgreSQL is one of the ledger", { timeout: 30_000 }, async () => {
    const url = `postgres://me:geheim@127.0.0.1:${port}/counts`;
    await assert.rejects(lookAtPostgres(url, { timeoutMs }), ({ code, message }) => {
      assert.equal(code, "LEDGER_UNREACHABLE");
      assert.doesNotMatch(message, /geheim/);
      return true;
    });
  });
});
