/** Metrics and probes of a fleet: real processes, a real Redis, and HTTP. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Queue } from "bullmq";
import { createWorker } from "../src/fleet/bullmq.ts";
import { QueueWatch } from "../src/fleet/depth/queue-watch.ts";
import { serveDepth } from "../src/fleet/depth/serve-depth.ts";
import { QueueCatalogue } from "../src/fleet/recipes/queue-catalogue.ts";
import { recipeQueuePlace } from "../src/fleet/recipes/recipe-queue.ts";
import { serveFleet } from "../src/fleet/supervisor/serve-fleet.ts";
import { silentLogger } from "../src/logger.ts";
import type { MonitorServer } from "../src/monitor/monitor-server.ts";
import { parsePrometheusText, sampleValue } from "../src/monitor/prometheus-text.fixture.ts";
import { TinyModels } from "../src/tasks/tiny-models.fixture.ts";
import { GivenTask, TestQueue } from "./fleet.fixture.ts";
import { isAlive, TestFleet } from "./fleet-supervisor.fixture.ts";
import type { TestJob } from "./fleet-tasks.fixture.ts";
import { RedisServer } from "./servers/redis-server.ts";
import { RecordingTelemetry } from "./telemetry.fixture.ts";

let redis: RedisServer;
let models: TinyModels;
let cache: string;

before(async () => {
  redis = await RedisServer.start();
  models = await TinyModels.create();
  cache = await mkdtemp(join(tmpdir(), "orangery-metrics-"));
  process.env.ORANGERY_CACHE = cache;
});
after(async () => {
  await models[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

/** What Prometheus and Kubernetes would see. */
class Monitored implements AsyncDisposable {
  readonly #server: MonitorServer;
  readonly #watch: QueueWatch;

  private constructor(server: MonitorServer, watch: QueueWatch) {
    this.#server = server;
    this.#watch = watch;
  }

  static async start({ supervisor }: TestFleet, queue: TestQueue): Promise<Monitored> {
    const { name, connection } = queue;
    const watch = new QueueWatch({ queue: name, connection, maxAgeMs: 50, timeoutMs: 200 });
    const readQueue = () => watch.read();
    const server = await serveFleet({ supervisor, readQueue, port: 0, logger: silentLogger });
    return new Monitored(server, watch);
  }

