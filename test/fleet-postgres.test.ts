/** A queue in PostgreSQL that cannot be used, and what is said and done about it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Job, UnrecoverableError, Worker } from "bullmq";
import pg from "pg";
import { type ErrorCode, isOrangeryError } from "../src/errors.ts";
import { createWorker } from "../src/fleet/bullmq.ts";
import { OpenQueue } from "../src/fleet/queue/open-queue.ts";
import { serverOf } from "../src/fleet/queue/queue-server.ts";
import { CliFolder } from "./cli.fixture.ts";
import { GivenTask, type LogLine, recordingLogger, TestQueue } from "./fleet.fixture.ts";
import { freePort } from "./servers/free-port.ts";
import { PostgresServer, userWithPassword } from "./servers/postgres-server.ts";
import { uniqueName } from "./servers/redis-server.ts";

let postgres: PostgresServer;

before(async () => {
  postgres = await PostgresServer.start();
  await execute("create role nobody_special login", "create role crowded login connection limit 1");
  await execute(`create role ${userWithPassword} login password 'secret'`);
});
after(() => postgres[Symbol.asyncDispose]());

async function execute(...statements: string[]): Promise<void> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

/** A database of its own, without a queue. */
async function createDatabase(): Promise<string> {
  const name = uniqueName("queue").replaceAll("-", "_");
  await execute(`create database ${name}`);
  return name;
}

function urlOf(database: string, user = "postgres"): string {
  const url = new URL(postgres.url);
  url.pathname = `/${database}`;
  url.username = user;
  return url.href;
}

async function refusal(code: ErrorCode, connection: string, isMade = true): Promise<string> {
  const options = { connection, queue: "photos", isMade, timeoutMs: 2_000 };
  const error: unknown = await OpenQueue.open(options).then(
    (queue) => queue[Symbol.asyncDispose](),
    (reason: unknown) => reason,
  );
  assert.ok(isOrangeryError(error, code), String(error));
  assert.doesNotMatch(error.message, /secret/);
  return error.message;
}

describe("a queue in PostgreSQL is refused", () => {
  test("where there is none and it is only looked at", async () => {
    await refusal("QUEUE_NOT_FOUND", urlOf(await createDatabase()), false);
  });

  test("where there is no such database", async () => {
    await refusal("QUEUE_NOT_FOUND", urlOf("nowhere"));
  });

  test("where it is in an encoding that lacks letters", async () => {
    const name = uniqueName("latin").replaceAll("-", "_");
    await execute(`create database ${name} encoding 'LATIN1' locale 'C' template template0`);
    assert.match(await refusal("QUEUE_REFUSED", urlOf(name)), /got one in LATIN1\. Make one with/);
  });

  test("where its schemas may not be made, with the grant that is missing", async () => {
    const database = await createDatabase();
    const url = urlOf(database, "nobody_special");
    const message = await refusal("QUEUE_ACCESS_DENIED", url);
    const grant = /grant create on database .* to .*;/.exec(message)![0];
    await execute(grant);
    await using queue = new TestQueue(url);
    await queue.add({});
  });

  test("where its tables are another user's", async () => {
    const database = await createDatabase();
    await using queue = new TestQueue(urlOf(database));
    await queue.add({});
    const message = await refusal("QUEUE_ACCESS_DENIED", urlOf(database, "nobody_special"));
    assert.match(message, /grant OWNER to USER/);
  });

  test("where the password is wrong", async () => {
    const url = new URL(urlOf("postgres", userWithPassword));
    url.password = "another-secret";
    await refusal("QUEUE_ACCESS_DENIED", url.href);
  });

  test("where the server is away", async () => {
    const message = await refusal(
      "QUEUE_UNREACHABLE",
      `postgres://me:secret@127.0.0.1:${await freePort()}/photos`,
    );
    assert.match(message, /PostgreSQL within 2 s, got .*ECONNREFUSED.*--queue-url/);
  });

  test("where the user has no connection left", async () => {
    const busy = new pg.Client(urlOf("postgres", "crowded"));
    await busy.connect();
    try {
      const message = await refusal("QUEUE_NOT_READY", urlOf("postgres", "crowded"));
      assert.match(message, /max_connections/);
    } finally {
      await busy.end();
    }
  });

  test("where the password in its URL is not encoded", async () => {
    await refusal("INVALID_ARGUMENT", "postgres://me:se/cret@localhost/photos");
  });

  test("where a newer Orangery has been", async () => {
    const url = urlOf(await createDatabase());
    await (await OpenQueue.open({ connection: url, queue: "photos", isMade: true }))[
      Symbol.asyncDispose
    ]();
    const client = new pg.Client(url);
    await client.connect();
    await client.query("update orangery_queue.version set version = version + 1");
    await client.end();
    const message = await refusal("QUEUE_REFUSED", url);
    assert.match(message, /Update this one/);
  });
});

const pgbouncer = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((file) => existsSync(file));

test("a pooler is refused in transaction mode, and serves in session mode", {
  skip: pgbouncer === undefined && "there is no pgbouncer (Debian: apt-get install pgbouncer)",
}, async () => {
  const database = await createDatabase();
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "orangery-pgbouncer-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o755);
  const poolerUrl = async (mode: "transaction" | "session"): Promise<string> => {
    const port = await freePort();
    const settings = [
      "[databases]",
      `* = host=127.0.0.1 port=${new URL(postgres.url).port} user=postgres`,
      "[pgbouncer]",
      `listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =`,
      `auth_type = any\npool_mode = ${mode}\nignore_startup_parameters = options`,
    ];
    const file = join(folder, `${mode}.ini`);
    await writeFile(file, settings.join("\n"));
    // It does not run as root.
    const asUser = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const pooler = spawn(pgbouncer!, [file], { stdio: "ignore", ...asUser });
    stack.defer(() => void pooler.kill("SIGKILL"));
    const url = `postgres://postgres@127.0.0.1:${port}/${database}`;
    for (const limit = AbortSignal.timeout(20_000); ; limit.throwIfAborted()) {
      const client = new pg.Client(url);
      const isThere = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => {});
      if (isThere) return url;
    }
  };
  const message = await refusal("QUEUE_REFUSED", await poolerUrl("transaction"));
  assert.match(message, /pooler in transaction mode/);
  await using queue = new TestQueue(await poolerUrl("session"));
  await queue.add({});
});

