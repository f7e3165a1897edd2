/** A real Redis that answers, but refuses: what commands and workers make of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Job, RedisConnection } from "bullmq";
import { Redis } from "ioredis";
import type { ErrorCode, OrangeryError } from "../src/errors.ts";
import { createWorker, type FleetWorkerOptions } from "../src/fleet/bullmq.ts";
import { OpenQueue } from "../src/fleet/queue/open-queue.ts";
import { readQueueStatus } from "../src/fleet/recipes/queue-status.ts";
import { CliFolder, jsonLines, quickModel, sourceProgram } from "./cli.fixture.ts";
import {
  GivenTask,
  type LogLine,
  recordingLogger,
  retryFailed,
  TestQueue,
  type Work,
} from "./fleet.fixture.ts";
import { OwnCache, PhotosToCount, untilDone } from "./fleet-photos.fixture.ts";
import { openRedis, RedisServer, uniqueName } from "./servers/redis-server.ts";

let cache: OwnCache;
before(async () => {
  cache = await OwnCache.create();
});
after(() => cache[Symbol.asyncDispose]());

/** A client that may do what others may not. */
function openAdmin(url: string): Redis & Disposable {
  const admin = new Redis(url, { maxRetriesPerRequest: null });
  admin.on("error", () => {});
  return Object.assign(admin, { [Symbol.dispose]: () => admin.disconnect() });
}

/** A Redis for one queue, and how it is brought to refuse. */
interface Refusal {
  readonly what: string;
  readonly code: ErrorCode;
  /** What to do. */
  readonly advice: RegExp;
  /** Returns the URL of a Redis that refuses. */
  readonly arrange: (stack: AsyncDisposableStack) => Promise<string>;
  /** Whether requests are served that only read. */
  readonly isReadable?: boolean;
  readonly queue?: string;
}

async function start(stack: AsyncDisposableStack, ...options: string[]): Promise<RedisServer> {
  return stack.use(await RedisServer.start({ fsync: "everysec", options }));
}

function withPassword(url: string, user: string): string {
  return url.replace("redis://", `redis://${user}@`);
}

async function startWithUser(stack: AsyncDisposableStack, rights: string): Promise<RedisServer> {
  return await start(stack, "--user", "some", "on", ">word", ...rights.split(" "));
}

async function startReplica(stack: AsyncDisposableStack): Promise<string> {
  const master = new URL((await start(stack, "--repl-diskless-sync-delay", "0")).url);
  const { url } = await start(stack, "--replicaof", master.hostname, master.port);
  using admin = openAdmin(url);
  while (!/master_link_status:up/.test(await admin.info("replication"))) await sleep(20);
  return url;
}

/** Has the data saved until that fails, or succeeds. */
async function saveUntil(admin: Redis, status: "ok" | "err"): Promise<void> {
  while (!(await admin.info("persistence")).includes(`rdb_last_bgsave_status:${status}`)) {
    await admin.bgsave().catch(() => {});
    await sleep(50);
  }
}

/** Writes keys, so that loading takes a while. */
async function fill({ url }: RedisServer, keys: number): Promise<void> {
  using admin = openAdmin(url);
  const pipeline = admin.pipeline();
  for (let i = 0; i < keys; i++) pipeline.set(`key-${i}`, i);
  await pipeline.exec();
}

/** Nodes of one cluster. The first has all slots up to `firstSlots`, the second the others. */
async function startCluster(stack: AsyncDisposableStack, firstSlots = 16_384): Promise<string> {
  const slots = Array.from({ length: 16_384 }, (_, slot) => slot);
  const parts = [slots.slice(0, firstSlots), slots.slice(firstSlots)].filter(
    ({ length }) => length,
  );
  const nodes: RedisServer[] = [];
  for (const [i, part] of parts.entries()) {
    const node = await start(stack, "--cluster-enabled", "yes");
    nodes.push(node);
    using admin = openAdmin(node.url);
    if (i > 0) {
      const { hostname, port } = new URL(nodes[0]!.url);
      await admin.call("CLUSTER", "SET-CONFIG-EPOCH", String(i + 1));
      await admin.call("CLUSTER", "MEET", hostname, port);
    }
    await admin.call("CLUSTER", "ADDSLOTS", ...part.map(String));
  }
  for (const { url } of nodes) {
    using admin = openAdmin(url);
    while (!/cluster_state:ok/.test(String(await admin.call("CLUSTER", "INFO")))) await sleep(20);
  }
  return nodes[0]!.url;
}