  async get(path: string): Promise<{ status: number; body: string }> {
    const response = await fetch(this.#server.url + path);
    return { status: response.status, body: await response.text() };
  }

  async value(name: string, labels: Record<string, string> = {}): Promise<number | undefined> {
    const { body } = await this.get("/metrics");
    return sampleValue(parsePrometheusText(body), `orangery_${name}`, labels);
  }

  async untilValue(name: string, labels: Record<string, string>, wanted: number): Promise<void> {
    while ((await this.value(name, labels)) !== wanted) await sleep(20);
  }

  async untilReady(status: 200 | 503): Promise<string[]> {
    for (;;) {
      const ready = await this.get("/ready");
      if (ready.status === status) return JSON.parse(ready.body).reasons;
      await sleep(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    await this.#watch[Symbol.asyncDispose]();
  }
}

const succeeded = { outcome: "succeeded" };

async function work(queue: TestQueue, count: number, job: TestJob): Promise<void> {
  const jobs = await Promise.all(Array.from({ length: count }, () => queue.add(job)));
  await Promise.all(jobs.map((each) => queue.result(each)));
}

describe("a fleet's metrics", () => {
  test("are the sum of its processes', and never go back when one ends", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      devices: "cpu*2",
      models: { detect: models.files.detect },
    });
    await using monitored = await Monitored.start(fleet, queue);
    const [first] = await fleet.until("ready", 2);
    await work(queue, 12, { predict: true });
    await monitored.untilValue("tasks_total", succeeded, 12);
    assert.equal(await monitored.value("model_loads_total", { model: "detect" }), 2);
    assert.equal(await monitored.value("stage_seconds_count", { stage: "inference" }), 12);
    assert.equal(await monitored.value("queue_wait_seconds_count"), 12);
    assert.equal(await monitored.value("worker_slots", { state: "working" }), 2);
    const loads = await monitored.value("model_loads_per_1000_tasks");
    assert.equal(loads, (1000 * 2) / 12);

    process.kill(first!.pid, "SIGKILL");
    // At every moment, with the process there or not.
    const seen: number[] = [];
    while ((await monitored.value("model_loads_total", { model: "detect" })) !== 3) {
      seen.push((await monitored.value("tasks_total", succeeded))!);
    }
    assert.deepEqual(new Set(seen), new Set([12]));
    assert.equal(await monitored.value("worker_failures_total", { worker: first!.slot }), 1);
    assert.equal(isAlive(first!.pid), false);

    fleet.supervisor.recycle();
    await fleet.until("recycled", 2);
    await work(queue, 3, { predict: true });
    await monitored.untilValue("tasks_total", succeeded, 15);
    await monitored.untilValue("model_loads_total", { model: "detect" }, 5);
    assert.equal(await monitored.value("worker_recycles_total", { reason: "asked for" }), 2);
  });

  test("have the depth and the age of the queue", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, { worker: { concurrency: 1 } });
    await using monitored = await Monitored.start(fleet, queue);
    await fleet.until("ready");
    await queue.queue.pause();
    const at = { queue: queue.name, recipe: "" };
    const timestamp = Date.now() - 60_000;
    await queue.add({ sleepMs: 1 }, { timestamp });
    await queue.add({ sleepMs: 1 });
    await queue.add({ sleepMs: 1 }, { priority: 1, timestamp: timestamp - 60_000 });
    await monitored.untilValue("queue_jobs", { ...at, state: "waiting" }, 3);
    await monitored.untilValue("queue_paused", at, 1);
    const age = await monitored.value("queue_oldest_waiting_seconds", at);
    assert.ok(age !== undefined && age >= 120 && age < 180, `${age} s`);

    await queue.queue.resume();
    await monitored.untilValue("queue_ended_total", { ...at, outcome: "succeeded" }, 3);
    await monitored.untilValue("queue_jobs", { ...at, state: "waiting" }, 0);
    assert.equal(await monitored.value("queue_oldest_waiting_seconds", at), 0);
    assert.equal(await monitored.value("queue_paused", at), 0);
    assert.equal(await monitored.value("queue_reachable", { queue: queue.name }), 1);
  });

  test("have what a process did until its end", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue);
    await using monitored = await Monitored.start(fleet, queue);
    await fleet.until("ready");
    const job = await queue.add({ sleepMs: 200 });
    while ((await job.getState()) !== "active") await sleep(5);
    fleet.supervisor.stop({ deadlineMs: 20_000 });
    await fleet.ended;
    assert.equal(await monitored.value("tasks_total", succeeded), 1);
  });
});

describe("the depth of a queue", () => {
  test("is that of each recipe, by its name, or by its hash where two have the same", async () => {
    await using queue = new TestQueue(redis.url);
    const place = { queue: queue.name, connection: redis.url };
    await using watch = new QueueWatch({ ...place, maxAgeMs: 0 });
    const recipes = async () => (await watch.read()).depths!.map(({ recipe }) => recipe);
    assert.deepEqual(await recipes(), [""]);

    const catalogue = new QueueCatalogue(queue.queue);
    const names = ["plants", "beds", "beds"];
    for (const [i, name] of names.entries()) {
      const addedAt = new Date(i).toISOString();
      await catalogue.add({ hash: `${i}`.repeat(64), name, document: {}, addedAt });
    }
    assert.deepEqual(await recipes(), ["plants", "1".repeat(12), "2".repeat(12)]);

    const of = recipeQueuePlace(place, "1".repeat(64));
    const beds = new Queue(of.queue, { connection: { url: redis.url }, prefix: of.prefix! });
    await beds.add("photo", {}, { timestamp: Date.now() - 3000 });
    await beds.add("photo", {}, { delay: 60_000 });
    const [plants, oneOfBeds] = (await watch.read()).depths!;
    await beds.obliterate({ force: true });
    await beds.close();
    assert.equal(plants!.waiting, 0);
    assert.deepEqual([oneOfBeds!.waiting, oneOfBeds!.delayed], [1, 1]);
    assert.ok(oneOfBeds!.oldestWaitingMs >= 3000);

    // Jobs of tasks, beside those of recipes.
    await queue.add({});
    assert.deepEqual((await recipes()).slice(0, 2), ["", "plants"]);

    // Without a worker.
    await using server = await serveDepth({ ...place, port: 0 });
    const response = await fetch(`${server.url}/metrics`);
    const families = parsePrometheusText(await response.text());
    const at = { queue: queue.name, recipe: "", state: "waiting" };
    assert.equal(sampleValue(families, "orangery_queue_jobs", at), 1);
    assert.equal(sampleValue(families, "orangery_queue_reachable", { queue: queue.name }), 1);
  });
});

