/**
 * How long the commands for jobs take with many of them, on Redis and on PostgreSQL:
 * `node bench/many-jobs.ts [600000]`. A sixth of the jobs has failed, with one of two codes.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { OpenQueue } from "../src/fleet/queue/open-queue.ts";
import { PostgresServer } from "../test/servers/postgres-server.ts";
import { RedisServer } from "../test/servers/redis-server.ts";
import { table } from "./figures.ts";

const total = Number(process.argv[2] ?? 600_000);
const failed = Math.round(total / 6);
const queueName = "photos";
const reasons = ["PHOTO_UNREADABLE: Expected a photo.", "MODEL_LOAD_FAILED: Expected memory."];
const program = join(import.meta.dirname, "../src/cli/main.ts");
const commands = [
  ["status"],
  ["jobs", "list"],
  ["jobs", "list", "--state", "failed"],
  ["jobs", "list", "--under", "/photos/599"],
  ["jobs", "list", "--limit", "0", "--json"],
  ["jobs", "drop", "--code", "PHOTO_UNREADABLE", "--dry-run"],
  ["jobs", "move-first", "--under", "/photos/300"],
  ["jobs", "pause"],
  ["jobs", "resume"],
  ["jobs", "retry", "--code", "PHOTO_UNREADABLE"],
  ["jobs", "drop", "--under", "/photos/1"],
  ["status"],
];

const measured: (readonly [seconds: number, peakBytes: number])[][] = [];
{
  await using server = await RedisServer.start({ fsync: "everysec" });
  await addJobs(server.url);
  await failInRedis(server.url);
  measured.push(await runAll(server.url));
}
{
  await using server = await PostgresServer.start();
  await addJobs(server.url);
  await failInPostgres(server.url);
  measured.push(await runAll(server.url));
}
const [onRedis, onPostgres] = measured as [(typeof measured)[0], (typeof measured)[0]];
console.log(
  table(
    [`${total} jobs`, "Redis, s", "MB", "PostgreSQL, s", "MB"],
    commands.map((command, i) => [
      command.join(" "),
      ...[onRedis[i]!, onPostgres[i]!].flatMap(([seconds, bytes]) => [
        seconds.toFixed(2),
        (bytes / 1e6).toFixed(0),
      ]),
    ]),
  ),
);

async function addJobs(connection: string): Promise<void> {
  await using queue = await OpenQueue.open({ connection, queue: queueName, isMade: true });
  const batch = 5_000;
  for (let first = 0; first < total; first += batch) {
    const numbers = Array.from({ length: Math.min(batch, total - first) }, (_, i) => first + i);
    await queue.bullmq.addBulk(
      numbers.map((n) => ({
        name: "photo",
        data: { photo: `/photos/${Math.floor(n / 1000)}/${n}.jpg` },
        opts: { jobId: `photo-${n}` },
      })),
    );
  }
}

/** As BullMQ leaves jobs that have failed, without the work. */
async function failInRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  const key = `bull:${queueName}`;
  for (let first = 0; first < failed; first += 5_000) {
    const ids = (await redis.rpop(`${key}:wait`, Math.min(5_000, failed - first))) ?? [];
    const pipeline = redis.pipeline();
    for (const [i, id] of ids.entries()) {
      const now = Date.now();
      pipeline.hset(`${key}:${id}`, { failedReason: reasons[i % 2]!, finishedOn: now, atm: 1 });
      pipeline.zadd(`${key}:failed`, now, id);
    }
    await pipeline.exec();
  }
  redis.disconnect();
}

async function failInPostgres(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(
    "select table_schema from information_schema.tables where table_name = 'job'",
  );
  await client.query(
    `update ${rows[0].table_schema}.job
     set state = 'failed', attempts_made = 1, finished_at_ms = $2,
       failed_reason = case when seq % 2 = 0 then $3 else $4 end
     where id in (select id from ${rows[0].table_schema}.job order by seq limit $1)`,
    [failed, Date.now(), ...reasons],
  );
  await client.end();
}

async function runAll(url: string): Promise<(readonly [number, number])[]> {
  const all: (readonly [number, number])[] = [];
  for (const command of commands) all.push(await run(url, command));
  return all;
}

async function run(url: string, command: readonly string[]) {
  const startMs = performance.now();
  const child = spawn(
    process.execPath,
    [program, ...command, "--queue", queueName, "--queue-url", url],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let peakBytes = 0;
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      peakBytes = Math.max(peakBytes, 1024 * Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    } catch {
      // It has ended.
    }
  }, 20);
  child.stdout.resume();
  const [status] = await once(child, "close");
  clearInterval(watch);
  if (status !== 0) console.error(`${command.join(" ")} ended with ${status}`);
  return [(performance.now() - startMs) / 1000, peakBytes] as const;
}