const refusals: readonly Refusal[] = [
  {
    what: "that wants a password",
    code: "QUEUE_ACCESS_DENIED",
    advice: /Give it in the URL/,
    arrange: async (stack) => (await start(stack, "--requirepass", "secret")).url,
  },
  {
    what: "that wants another password",
    code: "QUEUE_ACCESS_DENIED",
    advice: /Write \/ as %2F/,
    arrange: async (stack) => {
      return withPassword((await start(stack, "--requirepass", "secret")).url, ":wrong");
    },
  },
  {
    what: "whose user may run no scripts",
    code: "QUEUE_ACCESS_DENIED",
    advice: /docs\/deploy\.md has the ACL line/,
    arrange: async (stack) => {
      const { url } = await startWithUser(stack, "~* &* +@all -@scripting");
      return withPassword(url, "some:word");
    },
  },
  {
    what: "whose user may not touch the queue's keys",
    code: "QUEUE_ACCESS_DENIED",
    advice: /docs\/deploy\.md has the ACL line/,
    arrange: async (stack) => {
      const { url } = await startWithUser(stack, "~other:* &* +@all");
      return withPassword(url, "some:word");
    },
  },
  {
    what: "that is a cluster, with a queue whose name has no braces",
    code: "QUEUE_IN_CLUSTER",
    advice: /Put the queue's name in braces, \{photos\}/,
    arrange: (stack) => startCluster(stack),
  },
  {
    what: "that is a node of a cluster, and another one has the keys",
    code: "QUEUE_IN_CLUSTER",
    // Slot 0 is not that of this queue.
    advice: /Connect to the node that has them, 127\.0\.0\.1:\d+/,
    arrange: (stack) => startCluster(stack, 1),
    queue: "{photos}",
  },
  {
    what: "that is a replica",
    code: "QUEUE_READ_ONLY",
    advice: /connect to its master/,
    arrange: startReplica,
    isReadable: true,
  },
  {
    what: "that has too few replicas",
    code: "QUEUE_READ_ONLY",
    advice: /min-replicas-to-write/,
    arrange: async (stack) => (await start(stack, "--min-replicas-to-write", "1")).url,
    isReadable: true,
  },
  {
    what: "whose memory is full",
    code: "QUEUE_FULL",
    advice: /Raise its `maxmemory`/,
    arrange: async (stack) => (await start(stack, "--maxmemory", "1")).url,
    isReadable: true,
  },
  {
    what: "that cannot save its data",
    code: "QUEUE_NOT_SAVED",
    advice: /Look at its disk/,
    arrange: async (stack) => {
      const { url, folder } = await start(stack, "--save", "3600 1", "--appendonly", "no");
      using admin = openAdmin(url);
      await rm(folder, { recursive: true });
      await saveUntil(admin, "err");
      return url;
    },
    isReadable: true,
  },
  {
    what: "that is a cluster with slots that no node has",
    code: "QUEUE_NOT_READY",
    advice: /It passes by itself/,
    arrange: async (stack) => (await start(stack, "--cluster-enabled", "yes")).url,
  },
  {
    what: "that still loads its data",
    code: "QUEUE_NOT_READY",
    advice: /It passes by itself/,
    arrange: async (stack) => {
      const server = await start(stack);
      await fill(server, 20_000);
      await server.down();
      // So that it loads for longer than anybody waits.
      await server.up({ options: ["--key-load-delay", "500"], isLoading: true });
      return server.url;
    },
  },
];

const timeoutMs = 2_500;