describe("/ready", () => {
  test("is 503 until every slot has a proved process, and when one is dead", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      devices: "cpu*2",
      // So that the dead one stays dead for a while.
      backoff: { firstMs: 2000 },
    });
    await using monitored = await Monitored.start(fleet, queue);
    assert.equal((await monitored.get("/ready")).status, 503);
    assert.deepEqual(await monitored.untilReady(200), []);
    const [first] = await fleet.until("ready");
    const { pid, slot } = first!;
    process.kill(pid, "SIGKILL");
    const [reason] = await monitored.untilReady(503);
    assert.match(reason!, new RegExp(`^${slot}: it is \\w+`));
    const health = await monitored.get("/health");
    assert.equal(health.status, 200);
    const states = JSON.parse(health.body).slots.map(({ ready }: { ready: boolean }) => ready);
    assert.deepEqual(states.toSorted(), [false, true]);
    assert.equal(await monitored.value("worker_ready", { worker: slot }), 0);
    await monitored.untilReady(200);
  });

  test("is 503 while a worker cannot start, and says why", async () => {
    await using queue = new TestQueue(redis.url);
    const module = 'export default async () => { throw new Error("its database is away"); }';
    const task = `data:text/javascript,${encodeURIComponent(module)}`;
    await using fleet = new TestFleet(queue, { task });
    await using monitored = await Monitored.start(fleet, queue);
    await fleet.until("failed");
    const [reason] = await monitored.untilReady(503);
    assert.match(reason!, /its database is away/);
  });

  test("is 503 while Redis is away, and 200 when it is back", async () => {
    await using server = await RedisServer.start();
    await using queue = new TestQueue(server.url);
    await using fleet = new TestFleet(queue);
    await using monitored = await Monitored.start(fleet, queue);
    await monitored.untilReady(200);
    await server.kill();
    assert.deepEqual(await monitored.untilReady(503), ["cpu0@host: it does not reach Redis"]);
    const at = { queue: queue.name };
    await monitored.untilValue("queue_reachable", at, 0);
    assert.equal(await monitored.value("worker_queue_served", { worker: "cpu0@host" }), 0);
    const waiting = { ...at, recipe: "", state: "waiting" };
    assert.equal(await monitored.value("queue_jobs", waiting), undefined);
    assert.equal((await monitored.get("/health")).status, 200);
    await server.up();
    await monitored.untilReady(200);
    await monitored.untilValue("queue_reachable", at, 1);
  });

  test("is 503 while the supervisor stops", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue);
    await using monitored = await Monitored.start(fleet, queue);
    await monitored.untilReady(200);
    const job = await queue.add({ sleepMs: 1000 });
    while ((await job.getState()) !== "active") await sleep(5);
    fleet.supervisor.stop({ deadlineMs: 20_000 });
    const [reason] = await monitored.untilReady(503);
    assert.equal(reason, "cpu0@host: it is stopping");
    await fleet.ended;
  });
});

describe("a worker without a supervisor", () => {
  test("has its metrics in a registry of its own", async () => {
    await using queue = new TestQueue(redis.url);
    const task = new GivenTask<number, number>((sleepMs, { timings }) => {
      timings({ decode: sleepMs });
      return sleepMs;
    });
    const { name, connection } = queue;
    await using worker = createWorker(task, { connection, queue: name, name: "cpu0@host" });
    await queue.result(await queue.add(5));
    const families = parsePrometheusText(await worker.metrics.metrics());
    assert.equal(sampleValue(families, "orangery_tasks_total", succeeded), 1);
    assert.equal(sampleValue(families, "orangery_stage_seconds_sum", { stage: "decode" }), 0.005);
  });

  test("makes spans of its jobs, as children of the span that added them", async () => {
    await using queue = new TestQueue(redis.url);
    const telemetry = new RecordingTelemetry();
    const { name, connection } = queue;
    const task = new GivenTask(() => telemetry.active()?.name);
    queue.queue.opts.telemetry = telemetry;
    await using _worker = createWorker(task, { connection, queue: name, telemetry });
    const job = await telemetry.within("the order", () => queue.add({}));
    assert.match(String(await queue.result(job)), /process/);
    const processed = telemetry.spans.find((span) => span.attributes["bullmq.job.id"] === job.id);
    assert.ok(processed, "the job has a span");
    assert.ok(telemetry.ancestors(processed).includes("the order"));
  });
});
