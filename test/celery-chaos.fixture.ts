import { setTimeout as sleep } from "node:timers/promises";
import { celeryModuleUrl } from "../src/fleet/celery/serve/celery-settings.ts";
import { CeleryClient } from "./celery.fixture.ts";
import { OwnCache, PhotosToCount } from "./fleet-photos.fixture.ts";
import { TestFleet } from "./fleet-supervisor.fixture.ts";
import { RabbitmqServer } from "./servers/rabbitmq-server.ts";
import { RedisServer } from "./servers/redis-server.ts";

export interface CeleryChaosOptions {
  /** A Python with Celery. */
  readonly python: string;
  /** The broker, which is killed, too. Results are in a Redis, by default the same. */
  readonly broker?: "redis" | "rabbitmq";
  readonly photos: number;
  readonly processes: number;
  /** A process is killed when so much time has passed and so many more results are there. */
  readonly killAfter: { readonly ms: number; readonly results: number };
}

/** What became of the tasks. */
export interface CeleryChaosOutcome {
  readonly kills: number;
  /** By state: how many of the results that `AsyncResult.get()` returned. */
  readonly states: Readonly<Record<string, number>>;
  /** Photos with a result in the ledger, and results. */
  readonly photos: number;
  readonly results: number;
  readonly failures: number;
  /** Messages that are left. */
  readonly left: number;
  readonly seconds: number;
}

/**
 * Sends a task for each photo from Python, while processes of the fleet are killed and the broker
 * is once, and waits for all results.
 */
export async function runCeleryChaos({
  python,
  broker = "redis",
  photos: count,
  processes,
  killAfter,
}: CeleryChaosOptions): Promise<CeleryChaosOutcome> {
  await using _cache = await OwnCache.create();
  await using redis = await RedisServer.start();
  await using rabbitmq = broker === "redis" ? undefined : await RabbitmqServer.start();
  const server = rabbitmq ?? redis;
  await using photos = await PhotosToCount.create(count);
  const settings = photos.celerySettings({ broker: server.url, resultBackend: redis.url });
  await using fleet = new TestFleet(
    { name: "celery", connection: server.url },
    {
      devices: `cpu*${processes}`,
      task: celeryModuleUrl,
      settings,
      // A process that is killed before its first task has failed, as far as its supervisor knows.
      backoff: { firstMs: 10, longestMs: 50, mostFailures: 1000 },
    },
  );
  await fleet.until("ready", processes);
  await using client = await CeleryClient.start(python, server.url);
  const startMs = performance.now();
  await client.run(`
import os
from collections import Counter
from threading import Thread
use("celery", backend=${JSON.stringify(redis.url)}, result_backend_always_retry=True)
if broker.startswith("amqp"): app.conf.broker_transport_options = {"confirm_publish": True}
folder = ${JSON.stringify(photos.folder)}
sent = [app.send_task("orangery.count", [os.path.join(folder, n)]) for n in sorted(os.listdir(folder))]
ready = []
# It waits from the beginning on, as those who call tasks do.
waiting = Thread(target=lambda: ready.extend(outcome(r, timeout=600, again=5) for r in sent), daemon=True)
waiting.start()
`);
  const done = async () => (await photos.results()).length;
  let kills = 0;
  let isRestarted = false;
  for (let next = killAfter.results; ; ) {
    await sleep(killAfter.ms);
    const results = await done();
    if (results === count) break;
    if (!isRestarted && results >= count / 3) {
      isRestarted = true;
      await server.kill();
      await sleep(300);
      await server.up();
    }
    const workers = fleet.status.filter(({ healthy }) => healthy);
    const worker = workers[Math.floor(Math.random() * workers.length)];
    if (results < next || worker?.pid === undefined) continue;
    process.kill(worker.pid, "SIGKILL");
    kills++;
    next = results + killAfter.results;
  }
  const states = (await client.run(`
waiting.join(50)
answer = dict(Counter(state for state, value in ready))
assert len({value["image"] for state, value in ready}) == len(sent)
`)) as Record<string, number>;
  const seconds = (performance.now() - startMs) / 1000;
  const results = await photos.results();
  const left = await client.run(`
import redis
if broker.startswith("amqp"):
    with app.connection() as connection:
        channel = connection.default_channel
        def unread(queue): return channel.queue_declare(queue, passive=True).message_count
        until(lambda: unread("celery") == 0)
        answer = unread("celery")
else:
    client = redis.Redis.from_url(broker)
    answer = client.llen("celery") + client.hlen("unacked")
`);
  return {
    kills,
    states,
    photos: new Set(results.map(({ source }) => source)).size,
    results: new Set(results.map(({ id }) => id)).size,
    failures: Object.keys(await photos.failures()).length,
    left: left as number,
    seconds,
  };
}