describe("a Redis", () => {
  for (const { what, code, advice, arrange, isReadable, queue = "photos" } of refusals) {
    test(`${what}: ${code}, with what to do`, async () => {
      await using stack = new AsyncDisposableStack();
      const connection = await arrange(stack);
      const isRefusal = (error: OrangeryError) => {
        assert.equal(error.code, code, error.stack);
        assert.match(error.message, advice);
        assert.doesNotMatch(error.message, /secret|wrong|user_script/);
        return true;
      };
      const open = () => OpenQueue.open({ connection, queue, timeoutMs });
      if (isReadable) {
        await using opened = await open();
        await using photos = await PhotosToCount.create(1);
        assert.equal(await retryFailed(opened.bullmq), 0);
        await assert.rejects(photos.openQueue(connection, queue), isRefusal);
        await assert.rejects(photos.enqueue(opened.bullmq), isRefusal);
        assert.equal((await readQueueStatus(opened.bullmq)).waiting, 0);
      } else await assert.rejects(open(), isRefusal);
      const lines: LogLine[] = [];
      const options = { connection, queue, logger: recordingLogger(lines) };
      const worker = createWorker(new GivenTask(() => 1), options);
      const isTrouble = ({ message }: LogLine) => message === "the queue has a problem";
      while (!lines.some(({ err }) => (err as OrangeryError | undefined)?.code === code)) {
        await sleep(20);
      }
      const { err } = lines.find(({ err }) => err !== undefined && "code" in (err as object))!;
      isRefusal(err as OrangeryError);
      if ((err as OrangeryError).retryable) assert.equal(lines.filter(isTrouble).length, 1);
      else await assert.rejects(worker.ready, isRefusal);
      await worker.close({ deadlineMs: 0 });
    });
  }
});

/**
 * A worker on a Redis of its own that is brought to refuse while a job runs, and to serve again.
 */
async function workThrough(
  arrange: (stack: AsyncDisposableStack) => Promise<{
    readonly url: string;
    readonly refuse: (admin: Redis) => Promise<unknown>;
    readonly serve: (admin: Redis) => Promise<unknown>;
    readonly code: ErrorCode;
    /** As Redis counts its errors. */
    readonly reply: string;
  }>,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { url, refuse, serve, code, reply } = await arrange(stack);
  using admin = openAdmin(url);
  await using jobs = new TestQueue(url);
  const lines: LogLine[] = [];
  const finish = Promise.withResolvers<void>();
  let runs = 0;
  const work: Work<unknown, unknown> = async (payload) => {
    runs++;
    if (payload === "long") await finish.promise;
    return payload;
  };
  const options: FleetWorkerOptions = {
    connection: url,
    queue: jobs.name,
    logger: recordingLogger(lines),
    concurrency: 2,
  };
  await using worker = createWorker(new GivenTask(work), options);
  await worker.ready;
  assert.equal(await jobs.result(await jobs.add("first")), "first");
  const long = await jobs.add("long");
  while (worker.counts.active === 0) await sleep(10);

  // A worker that is not served does not close, so whatever fails below, it is served in the end.
  await using served = new AsyncDisposableStack();
  served.defer(async () => {
    await serve(admin);
  });
  await refuse(admin);
  finish.resolve();
  // Where a scene cuts connections, a worker may see that first.
  while (worker.trouble?.code !== code) await sleep(20);
  await sleep(500);
  assert.equal(worker.trouble.code, code);
  // Without patience there are thousands in a second.
  const stats = await admin.info("errorstats");
  const refused = Number(new RegExp(`errorstat_${reply}:count=(\\d+)`).exec(stats)?.[1]);
  assert.ok(refused > 0 && refused < 100, `${refused} requests were refused`);

  await served.disposeAsync();
  assert.equal(await jobs.result(long), "long");
  assert.equal(await jobs.result(await jobs.add("last")), "last");
  assert.deepEqual([runs, (await jobs.look(long)).attemptsMade], [3, 1]);
  assert.deepEqual(
    lines
      .filter(({ level }) => level !== "debug")
      .map(({ level, message, err }) => [level, message, (err as OrangeryError)?.code])
      .filter(([, message]) => message !== "task succeeded")
      .filter(([, , seen]) => seen !== "QUEUE_UNREACHABLE"),
    [
      ["info", "the worker takes jobs", undefined],
      ["warn", "the queue has a problem", code],
      ["info", "the queue is served again", undefined],
    ],
  );
  assert.equal(worker.trouble, undefined);
}

