/** The real Celery and a real RabbitMQ, with workers of ours. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Channel, type ChannelModel, connect } from "amqplib";
import { OrangeryError } from "../src/errors.ts";
import type { CeleryWorkerOptions } from "../src/fleet/celery.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { CeleryClient, findCelery, serve, type Work } from "./celery.fixture.ts";
import { openPostgres } from "./servers/postgres-server.ts";
import { RabbitmqServer } from "./servers/rabbitmq-server.ts";
import { openRedis, type RedisForTests, uniqueName } from "./servers/redis-server.ts";

const celery = findCelery();
const skip = "missing" in celery && celery.missing;

/** What is confirmed survives a crash. */
const common = { backend: "rpc://", broker_transport_options: { confirm_publish: true } };

describe("a Celery app on RabbitMQ", { skip, timeout: 300_000 }, () => {
  let server: RabbitmqServer;
  let redis: RedisForTests;
  let client: CeleryClient;
  let connection: ChannelModel;
  let channel: Channel;

  async function openChannel() {
    connection = await connect(server.url);
    connection.on("error", () => {});
    channel = await connection.createChannel();
  }

  before(async () => {
    [server, redis] = await Promise.all([RabbitmqServer.start(), openRedis()]);
    await openChannel();
    client = await CeleryClient.start((celery as { python: string }).python, server.url);
  });
  after(async () => {
    await client?.[Symbol.asyncDispose]();
    await connection?.close().catch(() => {});
    await server?.[Symbol.asyncDispose]();
    await redis?.[Symbol.asyncDispose]();
  });

  /** A queue that an app uses, and a worker that serves it. */
  async function open(
    functions: Readonly<Record<string, Work>>,
    { conf = {}, ...options }: Partial<CeleryWorkerOptions> & { readonly conf?: object } = {},
  ) {
    const queue = uniqueName("celery");
    const settings = JSON.stringify(JSON.stringify({ ...common, ...conf }));
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

  async function left(queue: string): Promise<number> {
    return (await channel.checkQueue(queue)).messageCount;
  }

  const add = ([x, y]: [number, number]) => x + y;
  const increment = (x: number) => x + 1;
  const fail = () => {
    throw new OrangeryError("PHOTO_UNREADABLE", "Expected a photo.");
  };
  const failure = ["Exception", "PHOTO_UNREADABLE: Expected a photo."];
  const wait = (ms: number, { signal }: TaskContext) => sleep(ms, "over", { signal });

  test("gets results, exceptions and what follows, over RPC", async () => {
    const called: unknown[] = [];
    const seen: number[] = [];
    await using app = await open({
      add,
      increment,
      fail,
      note: (value: unknown) => void called.push(value),
      flaky: (_: unknown, { attempt }: TaskContext) => {
        seen.push(attempt);
        if (attempt < 3) throw new Error("not yet");
        return attempt;
      },
    });
    const answer = await client.run(`
two = s("add", [1, 1])
up = lambda: s("increment")
answer = [
  outcome(two.apply_async()), outcome(s("fail").apply_async()), outcome(s("missing").apply_async()),
  outcome(s("flaky").apply_async()),
  chain(two, up(), up())().get(timeout=20),
  group(two, two)().get(timeout=20),
  outcome(chain(s("fail"), up())()),
]
two.apply_async(link=[s("note"), chain(up(), s("note"))]).get(timeout=20)
failing = s("fail").apply_async(link_error=[s("note")])
failing.get(timeout=20, propagate=False)
answer.append(failing.id)
`);
    const failingId = (answer as unknown[]).at(-1);
    assert.deepEqual(answer, [
      ["SUCCESS", 2],
      ["FAILURE", failure],
      ["FAILURE", ["celery.exceptions.NotRegistered", "'missing'"]],
      ["SUCCESS", 3],
      4,
      [2, 2],
      ["FAILURE", failure],
      failingId,
    ]);
    assert.deepEqual(seen, [1, 2, 3]);
    while (called.length < 3) await sleep(20);
    assert.deepEqual(new Set(called), new Set([2, 3, failingId]));
    assert.equal(await left(app.queue), 0);
  });

  test("decides when a task begins, and that it need not any more", async () => {
    await using app = await open({ add, wait }, { concurrency: 1 });
    const answer = await client.run(`
before = time.time()
later = s("add", [1, 2]).apply_async(countdown=0.5)
answer = [outcome(later), time.time() - before >= 0.5]
running = s("wait", 60000).apply_async()
inspect = app.control.inspect(["${app.worker.name}"], timeout=1)
while not (inspect.active() or {}).get("${app.worker.name}"): pass
revoked = s("add", [1, 2]).apply_async()
app.control.revoke(revoked.id)
app.control.revoke(running.id, terminate=True)
answer += [outcome(running)[0], outcome(revoked)]
late = s("wait", 60000).apply_async(soft_time_limit=0.2)
answer += [outcome(late)[1][0]]
`);
    assert.deepEqual(answer, [
      ["SUCCESS", 3],
      true,
      "REVOKED",
      ["REVOKED", ["celery.exceptions.TaskRevokedError", "revoked"]],
      "billiard.exceptions.SoftTimeLimitExceeded",
    ]);
  });

  test("sees its workers: commands, events, shutdown", async () => {
    await using app = await open({ add, wait }, { sendTaskEvents: true });
    const { name } = app.worker;
    const answer = await client.run(`
from celery.events.state import State
import threading
state = State()
seen = []
ready = threading.Event()
def watch():
    with app.connection() as connection:
        def on_event(event):
            state.event(event)
            if event["hostname"] == "${name}": seen.append(event["type"])
            if event["type"] == "task-succeeded": receiver.should_stop = True
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        receiver.on_consume_ready = lambda *args, **kwargs: ready.set()
        receiver.capture(limit=None, timeout=20, wakeup=False)
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
ready.wait()
r = s("add", [1, 2]).apply_async()
watcher.join(20)
inspect = app.control.inspect(["${name}"], timeout=2)
answer = [
  state.tasks[r.id].state, [t for t in seen if t.startswith("task")],
  inspect.ping(), inspect.registered(), inspect.active(), list(inspect.active_queues().values())[0][0]["name"],
  list(inspect.stats().values())[0]["broker"]["transport"],
]
app.control.shutdown(destination=["${name}"])
`);
    assert.deepEqual(answer, [
      "SUCCESS",
      ["task-received", "task-started", "task-succeeded"],
      { [name]: { ok: "pong" } },
      { [name]: ["add", "wait"] },
      { [name]: [] },
      app.queue,
      "amqp",
    ]);
    await app.worker.close();
  });

  test("may have quorum queues, and its clients delay tasks by RabbitMQ", async () => {
    await using app = await open(
      { add },
      {
        queueType: "quorum",
        conf: {
          task_default_queue_type: "quorum",
          task_default_exchange_type: "topic",
        },
      },
    );
    const answer = await client.run(`
before = time.time()
soon = s("add", [1, 2]).apply_async()
later = s("add", [1, 2]).apply_async(countdown=1.5)
answer = [outcome(soon), outcome(later), time.time() - before >= 1.5]
`);
    assert.deepEqual(answer, [["SUCCESS", 3], ["SUCCESS", 3], true]);
    assert.equal(await left(app.queue), 0);
  });

  test("may send anything: what is no task of protocol 2 in JSON is refused, never tried again", async () => {
    await using app = await open({ add, huge: () => "x".repeat(17_000_000) });
    const bad: [content: string, options: object][] = [
      ["no JSON", {}],
      ["[]", { contentType: "application/json" }],
      ["[1, 2]", { contentType: "application/json", headers: { id: "x", task: "add" } }],
      ['[[], {}, {"chain": 3}]', { contentType: "application/json", headers: { id: 3, task: {} } }],
      ["", { contentEncoding: "binary", headers: { id: "y", task: "add", timelimit: "x" } }],
    ];
    for (const [content, options] of bad) {
      channel.sendToQueue(app.queue, Buffer.from(content), options);
    }
    const answers = (await client.run(`
big = s("add", ["x" * 10_000_000, ""]).apply_async()
answer = [len(outcome(big)[1])]
answer.append(outcome(s("add", [1, 2]).apply_async(serializer="pickle"))[1])
answer.append(outcome(s("add", [1, 2]).apply_async(compression="gzip")))
app.conf.task_protocol = 1
s("add", [1, 2]).apply_async()
app.conf.task_protocol = 2
answer.append(outcome(s("add", [1, 2]).apply_async()))
answer.append(outcome(s("huge").apply_async())[1][1])
`)) as unknown[];
    const [length, [kind, message], ...others] = answers as [number, [string, string]];
    assert.equal(length, 10_000_000);
    assert.equal(kind, "kombu.exceptions.ContentDisallowed");
    assert.match(message, /pickle/);
    assert.match(String((others as unknown[]).pop()), /^QUEUE_REFUSED: .*too large/);
    assert.deepEqual(others, [
      ["SUCCESS", 3],
      ["SUCCESS", 3],
    ]);
    assert.equal(await left(app.queue), 0);
  });

  test("may have workers of its own on the same queue, and results in Redis", async () => {
    const ours: number[] = [];
    const square = (x: number) => {
      ours.push(x);
      return x * x;
    };
    await using app = await open(
      { "mixed.square": square, increment, sum: (values: number[]) => values.length },
      { autostart: false, resultBackend: redis.url, conf: { backend: redis.url } },
    );
    const answer = await client.run(`
import threading
@app.task(name="mixed.square")
def square(x): return x * x
from celery.contrib.testing.worker import start_worker
with start_worker(app, pool="solo", perform_ping_check=False, loglevel="ERROR"):
    sent = [square.delay(n) for n in range(20)]
    answer = [r.get(timeout=20) for r in sent]
    # It waits for what happens next before it sees that it is to stop.
    threading.Timer(0.3, app.control.broadcast, ["ping"]).start()
sent = [square.delay(n) for n in range(100)]
`);
    const squares = Array.from({ length: 100 }, (_, n) => n * n);
    assert.deepEqual(answer, squares.slice(0, 20));
    await app.worker.start();
    assert.deepEqual(await client.run("answer = [r.get(timeout=20) for r in sent]"), squares);
    assert.deepEqual(
      ours.toSorted((a, b) => a - b),
      [...squares.keys()],
    );
    const total = await client.run(`
answer = chord([square.s(1), square.s(2), chain(square.s(3), s("increment"))])(s("sum")).get(timeout=20)
`);
    assert.equal(total, 3);
  });

  test("may have its results in PostgreSQL, in the tables of SQLAlchemy", async () => {
    await using postgres = await openPostgres();
    const backend = postgres.url.replace(/^postgres(ql)?:/, "db+postgresql+psycopg2:");
    await using _app = await open(
      { echo: (value: unknown) => value, fail },
      {
        resultBackend: backend,
        resultExtended: true,
        conf: { backend, result_extended: true },
      },
    );
    const answer = await client.run(`
value = {"a": [1, -2, 3000000000, 1.5, True, None, "ü\\U0001F331"], "b": {"c": []}}
r = s("echo", value).apply_async()
failed = s("fail").apply_async()
answer = [outcome(r), outcome(failed), r.name, r.args, r.queue == app.conf.task_default_queue, r.date_done is not None]
quiet = s("echo", 1).apply_async(ignore_result=True)
answer.append(outcome(s("missing").apply_async())[1][0])
`);
    const value = { a: [1, -2, 3_000_000_000, 1.5, true, null, "ü🌱"], b: { c: [] } };
    assert.deepEqual(answer, [
      ["SUCCESS", value],
      ["FAILURE", failure],
      "echo",
      [value],
      true,
      true,
      "celery.exceptions.NotRegistered",
    ]);
  });

  test("has a task fail that has cost its workers, and tasks given back when a worker stops", async () => {
    const begun: string[] = [];
    const marks: (number | undefined)[] = [];
    const mark = async (id: string) => {
      const message = await channel.get(`orangery.begun.${id}`);
      if (message === false) return undefined;
      channel.nack(message, false, true);
      return Number(message.content);
    };
    await using app = await open(
      {
        wait: (ms: number, { signal, taskId }: TaskContext) => {
          begun.push(taskId);
          return wait(ms, { signal } as TaskContext);
        },
        look: async (_: unknown, { taskId }: TaskContext) => {
          marks.push(await mark(taskId));
        },
      },
      { autostart: false },
    );
    // As if a worker had died that had both.
    const lost = await connect(server.url);
    const losing = await lost.createChannel();
    await client.run(`
crashing = s("look").apply_async(task_id="crashing")
looking = s("look").apply_async(task_id="looking")
`);
    while ((await left(app.queue)) < 2) await sleep(20);
    for (let i = 0; i < 2; i++) assert.ok(await losing.get(app.queue));
    await lost.close();
    await channel.assertQueue("orangery.begun.crashing", {
      durable: true,
      maxLength: 1,
      overflow: "drop-head",
      expires: 3 * 24 * 3_600_000,
    });
    channel.sendToQueue("orangery.begun.crashing", Buffer.from("10"));
    await app.worker.start();
    assert.deepEqual(await client.run("answer = [outcome(crashing)[1][0], outcome(looking)]"), [
      "billiard.exceptions.WorkerLostError",
      ["SUCCESS", null],
    ]);
    assert.deepEqual(marks, [2]);
    await client.run('held = [s("wait", 600000).apply_async() for _ in range(3)]');
    while (begun.length < 2) await sleep(20);
    await app.worker.close({ deadlineMs: 0 });
    while ((await left(app.queue)) < 3) await sleep(20);
    assert.equal(app.worker.counts.returned, 2);
  });

  test("goes on when RabbitMQ has crashed: nothing is lost, and what was begun begins again", async () => {
    const begun: unknown[] = [];
    await using app = await open({
      slow: async (x: number, { signal }: TaskContext) => {
        begun.push(x);
        if (begun.length === 1) await wait(600_000, { signal } as TaskContext);
        return x;
      },
    });
    await client.run('s("slow", 7).apply_async()');
    while (begun.length === 0) await sleep(20);
    await server.kill();
    while (app.worker.trouble === undefined) await sleep(20);
    assert.equal(app.worker.trouble.code, "QUEUE_UNREACHABLE");
    await server.up();
    while (app.worker.counts.succeeded === 0) await sleep(20);
    assert.deepEqual(begun, [7, 7]);
    assert.equal(app.worker.counts.lost, 1);
    assert.equal(app.worker.trouble, undefined);
    await openChannel();
    assert.equal(await left(app.queue), 0);
  });
});
