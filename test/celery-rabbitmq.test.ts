/** The real Celery and a real RabbitMQ, with workers of ours; and workers without Python. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "amqplib";
import pg from "pg";
import { OrangeryError } from "../src/errors.ts";
import { readPickledJson } from "../src/fleet/celery/results/python-pickle.ts";
import { type CeleryWorkerOptions, createCeleryWorker } from "../src/fleet/celery.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { CeleryClient, serve, type Work } from "./celery.fixture.ts";
import { RabbitmqClient } from "./rabbitmq-client.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";
import { openPostgres, type PostgresForTests } from "./servers/postgres-server.ts";
import { RabbitmqServer } from "./servers/rabbitmq-server.ts";
import { openRedis, type RedisForTests, uniqueName } from "./servers/redis-server.ts";

let server: RabbitmqServer;
let redis: RedisForTests;
let postgres: PostgresForTests;
let rabbit: RabbitmqClient;

before(async () => {
  [server, redis, postgres] = await Promise.all([
    RabbitmqServer.start(),
    openRedis(),
    openPostgres(),
  ]);
  rabbit = await RabbitmqClient.connect(server.url);
});
after(async () => {
  await rabbit?.[Symbol.asyncDispose]();
  await Promise.all([server, redis, postgres].map((started) => started?.[Symbol.asyncDispose]()));
});

/** A queue, and a worker that serves it. */
async function openQueue(
  functions: Readonly<Record<string, Work>>,
  options: Partial<CeleryWorkerOptions> = {},
) {
  const { queues: [queue] = [uniqueName("celery")] } = options;
  const worker = await serve(functions, {
    broker: server.url,
    queues: [queue!],
    defaultQueue: queue,
    name: `celery@${queue}`,
    backoffMs: 10,
    ...options,
  });
  return { queue: queue!, worker, [Symbol.asyncDispose]: () => worker.close({ deadlineMs: 0 }) };
}

const add = ([x, y]: [number, number]) => x + y;
const increment = (x: number) => x + 1;
const fail = () => {
  throw new OrangeryError("PHOTO_UNREADABLE", "Expected a photo.");
};
const failure = ["Exception", "PHOTO_UNREADABLE: Expected a photo."];
const wait = (ms: number, { signal }: TaskContext) => sleep(ms, "over", { signal });

const celery = findCelery();
const skip = "missing" in celery && celery.missing;

/** What is confirmed survives a crash. */
const common = { backend: "rpc://", broker_transport_options: { confirm_publish: true } };

describe("a Celery app on RabbitMQ", { skip, timeout: 300_000 }, () => {
  let client: CeleryClient;
  before(async () => {
    client = await CeleryClient.start((celery as { python: string }).python, server.url);
  });
  after(async () => {
    await client?.[Symbol.asyncDispose]();
  });

  /** A queue that an app uses, and a worker that serves it. */
  async function open(
    functions: Readonly<Record<string, Work>>,
    { conf = {}, ...options }: Partial<CeleryWorkerOptions> & { readonly conf?: object } = {},
  ) {
    const queue = uniqueName("celery");
    const settings = JSON.stringify(JSON.stringify({ ...common, ...conf }));
    await client.run(`use(${JSON.stringify(queue)}, **json.loads(${settings}))`);
    return await openQueue(functions, { queues: [queue], ...options });
  }

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
    assert.equal(await rabbit.left(app.queue), 0);
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
    assert.equal(await rabbit.left(app.queue), 0);
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
      rabbit.channel.sendToQueue(app.queue, Buffer.from(content), options);
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
    assert.equal(await rabbit.left(app.queue), 0);
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
});