describe("a worker goes on, and has lost nothing, after a Redis", () => {
  test("that was a replica for a while", () =>
    workThrough(async (stack) => {
      const other = new URL((await start(stack)).url);
      return {
        url: (await start(stack)).url,
        // Its data stay, because the master that it looks for is not there.
        refuse: (admin) => admin.replicaof(other.hostname, 1),
        serve: (admin) => admin.call("REPLICAOF", "NO", "ONE"),
        code: "QUEUE_READ_ONLY",
        reply: "READONLY",
      };
    }));

  test("whose memory was full", () =>
    workThrough(async (stack) => ({
      url: (await start(stack)).url,
      refuse: (admin) => admin.config("SET", "maxmemory", "1"),
      serve: (admin) => admin.config("SET", "maxmemory", "0"),
      code: "QUEUE_FULL",
      reply: "OOM",
    })));

  test("that had lost its replicas", () =>
    workThrough(async (stack) => ({
      url: (await start(stack)).url,
      refuse: (admin) => admin.config("SET", "min-replicas-to-write", "1"),
      serve: (admin) => admin.config("SET", "min-replicas-to-write", "0"),
      code: "QUEUE_READ_ONLY",
      reply: "NOREPLICAS",
    })));

  test("that could not save its data", () =>
    workThrough(async (stack) => {
      const { url, folder } = await start(stack, "--save", "3600 1", "--appendonly", "no");
      const inTheWay = join(folder, "dump.rdb");
      return {
        url,
        refuse: async (admin) => {
          await mkdir(join(inTheWay, "a folder"), { recursive: true });
          await saveUntil(admin, "err");
        },
        serve: async (admin) => {
          await rm(inTheWay, { recursive: true });
          await saveUntil(admin, "ok");
        },
        code: "QUEUE_NOT_SAVED",
        reply: "MISCONF",
      };
    }));

  test("that wanted a password", () =>
    workThrough(async (stack) => {
      const { url } = await start(stack);
      return {
        url,
        // Connections that are open would stay what they are.
        refuse: async (admin) => {
          await admin.config("SET", "requirepass", "secret");
          await admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        },
        serve: (admin) => admin.config("SET", "requirepass", ""),
        code: "QUEUE_ACCESS_DENIED",
        reply: "NOAUTH",
      };
    }));

  test("that was restarted and loaded its data", async () => {
    await using server = await RedisServer.start({ fsync: "everysec" });
    await fill(server, 6000);
    await using jobs = new TestQueue(server.url);
    const finish = Promise.withResolvers<void>();
    const work = () => finish.promise.then(() => "done");
    const options: FleetWorkerOptions = { connection: server.url, queue: jobs.name };
    await using worker = createWorker(new GivenTask(work), options);
    const added = [await jobs.add("long"), await jobs.add("last")];
    while (worker.counts.active === 0) await sleep(10);

    await server.down();
    await server.up({ options: ["--key-load-delay", "200"], isLoading: true });
    finish.resolve();
    for (const job of added) assert.equal(await jobs.result(job), "done");
    assert.equal(worker.counts.succeeded, 2);
  });
});

test("a job is not failed by a user who lost a right, but waits for it", async () => {
  await using server = await RedisServer.start({ options: ["--user", "some", "on", ">word"] });
  using admin = openAdmin(server.url);
  const grant = (rights: string) => admin.call("ACL", "SETUSER", "some", ...rights.split(" "));
  await grant("~* &* +@all");
  await using jobs = new TestQueue(server.url);
  const connection = withPassword(server.url, "some:word");
  const options: FleetWorkerOptions = { connection, queue: jobs.name };
  await using worker = createWorker(new GivenTask((payload) => payload), options);
  await worker.ready;
  // The mark that a job has begun, and no script.
  await grant("-hset");
  const refused = async () => {
    const stats = await admin.info("errorstats");
    return Number(/errorstat_NOPERM:count=(\d+)/.exec(stats)?.[1] ?? 0);
  };
  const job = await jobs.add("marked");
  while ((await jobs.queue.getWaitingCount()) > 0) await sleep(10);
  const before = await refused();
  while ((await refused()) < before + 2) await sleep(10);
  assert.equal(worker.trouble?.code, "QUEUE_ACCESS_DENIED");
  await grant("+hset");
  assert.equal(await jobs.result(job), "marked");
  assert.equal(worker.counts.failed, 0);
});

