import type { Redis } from "ioredis";
import { formatBytes } from "../../base/quantities.ts";
import { OrangeryError } from "../../errors.ts";
import { toQueueError, toQueueFailure } from "../../fleet/queue/queue-errors.ts";
import { checkConnection } from "../../fleet/queue/redis-connection.ts";
import { green, type Observation, observationOf, red, yellow } from "../finding.ts";
import { compareClocks } from "./clock.ts";

export interface RedisPlace {
  readonly url: string;
  /** The queue whose keys are to be used. */
  readonly queue: string;
}

/** The oldest Redis that a queue runs on. */
const oldest = [6, 2] as const;

/**
 * A queue's Redis, and its clock. All requests either read or address a key that does not exist: a
 * refusal reveals a missing right.
 */
export async function lookAtRedis(
  { url, queue }: RedisPlace,
  { timeoutMs }: { readonly timeoutMs: number },
): Promise<ReadonlyMap<string, Observation>> {
  checkConnection(url);
  const client = await connect(url, timeoutMs);
  try {
    await client.connect();
    const found = new Map([["redis", describe(readInfo(await client.info()))]]);
    found.set("queue", await lookAtRights(client, queue));
    const clock = await lookAtClock(client);
    if (clock !== undefined) found.set("clock", clock);
    return found;
  } catch (error) {
    throw toQueueFailure(failureOf(client) ?? error, queue);
  } finally {
    client.disconnect();
  }
}

const failures = new WeakMap<Redis, Error>();

/** Why a connection failed; a request only hears that it is closed. */
function failureOf(client: Redis): Error | undefined {
  return failures.get(client);
}

async function connect(url: string, timeoutMs: number): Promise<Redis> {
  const { Redis: Client } = await import("ioredis").catch((cause) => {
    throw new OrangeryError(
      "PACKAGE_MISSING",
      "Expected the package ioredis for queues, but it is not installed. " +
        "Run `npm install bullmq ioredis`.",
      { cause },
    );
  });
  const client = new Client(url, {
    lazyConnect: true,
    // A Redis that is loading its data replies so.
    enableReadyCheck: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    connectionName: "orangery-doctor",
  });
  client.on("error", (error: Error) => failures.set(client, error));
  return client;
}

/** Undefined where the user may not ask for the time, which a queue does not need. */
async function lookAtClock(client: Redis): Promise<Observation | undefined> {
  const askedAtMs = Date.now();
  const answer = await client.time().catch(() => undefined);
  if (answer === undefined) return undefined;
  const [seconds, microseconds] = answer.map(Number);
  const serverMs = 1000 * seconds! + microseconds! / 1000;
  return compareClocks({ server: "Redis", serverMs, askedAtMs, answeredAtMs: Date.now() });
}

function readInfo(text: string): ReadonlyMap<string, string> {
  return new Map(
    Array.from(text.matchAll(/^([\w-]+):(.*?)\r?$/gm), ([, name, value]) => [name!, value!]),
  );
}

function describe(info: ReadonlyMap<string, string>): Observation {
  const text = (name: string) => info.get(name) ?? "";
  const number = (name: string) => Number(info.get(name) ?? 0);
  const version = text("redis_version");
  const policy = info.get("maxmemory_policy");
  const [mostBytes, usedBytes] = [number("maxmemory"), number("used_memory")];
  const isAppending = text("aof_enabled") === "1";
  const isCluster = text("cluster_enabled") === "1";
  const figures = {
    version,
    role: text("role"),
    isCluster,
    maxmemoryPolicy: policy,
    maxmemoryBytes: mostBytes,
    usedBytes,
    isAppendOnly: isAppending,
  };
  const name = `Redis ${version}`;
  if (isOlder(version)) {
    return red(`${name} is too old for the queue.`, `Update it to ${oldest.join(".")}.`, figures);
  }
  if (text("role") === "slave") {
    return red(
      `${name} is a replica, which takes no jobs.`,
      "Connect to its master (--queue-url, ORANGERY_QUEUE_URL).",
      figures,
    );
  }
  if (policy !== undefined && policy !== "noeviction") {
    const when = mostBytes === 0 ? "once it has a limit of memory" : "when its memory is full";
    const full = mostBytes === 0 ? "" : ` (${formatBytes(usedBytes)} of ${formatBytes(mostBytes)})`;
    const says = mostBytes === 0 ? yellow : red;
    return says(
      `${name} throws jobs away ${when}${full}: its maxmemory-policy is ${policy}.`,
      "Set `maxmemory-policy noeviction` in its configuration.",
      figures,
    );
  }
  if (mostBytes > 0 && usedBytes > 0.9 * mostBytes) {
    return yellow(
      `${name} has used ${formatBytes(usedBytes)} of the ${formatBytes(mostBytes)} it may take.`,
      "Raise its maxmemory, or remove old jobs: it takes no more when that is full.",
      figures,
    );
  }
  if (text("aof_last_write_status") === "err" || text("rdb_last_bgsave_status") === "err") {
    return red(`${name} could not save its data.`, "Look at its disk and its log.", figures);
  }
  if (!isAppending) {
    return yellow(
      `${name} does not write each change to its disk, so a restart forgets jobs.`,
      "Set `appendonly yes` in its configuration.",
      figures,
    );
  }
  const cluster = isCluster ? ", a node of a cluster" : "";
  return green(`${name}${cluster}, keeps all jobs (noeviction, appendonly).`, figures);
}

function isOlder(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < oldest[0] || (major === oldest[0] && minor < oldest[1]);
}

/** One request of each group of rights that a queue needs, none of which changes anything. */
function requests(key: string): readonly (readonly [string, ...(string | number)[]])[] {
  return [
    ["hgetall", `${key}:meta`],
    ["del", `${key}:orangery-doctor`],
    ["lpushx", `${key}:orangery-doctor`, "x"],
    ["xadd", `${key}:orangery-doctor`, "NOMKSTREAM", "*", "x", "x"],
    ["eval", "return 0", 2, `${key}:wait`, `${key}:orangery-doctor`],
    ["bzpopmin", `${key}:orangery-doctor`, "0.01"],
    ["multi"],
    ["exec"],
  ];
}

/** Whether the user may do what a queue needs, with its keys. */
async function lookAtRights(client: Redis, queue: string): Promise<Observation> {
  for (const [command, ...parameters] of requests(`bull:${queue}`)) {
    try {
      await client.call(command, ...parameters);
    } catch (error) {
      const known = toQueueError(error, queue);
      return observationOf(known ?? error, "Give the user the rights of docs/deploy.md.");
    }
  }
  return green(`This user has the rights that the queue ${queue} needs.`, { queue });
}