describe("a worker on RabbitMQ", { timeout: 120_000 }, () => {
  test("sends results, and what follows them, and tries again", async () => {
    await using app = await openQueue({
      increment,
      fail,
      flaky: (_: unknown, { attempt }: TaskContext) => {
        if (attempt < 3) throw new Error("not yet");
        return attempt;
      },
    });
    const { queue } = app;
    const after = { task: "increment", args: [], kwargs: {} };
    const next = { ...after, options: { task_id: uniqueName("next"), reply_to: rabbit.replies } };
    const first = await rabbit.send(queue, "increment", [1], { link: [next] });
    assert.deepEqual(await rabbit.result(first), {
      status: "SUCCESS",
      result: 2,
      traceback: null,
      children: [[[next.options.task_id, null], null]],
    });
    assert.equal((await rabbit.result(next.options.task_id)).result, 3);
    const ends = ["fail", "missing", "flaky"].map((task) => rabbit.send(queue, task));
    const [failed, missing, flaky] = await Promise.all(
      ends.map(async (id) => await rabbit.result(await id)),
    );
    assert.partialDeepStrictEqual(failed, { status: "FAILURE", result: { exc_type: "Exception" } });
    assert.partialDeepStrictEqual(missing, { result: { exc_type: "NotRegistered" } });
    assert.equal(flaky?.result, 3);
    const chord = { header: [{ ...after, options: {} }], body: { ...after, options: {} } };
    const refused = await rabbit.send(queue, "increment", [1], {
      link: [{ task: "celery.chord", args: [], kwargs: chord, options: {} }],
    });
    assert.partialDeepStrictEqual(await rabbit.result(refused), {
      result: { exc_type: "NotImplementedError" },
    });
    for (const content of ["no JSON", "[]"]) {
      await rabbit.publish({ exchange: "", routingKey: queue }, Buffer.from(content));
    }
    const soon = await rabbit.send(queue, "increment", [1], { countdown: 0.3 });
    assert.equal((await rabbit.result(soon)).result, 2);
    assert.equal(await rabbit.left(queue), 0);
  });

  test("answers commands, and sends events", async () => {
    await using app = await openQueue({ wait }, { sendTaskEvents: true });
    const { channel } = rabbit;
    const { queue: events } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(events, "celeryev", "task.*");
    await channel.assertExchange("reply.celery.pidbox", "direct", { durable: false });
    const { queue: replies } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(replies, "reply.celery.pidbox", replies);
    const ask = async (method: string, given: object = {}) => {
      const command = {
        method,
        arguments: given,
        destination: [app.worker.name],
        ticket: "ticket",
        reply_to: { exchange: "reply.celery.pidbox", routing_key: replies },
      };
      const to = { exchange: "celery.pidbox", routingKey: "" };
      const options = { contentType: "application/json" };
      await rabbit.publish(to, Buffer.from(JSON.stringify(command)), options);
      for (;;) {
        const reply = await channel.get(replies, { noAck: true });
        if (reply) return JSON.parse(reply.content.toString())[app.worker.name];
        await sleep(10);
      }
    };
    assert.deepEqual(await ask("ping"), { ok: "pong" });
    assert.partialDeepStrictEqual(await ask("stats"), { broker: { transport: "amqp" } });
    const id = await rabbit.send(app.queue, "wait", [600_000]);
    while ((await ask("active")).length === 0) await sleep(10);
    assert.equal((await ask("revoke", { task_id: id, terminate: true })).ok, `terminate: ${id}`);
    assert.equal((await rabbit.result(id)).status, "REVOKED");
    await rabbit.publish({ exchange: "celery.pidbox", routingKey: "" }, Buffer.from("no JSON"));
    const names = [];
    for (let event = await channel.get(events); event; event = await channel.get(events)) {
      names.push(event.fields.routingKey);
    }
    assert.deepEqual(names.slice(0, 2), ["task.received", "task.started"]);
    await app.worker.ping();
  });

  test("receives what clients delay by RabbitMQ for quorum queues", async () => {
    await using app = await openQueue({ increment }, { queueType: "quorum" });
    const { id, content, options } = rabbit.message("increment", [1]);
    // One second, in 28 digits.
    const routingKey = `${"0.".repeat(27)}1.${app.queue}`;
    await rabbit.publish({ exchange: "celery_delayed_27", routingKey }, content, options);
    assert.equal((await rabbit.result(id)).result, 2);
  });

  test("stores results in the tables of SQLAlchemy, and runs no task again that has one", async () => {
    await using schema = await postgres.createSchema();
    let runs = 0;
    const echo = (value: unknown) => {
      runs++;
      return value;
    };
    const resultBackend = schema.url.replace(/^postgres(ql)?:/, "db+postgresql+psycopg2:");
    const options = { resultBackend, resultExtended: true };
    await using app = await openQueue({ echo, fail }, options);
    const value = { a: [1, -2, 2 ** 40, 1.5, true, null], b: { c: "ü🌱" } };
    const ids = [
      await rabbit.send(app.queue, "echo", [value]),
      await rabbit.send(app.queue, "fail"),
      await rabbit.send(app.queue, "missing"),
    ];
    const pool = new pg.Pool({ connectionString: schema.url });
    /** Waits for a result: a task is counted before it is stored. */
    const read = async (id: string | undefined) => {
      const query = "select * from celery_taskmeta where task_id = $1";
      for (;;) {
        const { rows } = await pool.query(query, [id]);
        if (rows.length > 0) return { ...rows[0], result: readPickledJson(rows[0].result) };
        await sleep(10);
      }
    };
    assert.partialDeepStrictEqual(await read(ids[0]), {
      status: "SUCCESS",
      result: value,
      name: "echo",
      queue: app.queue,
      retries: 0,
    });
    assert.partialDeepStrictEqual(await read(ids[1]), {
      status: "FAILURE",
      result: { exc_type: "Exception", exc_module: "builtins" },
    });
    await read(ids[2]);
    // As if the worker had died after it stored the result.
    const next = { task: "echo", args: [], kwargs: {}, options: { task_id: uniqueName("next") } };
    const again = rabbit.message("echo", [value], { task_id: ids[0], link: [next] });
    const headers = { ...again.options.headers, redelivered: true };
    const to = { exchange: "", routingKey: app.queue };
    await rabbit.publish(to, again.content, { ...again.options, headers });
    await read(next.options.task_id);
    assert.equal(runs, 2);
    await pool.end();
  });

  test("has a task fail that has cost its workers, and gives tasks back when it stops", async () => {
    const begun: string[] = [];
    const marks: number[] = [];
    await using app = await openQueue(
      {
        wait: (ms: number, context: TaskContext) => {
          begun.push(context.taskId);
          return wait(ms, context);
        },
        look: async (_: unknown, { taskId }: TaskContext) => {
          const mark = await rabbit.channel.get(`orangery.begun.${taskId}`);
          if (mark === false) return;
          rabbit.channel.nack(mark, false, true);
          marks.push(Number(mark.content));
        },
      },
      { autostart: false },
    );
    const { queue } = app;
    const crashing = await rabbit.send(queue, "look");
    const looking = await rabbit.send(queue, "look");
    // As if a worker had died that had both, and nine had before that had one.
    const lost = await connect(server.url);
    const losing = await lost.createChannel();
    for (let i = 0; i < 2; i++) assert.ok(await losing.get(queue));
    await lost.close();
    const markQueue = `orangery.begun.${crashing}`;
    const lasting = { durable: true, maxLength: 1, expires: 3 * 24 * 3_600_000 };
    await rabbit.channel.assertQueue(markQueue, { ...lasting, overflow: "drop-head" });
    await rabbit.publish({ exchange: "", routingKey: markQueue }, Buffer.from("10"));
    await app.worker.start();
    assert.partialDeepStrictEqual(await rabbit.result(crashing), {
      result: { exc_type: "WorkerLostError" },
    });
    assert.equal((await rabbit.result(looking)).status, "SUCCESS");
    assert.deepEqual(marks, [2]);
    const held = [1, 2, 3, 4].map(() => rabbit.send(queue, "wait", [600_000]));
    await Promise.all(held);
    while (begun.length < 3) await sleep(10);
    await app.worker.close({ deadlineMs: 0 });
    while ((await rabbit.left(queue)) < 4) await sleep(10);
    assert.equal(app.worker.counts.returned, 3);
  });

  test("goes on when its queue was deleted, and when RabbitMQ was away", async () => {
    const begun: unknown[] = [];
    await using app = await openQueue({
      slow: async (_: unknown, context: TaskContext) => {
        begun.push(context.taskId);
        return begun.length === 1 ? await wait(600_000, context) : "done";
      },
    });
    const { queue, worker } = app;
    await rabbit.channel.deleteQueue(queue);
    while ((await rabbit.channel.assertQueue(queue)).consumerCount === 0) await sleep(10);
    const id = await rabbit.send(queue, "slow");
    while (begun.length === 0) await sleep(10);
    await server.down();
    while (worker.trouble === undefined) await sleep(10);
    assert.equal(worker.trouble.retryable, true);
    await assert.rejects(worker.ping(), /no connection/);
    await server.up();
    while (worker.counts.succeeded === 0) await sleep(10);
    assert.deepEqual(begun, [id, id]);
    assert.equal(worker.counts.lost, 1);
    assert.equal(worker.trouble, undefined);
    rabbit = await RabbitmqClient.connect(server.url);
    assert.equal(await rabbit.left(queue), 0);
  });

  test("is not ready where it is refused", async () => {
    const refusals: [broker: string, code: string][] = [
      [server.url.replace("guest:guest", "guest:wrong"), "QUEUE_ACCESS_DENIED"],
      [server.url.replace(/\/\/$/, "/missing"), "QUEUE_ACCESS_DENIED"],
    ];
    for (const [broker, code] of refusals) {
      await using worker = createCeleryWorker({}, { broker, autostart: false });
      await assert.rejects(worker.ready, { code });
    }
  });
});