test("an end that the queue does not accept is no problem of the connection", async () => {
  await using redis = await openRedis();
  await using jobs = new TestQueue(redis.url);
  const lines: LogLine[] = [];
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const work = async () => {
    begun.resolve();
    await finish.promise;
  };
  const logger = recordingLogger(lines);
  const options: FleetWorkerOptions = { connection: redis.url, queue: jobs.name, logger };
  await using worker = createWorker(new GivenTask(work), options);
  const job = await jobs.add("removed");
  await begun.promise;
  // As after an end whose answer was lost, so that it is sent again.
  const client = await jobs.queue.getBackend().client;
  await client.del(jobs.queue.toKey(job.id!));
  finish.resolve();
  const wanted = "the queue had already ended or returned a job";
  while (!lines.some(({ message }) => message === wanted)) await sleep(10);
  assert.equal(worker.trouble, undefined);
  assert.ok(!lines.some(({ message }) => message === "the queue has a problem"));
});

test("jobs are put back when Redis takes writes again, and each once", async () => {
  await using server = await RedisServer.start({ fsync: "everysec" });
  using admin = openAdmin(server.url);
  await using jobs = new TestQueue(server.url);
  const fail = () => Promise.reject(new Error("not yet"));
  const options: FleetWorkerOptions = { connection: server.url, queue: jobs.name, attempts: 1 };
  const added: Job[] = [];
  {
    await using _worker = createWorker(new GivenTask(fail), options);
    for (const payload of [1, 2, 3]) added.push(await jobs.add(payload));
    for (const job of added) await assert.rejects(jobs.result(job), /not yet/);
  }
  await admin.replicaof("127.0.0.1", 1);
  await assert.rejects(retryFailed(jobs.queue), { code: "QUEUE_READ_ONLY" });
  assert.equal(await jobs.queue.getFailedCount(), 3);
  await admin.call("REPLICAOF", "NO", "ONE");
  // Full memory does not keep a job from moving: the script first frees some.
  await admin.config("SET", "maxmemory", 1);
  assert.equal(await retryFailed(jobs.queue), 3);
  await admin.config("SET", "maxmemory", 0);
  await using _worker = createWorker(new GivenTask((payload) => payload), options);
  assert.deepEqual(await Promise.all(added.map((job) => jobs.result(job))), [1, 2, 3]);
});

