/** `orangery doctor` on five machines that are prepared for it. */
import assert from "node:assert/strict";
import { globSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { appendFile, copyFile, mkdir, readdir, rmdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { tryAgain } from "../src/base/try-again.ts";
import type { Finding } from "../src/doctor/finding.ts";
import { lookAtRedis } from "../src/doctor/servers/redis.ts";
import { tinyYolo } from "../src/models/yolo/tiny-yolo.fixture.ts";
import { findLibrary } from "../src/native/library/library.ts";
import { CliFolder, mainFile, type Outcome, runCli } from "./cli.fixture.ts";
import { RedisServer } from "./servers/redis-server.ts";

const root = join(import.meta.dirname, "..");
/** A small native addon. */
const addon = "node_modules/@img/sharp-linux*/lib/*.node";

/** What the machine of a developer may have set. */
const plain = {
  REDIS_URL: "",
  ORANGERY_QUEUE_URL: "",
  ORANGERY_RESULTS: "",
  ORANGERY_EP_LIBRARY: "",
};

interface Examined {
  readonly verdict: string;
  readonly findings: readonly Finding[];
}

function read({ stdout }: Outcome): Examined {
  return JSON.parse(stdout);
}

/** A machine with a GPU has findings of its own. */
function isOfEveryMachine({ section, topic }: Finding): boolean {
  return section !== "devices" || topic === "runtime" || topic === "cpu";
}

/** Whatever else the machine computes at the time. */
function isOfQuietMachine({ topic, sentence }: Finding): boolean {
  return topic !== "processor" || !sentence.includes("other programs keep it busy");
}

/** What is not green, by topic. */
function ailing({ findings }: Examined): Record<string, Finding> {
  return Object.fromEntries(
    findings
      .filter(({ verdict }) => verdict !== "green")
      .map((finding) => [finding.topic, finding]),
  );
}

let redis: RedisServer;
let folder: CliFolder;
before(async () => {
  const options = ["--requirepass", "geheim"];
  [redis, folder] = await Promise.all([RedisServer.start({ options }), CliFolder.create()]);
});
after(async () => {
  await redis[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

function redisUrl(): string {
  return redis.url.replace("redis://", "redis://default:geheim@");
}

/** Runs `orangery doctor` in the folder. */
async function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const cache = { ORANGERY_CACHE: join(folder.path, "cache") };
  return await runCli(["doctor", ...args], {
    cwd: folder.path,
    env: { ...plain, ...cache, ...env },
  });
}

test("a healthy machine is green, and left as it was", { timeout: 120_000 }, async () => {
  await writeFile(join(folder.path, "tiny.onnx"), tinyYolo());
  const outcome = await doctor(["tiny.onnx", "--json", "--results", "results.db"], {
    REDIS_URL: redisUrl(),
  });
  const examined = read(outcome);
  const ails = Object.values(ailing(examined)).filter(isOfEveryMachine);
  assert.deepEqual(ails.filter(isOfQuietMachine), []);
  assert.equal(outcome.status, examined.verdict === "green" ? 0 : 3);
  assert.doesNotMatch(outcome.stdout + outcome.stderr, /geheim/);
  const findings = examined.findings.filter(isOfEveryMachine);
  assert.deepEqual(
    findings.map(({ section, topic }) => `${section} ${topic}`),
    [
      ...["machine node", "machine processor", "machine memory", "machine open files"],
      ...["devices runtime", "devices cpu", "folders cache", "folders temporary"],
      ...["servers redis", "servers queue", "servers clock", "servers results"],
      ...[
        "model model",
        "model load",
        "model predictions",
        "model runs",
        "model growth",
        "model precision",
      ],
    ],
  );
  const figuresOf = (wanted: string) => findings.find(({ topic }) => topic === wanted)?.figures;
  assert.equal(figuresOf("growth")?.predictions, 200);
  assert.equal(figuresOf("memory")?.isMeasured, true);
  assert.ok(Number(figuresOf("cpu")?.gflopPerSecond) > 0);
  assert.deepEqual(await readdir(folder.path), ["tiny.onnx"]);
});

test("a cache folder without rights is yellow, with what to do", { timeout: 120_000 }, async () => {
  const way = join(folder.path, "way");
  await writeFile(way, "");
  const { status, stdout } = await doctor([], { ORANGERY_CACHE: join(way, "cache") });
  assert.equal(status, 3);
  assert.match(stdout, /! cache +Models cannot be saved in .*: a file is in the way/);
  assert.match(stdout.replaceAll(/\s+/g, " "), /→ Move that file away, or set ORANGERY_CACHE/);
  assert.match(stdout, /This machine will do the job, and \d+ things? could be better\.\n$/);
});

test("results of another kind are red, as a run refuses them", { timeout: 120_000 }, async () => {
  for (const scheme of ["mysql", "postgress"]) {
    const outcome = await doctor(["--json", "--results", `${scheme}://me:geheim@db1/counts`]);
    const { results } = ailing(read(outcome));
    assert.deepEqual([outcome.status, results?.verdict], [1, "red"]);
    assert.match(results!.sentence, new RegExp(`URL postgres://…, got a URL ${scheme}://…`));
    assert.doesNotMatch(outcome.stdout + outcome.stderr, /geheim/);
  }
});

test("a Redis that evicts is red once it has a limit of memory", { timeout: 60_000 }, async () => {
  const { Redis } = await import("ioredis");
  const client = new Redis(redisUrl());
  try {
    await client.config("SET", "maxmemory-policy", "allkeys-lru");
    const place = { url: redisUrl(), queue: "photos" };
    const look = async () => (await lookAtRedis(place, { timeoutMs: 10_000 })).get("redis")!;
    assert.equal((await look()).verdict, "yellow");
    await client.config("SET", "maxmemory", "100mb");
    const { verdict, sentence, todo } = await look();
    assert.equal(verdict, "red");
    assert.match(sentence, /throws jobs away when its memory is full .* is allkeys-lru\.$/);
    assert.match(todo!, /maxmemory-policy noeviction/);
    await client.config("SET", "maxmemory-policy", "noeviction");
    await client.config("SET", "appendonly", "no");
    assert.match((await look()).sentence, /so a restart forgets jobs/);
    assert.deepEqual(await client.keys("*"), []);

    await client.call("ACL", ..."SETUSER reader on >leise ~bull:other:* +@all".split(" "));
    const url = redis.url.replace("redis://", "redis://reader:leise@");
    const queue = (await lookAtRedis({ ...place, url }, { timeoutMs: 10_000 })).get("queue")!;
    assert.equal(queue.verdict, "red");
    assert.match(queue.todo!, /docs\/deploy\.md has the ACL line/);
    const wrong = lookAtRedis(
      { ...place, url: url.replace("leise", "falsch") },
      {
        timeoutMs: 10_000,
      },
    );
    await assert.rejects(wrong, { code: "QUEUE_ACCESS_DENIED" });
  } finally {
    client.disconnect();
  }
});

test("a provider of another version is named with both", {
  skip: process.platform !== "linux" && "providers lie beside the library on Linux",
  timeout: 120_000,
}, async () => {
  const place = join(folder.path, "runtime");
  await mkdir(place);
  await symlink(findLibrary({}), join(place, "libonnxruntime.so.1"));
  // A real library, which states another version of ONNX Runtime.
  const provider = join(place, "libonnxruntime_providers_cuda.so");
  await copyFile(join(root, globSync(addon, { cwd: root })[0]!), provider);
  await appendFile(provider, "\u00001.27.0\u0000");
  const outcome = await doctor(["--json"], {
    ORANGERY_ORT_LIBRARY: join(place, "libonnxruntime.so.1"),
  });
  const { "cuda:0": cuda } = ailing(read(outcome));
  assert.equal(cuda?.verdict, "yellow");
  assert.match(cuda.sentence, /to be of ONNX Runtime 1\.\d+\.\d+, got 1\.27\.0\.$/);
  assert.match(cuda.todo!, /`orangery devices add cuda`/);
  assert.equal(outcome.status, 3);
});

test("512 MB of memory are found by a process that may take no more", {
  timeout: 120_000,
}, async (t) => {
  await using group = MemoryGroup.create(512 * 1024 ** 2);
  if (group === undefined) return t.skip("this user makes no control groups");
  const { outcome } = folder.spawn(
    "sh",
    [
      "-c",
      `echo $$ > ${group.path}/cgroup.procs; exec "$0" "$@"`,
      process.execPath,
      mainFile,
    ].concat(["doctor", "--json"]),
    plain,
  );
  const ended = await outcome;
  assert.equal(ended.status, 3, ended.stderr);
  const { memory } = ailing(read(ended));
  assert.match(
    memory!.sentence,
    /of the 537 MB that this container may use are free(: room for one|, too little)/,
  );
  assert.match(memory!.todo!, /^Raise the memory limit/);
});

/** A control group whose processes may take no more memory. */
class MemoryGroup implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Makes one of version 1 or 2; undefined where that cannot be done. */
  static create(bytes: number): MemoryGroup | undefined {
    const limits = [
      ["/sys/fs/cgroup/memory", "memory.limit_in_bytes"],
      ["/sys/fs/cgroup", "memory.max"],
    ] as const;
    for (const [root, limit] of limits) {
      const path = join(root, `orangery-doctor-${process.pid}`);
      try {
        mkdirSync(path);
      } catch {
        continue;
      }
      try {
        writeFileSync(join(path, limit), String(bytes), { flag: "r+" });
        return new MemoryGroup(path);
      } catch {
        rmdirSync(path);
      }
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Until the processes that were in it are gone.
    const isPassing = (error: unknown) => (error as NodeJS.ErrnoException).code === "EBUSY";
    await tryAgain({ isPassing, timeoutMs: 5_000, pauseMs: [10, 100] }, () => rmdir(this.path));
  }
}
