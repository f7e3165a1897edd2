/** The real Celery, its canvas and its tools, with workers of ours on a real Redis. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { OrangeryError } from "../src/errors.ts";
import { settleScript, takeScript } from "../src/fleet/celery/redis/broker-scripts.ts";
import { celeryKeys } from "../src/fleet/celery/redis/celery-keys.ts";
import { RedisQueues } from "../src/fleet/celery/redis/redis-queues.ts";
import type { CeleryWorkerOptions, JobEnd } from "../src/fleet/celery.ts";
import { QueuePatience } from "../src/fleet/queue/queue-patience.ts";
import { silentLogger } from "../src/logger.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { CeleryClient, serve, type Work } from "./celery.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";
import { openRedis, type RedisForTests, uniqueName } from "./servers/redis-server.ts";

const celery = findCelery();
const skip = "missing" in celery && celery.missing;

describe("a Celery app", { skip, timeout: 300_000 }, () => {
  let server: RedisForTests;
  let client: CeleryClient;
  let redis: Redis;

  before(async () => {
    server = await openRedis();
    redis = new Redis(server.url);
    client = await CeleryClient.start((celery as { python: string }).python, server.url);
  });
  after(async () => {
    await client?.[Symbol.asyncDispose]();
    redis?.disconnect();
    await server?.[Symbol.asyncDispose]();
  });

  /** A queue that an app uses, and a worker that serves it. */
  async function open(
    functions: Readonly<Record<string, Work>>,
    { conf = {}, ...options }: Partial<CeleryWorkerOptions> & { readonly conf?: object } = {},
  ) {
    const queue = uniqueName("celery");
    const settings = JSON.stringify(JSON.stringify(conf));
    await client.run(`use(${JSON.stringify(queue)}, **json.loads(${settings}))`);
    const worker = await serve(functions, {
      broker: server.url,
      queues: [queue],
      defaultQueue: queue,
      name: `celery@${queue}`,
      backoffMs: 10,
      ...options,
    });
    return { queue, worker, [Symbol.asyncDispose]: () => worker.close({ deadlineMs: 0 }) };
  }

  const add = ([x, y]: [number, number]) => x + y;
  const increment = (x: number) => x + 1;
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

  test("gets results, and exceptions of the classes that Python has", async () => {
    await using _app = await open({
      add,
      fail: (kind: string) => {
        if (kind === "type") throw Object.assign(new TypeError("bad"), { retryable: false });
        throw new OrangeryError("PHOTO_UNREADABLE", "Expected a photo.");
      },
      nothing: () => undefined,
    });
    const answers = await client.run(`
sent = [s("add", [1, 2]), s("fail", "type"), s("fail", "photo"), s("nothing"), s("missing")]
answer = [outcome(sig.apply_async()) for sig in sent]
`);
    assert.deepEqual(answers, [
      ["SUCCESS", 3],
      ["FAILURE", ["TypeError", "bad"]],
      ["FAILURE", ["Exception", "PHOTO_UNREADABLE: Expected a photo."]],
      ["SUCCESS", null],
      ["FAILURE", ["celery.exceptions.NotRegistered", "'missing'"]],
    ]);
  });

  test("retries under the same id, with Celery's state and headers", async () => {
    const seen: unknown[] = [];
    await using _app = await open({
      flaky: (_payload: unknown, { attempt, taskId }: TaskContext) => {
        seen.push([attempt, taskId]);
        if (attempt < 3) throw new Error("not yet");
        return attempt;
      },
    });
    const [id, result] = (await client.run(`
r = s("flaky").apply_async()
answer = [r.id, outcome(r)]
`)) as [string, unknown];
    assert.deepEqual(result, ["SUCCESS", 3]);
    assert.deepEqual(
      seen,
      [1, 2, 3].map((attempt) => [attempt, id]),
    );
  });

  test("has its canvas: chains, groups, callbacks, errbacks and chords", async () => {
    const called: unknown[] = [];
    await using _app = await open({
      add,
      increment,
      sum,
      fail: () => {
        throw new OrangeryError("PHOTO_UNREADABLE", "Expected a photo.");
      },
      note: (value: unknown) => void called.push(value),
    });
    const answers = await client.run(`
two = s("add", [1, 1])
up = lambda: s("increment")
answer = [
  chain(two, up(), up())().get(timeout=20),
  chain(two, group(up(), chain(up(), up())))().get(timeout=20),
  group(two, two)().get(timeout=20),
  chord([two, two, chain(two, up())])(s("sum")).get(timeout=20),
  chain(two, group(up(), up()), s("sum"), up())().get(timeout=20),
  chain(two, s("add", [4, 4], ).set(immutable=True))().get(timeout=20),
  outcome(chord([two, s("fail")])(s("sum"))),
  outcome(chain(s("fail"), up(), up())()),
]
two.apply_async(link=[s("note"), chain(up(), s("note"))]).get(timeout=20)
failing = s("fail").apply_async(link_error=[s("note")])
failing.get(timeout=20, propagate=False)
`);
    assert.deepEqual((answers as unknown[]).slice(0, 6), [4, [3, 4], [2, 2], 7, 7, 8]);
    const [chordFailure, chainFailure] = (answers as [string, [string, string]][]).slice(6);
    assert.equal(chordFailure?.[1][0], "celery.exceptions.ChordError");
    assert.match(chordFailure[1][1], /raised Exception\('PHOTO_UNREADABLE/);
    const failure = ["Exception", "PHOTO_UNREADABLE: Expected a photo."];
    assert.deepEqual(chainFailure, ["FAILURE", failure]);
    const failingId = await client.run("answer = failing.id");
    while (called.length < 3) await sleep(20);
    assert.deepEqual(new Set(called), new Set([2, 3, failingId]));
  });

  test("decides when a task begins, and that it need not any more", async () => {
    const ends: JobEnd[] = [];
    await using _app = await open(
      { add, wait: (ms: number, { signal }: TaskContext) => sleep(ms, "over", { signal }) },
      { onJobEnd: (end) => ends.push(end), concurrency: 1 },
    );
    const answers = await client.run(`
import time
before = time.time()
later = s("add", [1, 2]).apply_async(countdown=0.5)
past = s("add", [1, 2]).apply_async(expires=-1)
answer = [outcome(later), time.time() - before >= 0.5, outcome(past)]
# Behind one that runs, so that the worker knows of the revocation first.
running = s("wait", 60000).apply_async()
revoked = s("add", [1, 2]).apply_async()
app.control.revoke(revoked.id)
active = lambda: app.control.inspect(timeout=0.3).active() or {}
until(lambda: any(t["id"] == running.id for ts in active().values() for t in ts))
app.control.revoke(running.id, terminate=True)
answer += [outcome(running)[0], outcome(revoked)]
late = s("wait", 60000).apply_async(soft_time_limit=0.2)
answer += [outcome(late)[1][0]]
`);
    assert.deepEqual(answers, [
      ["SUCCESS", 3],
      true,
      ["REVOKED", ["celery.exceptions.TaskRevokedError", "expired"]],
      "REVOKED",
      ["REVOKED", ["celery.exceptions.TaskRevokedError", "revoked"]],
      "billiard.exceptions.SoftTimeLimitExceeded",
    ]);
  });

  test("has its messages taken by priority", async () => {
    const order: number[] = [];
    const app = await open(
      { note: (n: number) => void order.push(n) },
      { autostart: false, concurrency: 1 },
    );
    await using _app = app;
    await client.run(`
sent = [s("note", n).apply_async(priority=p) for n, p in [(1, 9), (2, 3), (3, 0), (4, 6), (5, 0)]]
`);
    await app.worker.start();
    while (order.length < 5) await sleep(20);
    assert.deepEqual(order, [3, 5, 2, 4, 1]);
  });

  test("may use prefixes, extended results, ignored results, and states", async () => {
    await using app = await open(
      {
        slow: async (_: unknown, { progress }: TaskContext) => {
          progress({ done: 1 });
          await sleep(200);
          return "done";
        },
      },
      {
        globalKeyPrefix: "{app}:",
        resultKeyPrefix: "results",
        resultExtended: true,
        trackStarted: true,
        conf: {
          broker_transport_options: { global_keyprefix: "{app}:" },
          result_backend_transport_options: { global_keyprefix: "results" },
          result_extended: true,
        },
      },
    );
    const answer = await client.run(`
r = s("slow", 1).apply_async()
states = set()
until(lambda: states.add(r.state) or r.ready())
quiet = s("slow", 2).apply_async(ignore_result=True)
answer = [r.get(timeout=20), r.name, r.args, r.worker, r.queue, r.retries, "PROGRESS" in states, quiet.id]
`);
    const [, , , , , , , quietId] = answer as unknown[];
    assert.deepEqual(answer, ["done", "slow", [1], app.worker.name, app.queue, 0, true, quietId]);
    while (app.worker.counts.succeeded < 2) await sleep(20);
    assert.equal(await redis.exists(`results_celery-task-meta-${quietId}`), 0);
    while ((await redis.hlen("{app}:unacked")) > 0) await sleep(20);
  });

  test("is answered by workers as by its own: ping, active, registered, stats, shutdown", async () => {
    await using app = await open({
      wait: (ms: number, { signal }: TaskContext) => sleep(ms, 1, { signal }),
    });
    const answer = await client.run(`
running = s("wait", 60000).apply_async()
inspect = app.control.inspect(["${app.worker.name}"], timeout=2)
until(lambda: (inspect.active() or {}).get("${app.worker.name}"))
answer = [
  inspect.ping(), inspect.registered(), list(inspect.stats().values())[0]["pool"]["max-concurrency"],
  list(inspect.active().values())[0][0]["name"], list(inspect.active_queues().values())[0][0]["name"],
]
app.control.revoke(running.id, terminate=True)
running.get(timeout=20, propagate=False)
app.control.shutdown(destination=["${app.worker.name}"])
`);
    const { name } = app.worker;
    assert.deepEqual(answer, [
      { [name]: { ok: "pong" } },
      { [name]: ["wait"] },
      3,
      "wait",
      app.queue,
    ]);
    await app.worker.close();
  });

  test("sends events that its monitors understand", async () => {
    await using app = await open({ add }, { sendTaskEvents: true });
    const answer = await client.run(`
from celery.events.state import State
import threading
state = State()
seen = []
def watch():
    with app.connection() as connection:
        def on_event(event):
            state.event(event)
            seen.append(event["type"])
            if event["type"] == "task-succeeded": receiver.should_stop = True
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        ready.set()
        receiver.capture(limit=None, timeout=20, wakeup=False)
ready = threading.Event()
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
ready.wait()
time.sleep(0.3)
r = s("add", [1, 2]).apply_async()
watcher.join(20)
task = state.tasks[r.id]
answer = [task.state, task.name, task.result, task.worker.hostname, [t for t in seen if t.startswith("task")]]
`);
    assert.deepEqual(answer, [
      "SUCCESS",
      "add",
      "3",
      app.worker.name,
      ["task-received", "task-started", "task-succeeded"],
    ]);
  });

  test("may send anything: what is no task of protocol 2 in JSON is refused, never tried again", async () => {
    await using app = await open({ add });
    for (const text of ["no JSON", "[]", '"text"', '{"body": 3}', '{"body":"e30=","headers":{}}']) {
      await redis.lpush(app.queue, text);
    }
    const answers = (await client.run(`
big = s("add", ["x" * 10_000_000, ""]).apply_async()
answer = [len(outcome(big)[1])]
answer.append(outcome(s("add", [1, 2]).apply_async(serializer="pickle")))
answer.append(outcome(s("add", [1, 2]).apply_async(compression="gzip")))
impossible = s("missing").apply_async(link_error=s("add", [1, 2]).set(countdown=1e300))
answer.append(outcome(impossible)[0])
answer.append(outcome(s("add", [1, 2]).apply_async()))
`)) as unknown[];
    assert.deepEqual(answers[0], 10_000_000);
    const [state, [kind, message]] = answers[1] as [string, [string, string]];
    assert.deepEqual([state, kind], ["FAILURE", "kombu.exceptions.ContentDisallowed"]);
    assert.match(message, /pickle/);
    assert.deepEqual(answers.slice(2), [["SUCCESS", 3], "FAILURE", ["SUCCESS", 3]]);
    assert.equal(await redis.llen(app.queue), 0);
    while ((await redis.hlen("unacked")) > 0) await sleep(20);
  });

  test("may have workers of its own on the same queue", async () => {
    const ours: number[] = [];
    const app = await open(
      {
        "mixed.square": (x: number) => {
          ours.push(x);
          return x * x;
        },
      },
      { autostart: false },
    );
    await using _app = app;
    const answer = await client.run(`
@app.task(name="mixed.square")
def square(x): return x * x
from celery.contrib.testing.worker import start_worker
with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
    sent = [square.delay(n) for n in range(20)]
    answer = [r.get(timeout=20) for r in sent]
sent = [square.delay(n) for n in range(100)]
`);
    assert.deepEqual(
      answer,
      Array.from({ length: 20 }, (_, n) => n * n),
    );
    await app.worker.start();
    const results = await client.run("answer = [r.get(timeout=20) for r in sent]");
    assert.deepEqual(
      results,
      Array.from({ length: 100 }, (_, n) => n * n),
    );
    assert.equal(new Set(ours).size, ours.length);
  });

  test("is not given a message twice while its worker lives, and again when that is gone", async () => {
    let runs = 0;
    const slow = async (_: unknown, { signal }: TaskContext) => {
      runs++;
      await sleep(2_500, undefined, { signal });
      return runs;
    };
    const tuning = { lockDurationMs: 1_000, stalledIntervalMs: 200 };
    await using app = await open({ slow, add }, tuning);
    const { queue } = app;
    const options = { broker: server.url, queues: [queue], ...tuning };
    await using _other = await serve({ slow, add }, { ...options, name: "celery@other" });
    await client.run('held = s("slow").apply_async()');
    while (runs === 0) await sleep(20);
    // As if a worker had died that took a message.
    const keys = celeryKeys("", 0);
    const patience = new QueuePatience({ queue, logger: silentLogger });
    const queues = new RedisQueues({
      ...{ redis, keys, queues: [queue], prioritySteps: [0], patience },
      ...{ leaseMs: 1_000, visibilityTimeoutMs: 3_600_000 },
    });
    await app.worker.close({ deadlineMs: 60_000 });
    await _other.close({ deadlineMs: 60_000 });
    await client.run('orphan = s("add", [1, 2]).apply_async()');
    assert.ok(await queues.take(new AbortController().signal));
    await using _last = await serve({ slow, add }, { ...options, name: "celery@last" });
    const answer = await client.run("answer = [outcome(held), outcome(orphan)]");
    assert.deepEqual(answer, [
      ["SUCCESS", 1],
      ["SUCCESS", 3],
    ]);
  });

  test("gets back what a worker of Python had that is gone, though no other of Python is left", async () => {
    const tuning = { autostart: false, visibilityTimeoutMs: 1 };
    await using app = await open({ add }, tuning);
    const isTaken = await client.run(`
orphan = s("add", [1, 2]).apply_async(priority=3)
lost = app.connection_for_read()
answer = lost.default_channel.basic_get(${JSON.stringify(app.queue)}) is not None
`);
    assert.equal(isTaken, true);
    await app.worker.start();
    assert.deepEqual(await client.run("answer = outcome(orphan)"), ["SUCCESS", 3]);
  });

  test("loses no message when Redis is asked again for want of an answer", async () => {
    const queue = uniqueName("celery");
    await redis.lpush(queue, "first", "second");
    const { unacked, unackedIndex, leases } = celeryKeys("", 0);
    const take = () =>
      takeScript.run(redis, [unacked, unackedIndex, leases, queue], ["id", 1, `,"","${queue}"]`]);
    const taken = [await take(), await take()] as [tag: string, text: string][];
    assert.deepEqual(
      taken.map(([, text]) => text),
      ["first", "second"],
    );
    assert.equal(await redis.hexists(unacked, taken[0]![0]), 1);
    for (const [tag] of taken) {
      await settleScript.run(redis, [unacked, unackedIndex, leases, ""], [tag, "LPUSH", "0"]);
    }
  });

  test("has a task fail that has cost its workers, and one that takes too long", async () => {
    const ended = Promise.withResolvers<void>();
    await using app = await open(
      {
        add,
        hang: (_: unknown, { signal }: TaskContext) => sleep(600_000, undefined, { signal }),
      },
      { rejectOnWorkerLost: false, endProcess: () => ended.resolve() },
    );
    await redis.set("orangery:begun:crashing", 1);
    const answer = await client.run(`
crashing = s("add", [1, 2]).apply_async(task_id="crashing", headers={"redelivered": True})
answer = [outcome(crashing)[1][0]]
hanging = s("hang").apply_async(time_limit=0.2)
answer += [outcome(hanging)[1]]
`);
    assert.deepEqual(answer, [
      "billiard.exceptions.WorkerLostError",
      ["billiard.exceptions.TimeLimitExceeded", "TimeLimitExceeded(0.2,)"],
    ]);
    await ended.promise;
    await app.worker.close({ deadlineMs: 0 });
    assert.equal(await redis.hlen("unacked"), 0);
    assert.equal(await redis.exists("orangery:begun:crashing"), 0);
  });

  test("may have messages acknowledged early, and given back when the worker stops", async () => {
    const begun = Promise.withResolvers<void>();
    const wait = (_: unknown, { signal }: TaskContext) => {
      begun.resolve();
      return sleep(600_000, 1, { signal });
    };
    await using app = await open({ wait }, { acksLate: false });
    await client.run('s("wait").apply_async()');
    await begun.promise;
    assert.equal(await redis.hlen("unacked"), 0);
    await app.worker.close({ deadlineMs: 0 });
    assert.equal(await redis.llen(app.queue), 1);
    assert.equal(app.worker.counts.returned, 1);
  });

  test("is asked for nothing while there is nothing to do", async () => {
    await using app = await open({ add });
    await client.run('answer = outcome(s("add", [1, 2]).apply_async())');
    while (app.worker.counts.succeeded === 0) await sleep(20);
    await sleep(100);
    const scripts = async () =>
      /cmdstat_evalsha:calls=(\d+)/.exec(await redis.info("commandstats"))?.[1];
    const before = await scripts();
    await sleep(1_500);
    assert.equal(await scripts(), before);
  });
});