test("a Redis that is too old for BullMQ is refused with a code", async (t) => {
  await using redis = await openRedis();
  // No server of the past runs here, so this one is taken for too old.
  const needed = RedisConnection.minimumVersion;
  t.after(() => {
    RedisConnection.minimumVersion = needed;
  });
  RedisConnection.minimumVersion = "99.0.0";
  await using worker = createWorker(new GivenTask(() => 1), {
    connection: redis.url,
    queue: uniqueName("old"),
  });
  await assert.rejects(worker.ready, (error: OrangeryError) => {
    assert.equal(error.code, "QUEUE_REFUSED");
    assert.match(error.message, /got "Redis version needs .* 99\.0\.0 .*Redis 6\.2 or newer/);
    return true;
  });
});

test("a queue in a cluster works, its name in braces", async () => {
  await using stack = new AsyncDisposableStack();
  const [connection, name] = [await startCluster(stack), "{photos}"];
  await using photos = await PhotosToCount.create(3);
  await using opened = await photos.openQueue(connection, name);
  assert.equal((await photos.enqueue(opened.queue)).added, 3);
  {
    await using _worker = await photos.startWorker({ name, connection });
    await untilDone(opened.queue);
  }
  assert.equal((await photos.results()).length, 3);
  assert.equal((await readQueueStatus(opened.queue)).done, 3);
  assert.equal(await retryFailed(opened.queue), 0);
});

test("the rights in docs/deploy.md are all that a queue needs", async () => {
  const docs = readFileSync(join(import.meta.dirname, "../docs/deploy.md"), "utf8");
  const [, rule] = /^ACL SETUSER (orangery .*)$/m.exec(docs)!;
  await using server = await RedisServer.start({ options: ["--requirepass", "secret"] });
  using admin = openAdmin(withPassword(server.url, ":secret"));
  await admin.call("ACL", "SETUSER", ...rule!.split(" "));
  const [, password] = />(\S+)/.exec(rule!)!;
  const connection = withPassword(server.url, `orangery:${password}`);

  const queue = "photos";
  await using opened = await OpenQueue.open({ connection, queue });
  await using photos = await PhotosToCount.create(3);
  {
    await using ofRecipe = await photos.openQueue(connection, queue);
    await photos.enqueue(ofRecipe.queue);
    await using _counting = await photos.startWorker({ name: queue, connection });
    await untilDone(ofRecipe.queue);
    assert.equal((await photos.results()).length, 3);
  }
  await opened.bullmq.add("job", "fails once");
  const work: Work<unknown, unknown> = async (payload, { attempt, log, progress }) => {
    progress(50);
    log.info({}, "working");
    await sleep(400);
    if (payload === "fails once" && attempt < 3) throw new Error("not yet");
  };
  const lines: LogLine[] = [];
  const options: FleetWorkerOptions = {
    connection,
    queue,
    attempts: 2,
    backoffMs: 1,
    lockDurationMs: 1000,
    stalledIntervalMs: 200,
    logger: recordingLogger(lines),
  };
  {
    await using worker = createWorker(new GivenTask(work), options);
    await worker.ready;
    await untilDone(opened.bullmq);
    assert.equal((await readQueueStatus(opened.bullmq)).workers.length, 1);
  }
  assert.equal(await retryFailed(opened.bullmq), 1);
  assert.deepEqual(await admin.call("ACL", "LOG"), []);
  assert.deepEqual(
    lines.filter(({ message }) => message === "the queue has a problem"),
    [],
  );
  await assert.rejects(
    OpenQueue.open({ connection, queue: "others" }),
    { code: "QUEUE_ACCESS_DENIED" },
    "nothing but this queue's keys",
  );
});

describe("on the command line", () => {
  const task = join(import.meta.dirname, "fleet-tasks.fixture.ts");
  for (const command of [
    ["enqueue", "photos", "--detect", quickModel[0]],
    ["status"],
    ["retry-failed"],
    ["worker", "--task", task],
  ]) {
    test(`orangery ${command[0]} says what to do about a refused password`, async () => {
      await using server = await RedisServer.start({ options: ["--requirepass", "secret"] });
      await using folder = await CliFolder.create();
      const redis = withPassword(server.url, ":wrong");
      const { status, stderr } = await folder.run(...command, "--queue-url", redis);
      assert.equal(status, 1);
      assert.match(stderr, /^orangery: .* %25\. \[QUEUE_ACCESS_DENIED\]\n$/);
    });
  }

  test("an unencoded password is refused, with how to encode it", async () => {
    await using folder = await CliFolder.create();
    const { status, stderr } = await folder.run("status", "--redis", "redis://:se/cret@host:6379");
    assert.equal(status, 2);
    assert.match(stderr, /not percent-encoded\. Write \/ as %2F/);
    assert.doesNotMatch(stderr, /cret/);
  });

  test("a worker's log has nothing but JSON, whatever libraries print", async () => {
    await using server = await RedisServer.start();
    using admin = openAdmin(server.url);
    await admin.config("SET", "maxmemory-policy", "allkeys-lru");
    await using folder = await CliFolder.create();
    const args = ["worker", "--task", task, "--redis", server.url, "--devices", "cpu"];
    const worker = folder.spawn(process.execPath, [sourceProgram, ...args]);
    const client = openAdmin(server.url);
    while ((await client.hlen("bull:photos:orangery:workers")) === 0) await sleep(20);
    client.disconnect();
    worker.child.kill("SIGTERM");
    const { status, stderr } = await worker.outcome;
    assert.equal(status, 0);
    const lines = jsonLines(stderr);
    const texts = lines.map(({ msg, text }) => text ?? msg);
    assert.ok(
      texts.includes('IMPORTANT! Eviction policy is allkeys-lru. It should be "noeviction"'),
    );
    assert.ok(lines.some(({ msg, policy }) => /may evict jobs/.test(`${msg}`) && policy));
  });
});
