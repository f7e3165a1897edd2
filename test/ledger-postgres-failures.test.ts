/** Errors that a PostgreSQL server causes: each has a code and says what to do. */
import assert from "node:assert/strict";
import { rename, symlink } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { lookAtPostgres } from "../src/doctor/servers/postgres.ts";
import { lookAtPostgresQueue } from "../src/doctor/servers/postgres-queue.ts";
import { type ErrorCode, isOrangeryError } from "../src/errors.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { readResults } from "../src/ledger/results/stored-results.ts";
import { CliFolder, runCli } from "./cli.fixture.ts";
import { PostgresServer, userWithPassword } from "./servers/postgres-server.ts";

let server: PostgresServer;
before(async () => {
  server = await PostgresServer.start();
  await execute(
    "create role reader login",
    "create role single login connection limit 1",
    `create role ${userWithPassword} login password 'p/ss'`,
  );
});
after(async () => await server[Symbol.asyncDispose]());

async function execute(...statements: string[]): Promise<Record<string, string>[]> {
  return await query(server.url, ...statements);
}

async function query(url: string, ...statements: string[]): Promise<Record<string, string>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: Record<string, string>[] = [];
    for (const statement of statements) ({ rows } = await client.query(statement));
    return rows;
  } finally {
    await client.end();
  }
}

/** The URL of the server with changes. */
function urlWith(schema: string, changes: (url: URL) => void): string {
  const url = new URL(schema);
  changes(url);
  return url.href;
}

function asUser(schema: string, user: string, password = ""): string {
  return urlWith(schema, (url) => {
    url.username = user;
    url.password = password;
  });
}