test("a job whose worker is gone is the next one", async () => {
  const database = await createDatabase();
  const url = urlOf(database);
  await using queue = new TestQueue(url);
  for (const photo of ["first", "second"]) await queue.add({ photo });
  const { options, backend } = serverOf({ connection: url, queue: queue.name });
  const fast = { ...options, stalledInterval: 1 };
  const dead = new Worker(queue.name, null, fast, backend);
  const other = new Worker(queue.name, null, fast, backend);
  await using stack = new AsyncDisposableStack();
  stack.defer(() => other.close());
  stack.defer(() => dead.close());
  const taken = await dead.getNextJob("dead");
  assert.equal(taken?.data.photo, "first");
  const client = new pg.Client(url);
  await client.connect();
  stack.defer(() => client.end());
  await client.query("update bullmq.job set locked_until_ms = 1 where state = 'active'");
  await other.startStalledCheckTimer();
  const limit = AbortSignal.timeout(60_000);
  while ((await queue.queue.getActiveCount()) > 0) limit.throwIfAborted();
  assert.equal((await other.getNextJob("other"))?.id, taken.id);
});

for (const hours of [-2, 2]) {
  test(`a job is locked by the server's clock, whose worker's is ${hours} h off`, async (t) => {
    const url = urlOf(await createDatabase());
    await using queue = new TestQueue(url);
    for (const photo of ["first", "second", "third"]) await queue.add({ photo });
    const { options, backend } = serverOf({ connection: url, queue: queue.name });
    await using stack = new AsyncDisposableStack();
    const worker = new Worker(queue.name, null, { ...options, lockDuration: 30_000 }, backend);
    stack.defer(() => worker.close());
    const client = new pg.Client(url);
    await client.connect();
    stack.defer(() => client.end());
    const isLockedFor30s = async () => {
      const { rows } = await client.query(`
        select locked_until_ms - extract(epoch from clock_timestamp()) * 1000 as left_ms
        from bullmq.job where state = 'active'`);
      assert.equal(rows.length, 1);
      assert.ok(rows[0].left_ms > 0 && rows[0].left_ms <= 30_000, `${rows[0].left_ms} ms`);
    };
    const now = Date.now.bind(Date);
    t.mock.method(Date, "now", () => now() + hours * 3_600_000);
    const first = await worker.getNextJob("token");
    await isLockedFor30s();
    const [, secondId] = (await first!.moveToCompleted(1, "token")) as [unknown, string];
    await isLockedFor30s();
    const second = await Job.fromId(worker, secondId);
    await second!.moveToFailed(new UnrecoverableError("no"), "token", true);
    await isLockedFor30s();
    assert.equal(await queue.queue.getFailedCount(), 1);
  });
}

test("a worker waits for a server that takes no writes, and loses nothing", async () => {
  const database = await createDatabase();
  const url = urlOf(database);
  const limit = AbortSignal.timeout(60_000);
  const lines: LogLine[] = [];
  await using queue = new TestQueue(url);
  await using worker = createWorker(new GivenTask(() => "done"), {
    connection: url,
    queue: queue.name,
    logger: recordingLogger(lines),
  });
  await worker.ready;
  const setReadOnly = async (isReadOnly: boolean) => {
    await execute(
      `alter database ${database} set default_transaction_read_only = ${isReadOnly}`,
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${database}'`,
    );
  };
  let pauseMs = 1000;
  let endAt = performance.now();
  while (worker.trouble?.code !== "QUEUE_READ_ONLY") {
    limit.throwIfAborted();
    // A connection that is just being made is not among those that are ended. More and more rarely:
    // on a slow machine a worker needs time to find out.
    if (performance.now() >= endAt) {
      await setReadOnly(true);
      endAt = performance.now() + pauseMs;
      pauseMs *= 2;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await setReadOnly(false);
  const job = await queue.add({});
  assert.equal(await queue.result(job), "done");
  const warnings = lines.filter(({ level }) => level === "warn");
  assert.ok(warnings.length <= 5, "each kind of trouble is logged once");
});

test("the command line names the server once, and prints no password", async () => {
  await using folder = await CliFolder.create();
  const url = `postgres://me:secret@127.0.0.1:${await freePort()}/photos`;
  const twice = await folder.run("status", "--queue-url", url, "--redis", "redis://localhost");
  assert.equal(twice.status, 2);
  assert.match(twice.stderr, /give --queue-url or --redis, not both/);
  const empty = urlOf(await createDatabase());
  const none = await folder.run("status", "--queue-url", empty);
  assert.equal(none.status, 1);
  assert.match(none.stderr, /there is none\. Add photos with `orangery enqueue`.*QUEUE_NOT_FOUND/);
  await (await OpenQueue.open({ connection: empty, queue: "photos", isMade: true }))[
    Symbol.asyncDispose
  ]();
  const unknown = await folder.run("status", "--queue", "unknown", "--queue-url", empty);
  assert.equal(unknown.status, 0);
  assert.match(unknown.stdout, /^There is no queue unknown yet: it has no jobs, recipes/);
});
