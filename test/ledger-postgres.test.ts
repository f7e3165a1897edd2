import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { type ErrorCode, isOrangeryError } from "../src/errors.ts";
import { postgresMigrationDialect } from "../src/ledger/databases/postgres-dialect.ts";
import { ledgerConformance } from "../src/ledger/ledger-conformance.fixture.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { ResultWriter } from "../src/ledger/results/result-writer.ts";
import { readResults } from "../src/ledger/results/stored-results.ts";
import {
  assertBroughtForward,
  oldVersions,
  writeOldLedger,
} from "../src/ledger/schema/old-ledger.fixture.ts";
import { CliFolder, quickModel } from "./cli.fixture.ts";
import { type LogLine, recordingLogger } from "./fleet.fixture.ts";
import { openPostgres, type PostgresForTests, PostgresServer } from "./servers/postgres-server.ts";
import { openRedis, uniqueName } from "./servers/redis-server.ts";

async function rejectsWith(code: ErrorCode, message: RegExp, action: Promise<unknown>) {
  await assert.rejects(action, (error) => {
    assert.ok(isOrangeryError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function countResults(url: string): Promise<number> {
  await using ledger = await openLedger(url, { readOnly: true });
  let count = 0;
  for await (const _ of readResults(ledger)) count++;
  return count;
}

describe("a results database of PostgreSQL", () => {
  let server: PostgresForTests;
  before(async () => {
    server = await openPostgres();
  });
  after(async () => await server[Symbol.asyncDispose]());

  for (const { name, check } of ledgerConformance) {
    test(name, async () => {
      await using schema = await server.createSchema();
      await check(schema.url);
    });
  }

  test("has a location without the password", async () => {
    await using schema = await server.createSchema();
    const url = new URL(schema.url);
    url.password = "secret";
    await using ledger = await openLedger(url.href);
    assert.doesNotMatch(ledger.location, /secret/);
  });

  test("is not made among another program's tables, which stay as they are", async () => {
    await using schema = await server.createSchema();
    await execute(schema.url, "create table job (mine integer)");
    await rejectsWith("LEDGER_UNREADABLE", /another program's/, openLedger(schema.url));
    await execute(schema.url, "insert into job (mine) values (1)");
    await execute(schema.url, "create table recipe (mine integer)");
  });

  for (const version of oldVersions) {
    test(`of version ${version} is brought up to date, without loss`, async () => {
      await using schema = await server.createSchema();
      const pool = new pg.Pool({ connectionString: schema.url });
      const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
      await writeOldLedger(db, postgresMigrationDialect, version);
      await sql`create table ledger_version (version integer not null)`.execute(db);
      await sql`insert into ledger_version values (${version})`.execute(db);
      await db.destroy();
      await assertBroughtForward(schema.url);
      await assertBroughtForward(schema.url);
    });
  }

  test("of a newer version is refused and says both versions", async () => {
    await using schema = await server.createSchema();
    await (await openLedger(schema.url))[Symbol.asyncDispose]();
    await execute(schema.url, "update ledger_version set version = 99");
    await rejectsWith(
      "LEDGER_NEWER",
      /version \d+ or older, .* version 99/,
      openLedger(schema.url),
    );
  });

  test("in an encoding that lacks letters is not made", async () => {
    const name = `latin_${crypto.randomUUID().replaceAll("-", "")}`;
    const encoded = `encoding 'LATIN1' locale 'C' template template0`;
    await execute(server.url, `create database ${name} ${encoded}`);
    const url = new URL(server.url);
    url.pathname = `/${name}`;
    await rejectsWith("LEDGER_REFUSED", /in LATIN1, which lacks/, openLedger(url.href));
    await execute(server.url, `drop database ${name} with (force)`);
  });

  test("is made and updated in more time than the server allows a query", async () => {
    await using schema = await server.createSchema();
    const url = new URL(schema.url);
    const options = url.searchParams.get("options");
    url.searchParams.set("options", `${options} -c statement_timeout=1s -c lock_timeout=1s`);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await using _closed = { [Symbol.asyncDispose]: () => client.end() };
    // Another process is at it.
    await client.query("select pg_advisory_lock(1330794055)");
    let isWaiting = true;
    const opening = openLedger(url.href, { busyTimeoutMs: 0 }).finally(() => {
      isWaiting = false;
    });
    const waitsLong = `
      select 1 from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory'
      and not granted and clock_timestamp() - query_start > interval '1500 ms'`;
    while (isWaiting && (await client.query(waitsLong)).rowCount === 0);
    await client.query("select pg_advisory_unlock(1330794055)");
    await using ledger = await opening;
    assert.match(await ledger.identity(), /^[0-9a-f-]{36}$/);
  });

  test("has a trouble until no access fails any more, and reports it once", async () => {
    await using schema = await server.createSchema();
    const lines: LogLine[] = [];
    await using ledger = await openLedger(schema.url, { logger: recordingLogger(lines) });
    let attempts = 0;
    await ledger.read(async (db) => {
      // Another access succeeds while this one does not.
      await ledger.identity();
      const fail = sql`do $$ begin raise exception using errcode = '40001'; end $$`;
      if (++attempts < 4) await fail.execute(db);
    });
    assert.equal(attempts, 4);
    assert.deepEqual(
      lines.map(({ level }) => level),
      ["warn", "info"],
    );
  });

  test("that does not exist is refused at once", async () => {
    await using schema = await server.createSchema();
    const url = new URL(schema.url);
    url.pathname = "/no_such_database";
    await rejectsWith("LEDGER_NOT_FOUND", /no_such_database/, openLedger(url.href));
  });

  test("without the package `pg` is refused with what to install", async () => {
    const script = `
      import { registerHooks } from "node:module";
      registerHooks({
        resolve(specifier, context, next) {
          const error = Object.assign(new Error("none"), { code: "ERR_MODULE_NOT_FOUND" });
          if (specifier === "pg") throw error;
          return next(specifier, context);
        },
      });
      const { openLedger } = await import("./src/ledger/open-ledger.ts");
      await openLedger("postgres://localhost/results")
        .catch(({ code, message }) => console.log(code, message));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script],
      { cwd: join(import.meta.dirname, "..") },
    );
    assert.match(stdout, /^PACKAGE_MISSING .*npm install pg/);
  });
});

describe("a PostgreSQL server that goes away", () => {
  let server: PostgresServer;
  before(async () => {
    server = await PostgresServer.start();
  });
  after(async () => await server[Symbol.asyncDispose]());

  for (const end of ["down", "kill"] as const) {
    test(`and comes back (${end}) costs no result and doubles none`, async () => {
      await using schema = await server.createSchema();
      await using ledger = await openLedger(schema.url);
      const store = await ResultStore.open(ledger, plainRecipe);
      await using writer = new ResultWriter(store, { maxBatch: 8, maxDelayMs: 0 });
      let next = 0;
      let left = 2;
      const lane = async () => {
        while (left > 0 || next < 200) await writer.record(foundPhoto(next++));
      };
      const lanes = Promise.all(Array.from({ length: 16 }, lane));
      for (; left > 0; left--) {
        const before = next;
        while (next < before + 40) await new Promise((resolve) => setTimeout(resolve, 5));
        await server[end]();
        await server.up();
      }
      await lanes;
      assert.equal(await countResults(schema.url), next);
      const { rows } = await ledger.read((db) =>
        sql<{ entries: number; results: number; objects: number }>`
          select (select count(*) from entry) as entries, (select count(*) from result) as results,
                 (select count(*) from result_objects) as objects`.execute(db),
      );
      assert.deepEqual({ ...rows[0] }, { entries: next, results: next, objects: next });
    });
  }

  test("and stays away is unreachable after the time allowed, and callers may leave", async () => {
    await using schema = await server.createSchema();
    const lines: LogLine[] = [];
    const troubles: (ErrorCode | undefined)[] = [];
    await using hasty = await openLedger(schema.url, {
      busyTimeoutMs: 100,
      logger: recordingLogger(lines),
      onTrouble: (error) => troubles.push(isOrangeryError(error) ? error.code : undefined),
    });
    await using patient = await openLedger(schema.url);
    const store = await ResultStore.open(hasty, plainRecipe);
    const patientStore = await ResultStore.open(patient, plainRecipe);
    await server.down();
    try {
      await rejectsWith("LEDGER_UNREACHABLE", /server runs/, store.record([foundPhoto(1)]));
      assert.deepEqual(
        lines.map(({ level, message }) => `${level} ${message}`),
        ["warn The results database failed; trying again"],
      );
      await rejectsWith(
        "LEDGER_UNREACHABLE",
        /server runs/,
        openLedger(schema.url, { busyTimeoutMs: 0 }),
      );
      const leave = new AbortController();
      const recording = patientStore.record([foundPhoto(2)], { signal: leave.signal });
      setTimeout(() => leave.abort(new Error("left")), 50);
      await assert.rejects(recording, /left/);
    } finally {
      await server.up();
    }
    await store.record([foundPhoto(3)]);
    assert.equal(await countResults(schema.url), 1);
    assert.equal(lines.at(-1)?.message, "The results database answers again");
    assert.deepEqual(troubles, ["LEDGER_UNREACHABLE", undefined]);
  });

  test("is waited for by workers that are started meanwhile, until they are to end", async () => {
    await using redis = await openRedis();
    await using folder = await CliFolder.create();
    await using schema = await server.createSchema();
    await folder.writePhotos(["photos/a.jpg"]);
    const queue = uniqueName("photos");
    const detect = ["--detect", quickModel[0]];
    const place = ["--queue", queue, "--queue-url", redis.url];
    const results = ["--results", schema.url];
    await folder.run("enqueue", "photos", ...detect, ...place, ...results);
    await folder.run("recipe", "make", ...detect, "--out", "recipe.json");
    await server.down();
    try {
      for (const work of [
        place,
        ["--broker", redis.url, "--queues", queue, "--recipe", "recipe.json"],
      ]) {
        const worker = folder.start("worker", "--devices", "cpu", ...work, ...results);
        const waits = Promise.withResolvers<void>();
        worker.child.stderr!.on("data", (lines) => {
          if (/results database failed; trying again/.test(String(lines))) waits.resolve();
        });
        await Promise.race([waits.promise, worker.outcome]);
        worker.child.kill("SIGTERM");
        const { status, stderr } = await worker.outcome;
        assert.equal(status, 0, stderr);
        assert.doesNotMatch(stderr, /do not end and are killed/);
      }
    } finally {
      await server.up();
    }
    const client = new Redis(redis.url);
    await client.del(...(await client.keys(`*${queue}*`)));
    client.disconnect();
  });
});
