/** What the queue and the result cost for a task that does nothing: `node bench/celery/cost.ts`. */
import { Redis } from "ioredis";
import { createCeleryWorker } from "../../src/fleet/celery.ts";
import { CeleryClient } from "../../test/celery.fixture.ts";
import { findCelery } from "../../test/servers/celery-python.ts";
import { RedisServer } from "../../test/servers/redis-server.ts";
import { canvasTasks } from "./canvas-tasks.ts";

const tasks = 5_000;
const celery = findCelery();
if ("missing" in celery) throw new Error(celery.missing);
await using server = await RedisServer.start({ fsync: "everysec" });
await using client = await CeleryClient.start(celery.python, server.url);
const redis = new Redis(server.url);
const serverCpuMs = async () => {
  const info = await redis.info("cpu");
  const seconds = ["used_cpu_user", "used_cpu_sys"].map((name) =>
    Number(new RegExp(`${name}:([\\d.]+)`).exec(info)![1]),
  );
  return 1000 * (seconds[0]! + seconds[1]!);
};
await client.run(`
use("celery")
sent = [s("matrix.identity", n).apply_async() for n in range(${tasks})]
`);
await using worker = createCeleryWorker(canvasTasks(redis, "celery"), {
  broker: server.url,
  autostart: false,
});
await worker.ready;
const before = await serverCpuMs();
const cpuBefore = process.cpuUsage();
const startMs = performance.now();
void worker.start();
while (worker.counts.succeeded < tasks) await new Promise((resolve) => setTimeout(resolve, 10));
const wallMs = performance.now() - startMs;
const { user, system } = process.cpuUsage(cpuBefore);
const serverMs = (await serverCpuMs()) - before;
redis.disconnect();
for (const [what, ms] of [
  ["CPU of the worker", (user + system) / 1000],
  ["CPU of Redis", serverMs],
  ["time, two tasks at once", wallMs],
] as const) {
  console.log(`${what}: ${(ms / tasks).toFixed(2)} ms a task`);
}