async function rejectsWith(code: ErrorCode, message: RegExp, action: Promise<unknown>) {
  await assert.rejects(action, (error) => {
    assert.ok(isOrangeryError(error, code), String(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /p.{0,3}ss@|secret/);
    return true;
  });
}

/** A schema with results in it, and its name. */
async function createResults() {
  const schema = await server.createSchema();
  await using ledger = await openLedger(schema.url);
  const store = await ResultStore.open(ledger, plainRecipe);
  await store.record([foundPhoto(1)]);
  const [, name] = /search_path=(\w+)/.exec(decodeURIComponent(schema.url))!;
  return { url: schema.url, name: name! };
}

async function countResults(url: string): Promise<number> {
  await using ledger = await openLedger(url, { readOnly: true });
  let count = 0;
  for await (const _ of readResults(ledger)) count++;
  return count;
}

test("a wrong password, a missing one and an unknown user are refused at once", async () => {
  const { url } = await createResults();
  const percent = /percent-encoded/;
  await rejectsWith(
    "LEDGER_ACCESS_DENIED",
    percent,
    openLedger(asUser(url, userWithPassword, "secret")),
  );
  await rejectsWith("LEDGER_ACCESS_DENIED", percent, openLedger(asUser(url, userWithPassword)));
  await rejectsWith(
    "LEDGER_ACCESS_DENIED",
    /"role "nobody" does not/,
    openLedger(asUser(url, "nobody")),
  );
});

test("a password that is not percent-encoded is refused with how to write it", async () => {
  const written = server.url.replace("postgres@", `${userWithPassword}:p/ss@`);
  await rejectsWith(
    "INVALID_ARGUMENT",
    /not percent-encoded. Write \/ as %2F/,
    openLedger(written),
  );
  const encoded = asUser(server.url, userWithPassword, "p%2Fss");
  await rejectsWith(
    "LEDGER_NOT_FOUND",
    /no results at postgres:\/\/with_password@/,
    openLedger(encoded, { readOnly: true }),
  );
});

test("a database or a schema that is not there is refused at once", async () => {
  const database = urlWith(server.url, (url) => {
    url.pathname = "/nowhere";
  });
  await rejectsWith(
    "LEDGER_NOT_FOUND",
    /"database "nowhere" does not exist"/,
    openLedger(database),
  );
  const schema = urlWith(server.url, (url) => {
    url.search = "options=-c%20search_path%3Dnowhere";
  });
  await rejectsWith("LEDGER_NOT_FOUND", /create schema/, openLedger(schema));
});

test("a user without rights is refused with those that are needed; a reader may read", async () => {
  const { url, name } = await createResults();
  const asReader = asUser(url, "reader");
  const rights = /`usage` and `create` on the schema/;
  await rejectsWith("LEDGER_NOT_FOUND", /no `usage` of/, openLedger(asReader));
  await execute(`grant usage on schema ${name} to reader`);
  await rejectsWith("LEDGER_ACCESS_DENIED", rights, openLedger(asReader));
  await execute(`grant select on all tables in schema ${name} to reader`);
  assert.equal(await countResults(asReader), 1);
  await using ledger = await openLedger(asReader);
  await rejectsWith("LEDGER_ACCESS_DENIED", rights, ResultStore.open(ledger, plainRecipe));
});

test("a server without a free connection is busy after the time allowed", async () => {
  const { url, name } = await createResults();
  await execute(
    `grant usage on schema ${name} to single`,
    `grant select on all tables in schema ${name} to single`,
  );
  const asSingle = asUser(url, "single");
  {
    await using _only = await openLedger(asSingle, { readOnly: true });
    const another = openLedger(asSingle, { readOnly: true, busyTimeoutMs: 50 });
    await rejectsWith("LEDGER_BUSY", /too many connections.*Start fewer processes/, another);
  }
  await using _next = await openLedger(asSingle, { readOnly: true });
});

test("a server that takes no writes is read, refuses at once; workers wait for it", async () => {
  const { url } = await createResults();
  await execute("create role replica login superuser");
  await execute("alter role replica set default_transaction_read_only = on");
  const asReplica = asUser(url, "replica");
  assert.equal(await countResults(asReplica), 1);
  await using hasty = await openLedger(asReplica);
  const advice = /read-only transaction.*Connect to the primary server/;
  await rejectsWith("LEDGER_READ_ONLY", advice, ResultStore.open(hasty, plainRecipe));

  const { warned, logger } = createLogger();
  await using patient = await openLedger(asReplica, { busyTimeoutMs: Infinity, logger });
  const opening = ResultStore.open(patient, plainRecipe);
  assert.equal(await warned, "LEDGER_READ_ONLY");
  await execute(
    "alter role replica reset default_transaction_read_only",
    // A failover ends the connections.
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'replica'",
  );
  await opening;
});

test("a server whose disk is full refuses at once; workers wait for it", async () => {
  const { url } = await server.createSchema();
  await using hasty = await openLedger(url);
  const { warned, logger } = createLogger();
  await using patient = await openLedger(url, { busyTimeoutMs: Infinity, logger });
  const store = await ResultStore.open(hasty, plainRecipe);
  const patientStore = await ResultStore.open(patient, plainRecipe);
  const [, schema] = /search_path=(\w+)/.exec(decodeURIComponent(url))!;
  const [row] = await execute(`select pg_relation_filepath('${schema}.photo') as path`);
  const file = join(server.dataFolder, row!.path!);
  // The table is empty: its first page is written to a device that is always full.
  await server.down();
  await rename(file, `${file}.kept`);
  await symlink("/dev/full", file);
  await server.up();
  const advice = /No space left on device.*make room there/;
  await rejectsWith("LEDGER_FULL", advice, store.record([foundPhoto(1)]));
  const recording = patientStore.record([foundPhoto(2)]);
  assert.equal(await warned, "LEDGER_FULL");
  await server.down();
  await rename(`${file}.kept`, file);
  await server.up();
  await recording;
  assert.equal(await countResults(url), 1);
});

test("tables that were changed, and requests that are refused, have a code", async () => {
  const { url, name } = await createResults();
  await using ledger = await openLedger(url);
  const store = await ResultStore.open(ledger, plainRecipe);
  await execute(`create function ${name}.refuse() returns trigger language plpgsql as $$
    begin raise exception 'the trigger says no'; end $$`);
  await execute(
    `create trigger refuse before insert on ${name}.result execute function ${name}.refuse()`,
  );
  await rejectsWith("LEDGER_REFUSED", /"the trigger says no"/, store.record([foundPhoto(2)]));
  await execute(`alter table ${name}.entry rename to job`);
  const changed = store.knownSources([foundPhoto(1)]);
  await rejectsWith("LEDGER_UNREADABLE", /start again, with one version/, changed);
});

test("the command line prints them in one line, with the code", async () => {
  await using folder = await CliFolder.create();
  const { url } = await createResults();
  const wrong = asUser(url, userWithPassword, "secret");
  const { status, stderr } = await folder.run("report", wrong, "--quiet");
  assert.equal(status, 1);
  assert.match(stderr, /^orangery: Expected the server .*\[LEDGER_ACCESS_DENIED\]\n$/);
  assert.doesNotMatch(stderr, /secret|should not have happened/);
});

/** A logger, and the code of the first error that it warns of. */
function createLogger() {
  const { promise: warned, resolve } = Promise.withResolvers<string>();
  const silent = () => {};
  const warn = (fields: object) => resolve((fields as { err: { code: string } }).err.code);
  const logger = { debug: silent, info: silent, warn, error: silent, child: () => logger };
  return { warned, logger };
}

test("orangery doctor finds what a user may do, and makes and changes nothing", async () => {
  await using schema = await server.createSchema();
  const look = async (url: string) => {
    const found = await lookAtPostgres(url, { timeoutMs: 10_000 });
    const { verdict, sentence, todo = "" } = found.get("results")!;
    return { verdict, text: `${sentence} ${todo}`, clock: found.get("clock")!.verdict };
  };
  const own = await look(schema.url);
  assert.deepEqual([own.verdict, own.clock], ["green", "green"]);
  assert.match(own.text, /empty, its tables can be made/);
  const tables = "select tablename from pg_tables where schemaname = current_schema()";
  assert.deepEqual(await execute(tables), []);
  const denied = await look(asUser(schema.url, "reader"));
  assert.equal(denied.verdict, "red");
  assert.match(denied.text, /this user may use no schema .* Grant `usage` and `create`/);

  await (await openLedger(schema.url))[Symbol.asyncDispose]();
  const [{ name } = {}] = await query(schema.url, "select current_schema() as name");
  await execute(`grant usage on schema ${name} to reader`);
  await execute(`grant select on all tables in schema ${name} to reader`);
  const reading = await look(asUser(schema.url, "reader"));
  assert.equal(reading.verdict, "red");
  assert.match(reading.text, /may not write \w+ and \d+ other tables\. Grant `select`, `insert`/);
  await query(schema.url, "update ledger_version set version = 99");
  const newer = await look(schema.url);
  assert.deepEqual([newer.verdict, newer.clock], ["red", "green"]);
  assert.match(newer.text, /has results of schema 99, and this Orangery knows \d+ at most/);
  const standing = await look(
    urlWith(schema.url, (url) => {
      const options = url.searchParams.get("options");
      url.searchParams.set("options", `${options} -c default_transaction_read_only=on`);
    }),
  );
  assert.match(standing.text, /refuses writes .* Connect to the primary/);

  const queue = async (url: string) =>
    (await lookAtPostgresQueue(url, { timeoutMs: 10_000 })).get("queue")!;
  assert.match((await queue(schema.url)).sentence, /has no queue yet, and one can be made/);
  const reader = await queue(asUser(schema.url, "reader"));
  assert.deepEqual([reader.verdict, reader.figures?.mayCreate], ["red", false]);
});

test("orangery doctor names a wrong password without it", async () => {
  const url = asUser(server.url, userWithPassword, "secret");
  const { status, stdout, stderr } = await runCli(["doctor", "--json"], {
    env: { ORANGERY_RESULTS: url, REDIS_URL: "" },
  });
  assert.equal(status, 1);
  assert.doesNotMatch(stdout + stderr, /secret/);
  assert.match(stdout, /accept the user and the password/);
});
