/** Worker processes under a supervisor, on a real queue of a real Redis. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Job } from "bullmq";
import { askWorkers } from "../src/fleet/management/ask-workers.ts";
import { readWorkers } from "../src/fleet/store/worker-status.ts";
import { createWorker } from "../src/fleet/worker/create-worker.ts";
import { TinyModels } from "../src/tasks/tiny-models.fixture.ts";
import { CliFolder, sourceProgram } from "./cli.fixture.ts";
import { GivenTask, TestQueue } from "./fleet.fixture.ts";
import { isAlive, TestFleet } from "./fleet-supervisor.fixture.ts";
import type { SlicedOutcome, TestJob } from "./fleet-tasks.fixture.ts";
import { openRedis, type RedisForTests, RedisServer } from "./servers/redis-server.ts";

let redis: RedisForTests;
let cache: string;

before(async () => {
  redis = await openRedis();
  cache = await mkdtemp(join(tmpdir(), "orangery-fleet-"));
  // Of all processes that are started from here.
  process.env.ORANGERY_CACHE = cache;
});
after(async () => {
  await redis[Symbol.asyncDispose]();
  await rm(cache, { recursive: true, force: true });
});

async function addJobs(queue: TestQueue, count: number, job: TestJob): Promise<Job[]> {
  return await Promise.all(Array.from({ length: count }, () => queue.add(job)));
}

async function pidOf(queue: TestQueue, job: Job): Promise<number> {
  return ((await queue.result(job)) as { pid: number }).pid;
}

async function untilGone(...pids: number[]): Promise<void> {
  while (pids.some(isAlive)) await sleep(10);
}

async function untilActive(job: Job): Promise<void> {
  while ((await job.getState()) !== "active") await sleep(10);
}

describe("a supervisor", () => {
  test("has a process for each slot, and leaves none when it is stopped", async () => {
    await using models = await TinyModels.create();
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      devices: "cpu*2",
      models: { detect: models.files.detect },
    });
    await fleet.until("ready", 2);
    const pids = fleet.status.map(({ pid }) => pid!);
    assert.deepEqual(
      fleet.status.map(({ name, healthy, state, device }) => [name, healthy, state, device]),
      [
        ["cpu0@host", true, "working", "cpu"],
        ["cpu1@host", true, "working", "cpu"],
      ],
    );
    const jobs = await addJobs(queue, 20, { predict: true, sleepMs: 20 });
    const seen = new Set(await Promise.all(jobs.map((job) => pidOf(queue, job))));
    assert.deepEqual(seen, new Set(pids));
    const names = new Set((await Promise.all(jobs.map((job) => queue.look(job)))).map(processedBy));
    assert.deepEqual(names, new Set(["cpu0@host", "cpu1@host"]));

    fleet.supervisor.stop({ deadlineMs: 5000 });
    await fleet.ended;
    assert.deepEqual(
      fleet.status.map(({ state, healthy }) => [state, healthy]),
      [
        ["stopped", false],
        ["stopped", false],
      ],
    );
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal(fleet.supervisor.hasGivenUp, false);
  });

  test("ends at once when a model is not there, and leaves the jobs to others", async () => {
    await using queue = new TestQueue(redis.url);
    const job = await queue.add({});
    const fleet = new TestFleet(queue, { models: { detect: "/nowhere/detect.onnx" } });
    await assert.rejects(fleet.ended, { code: "MODEL_NOT_FOUND" });
    assert.deepEqual(
      fleet.events.map(({ type }) => type),
      ["given up"],
    );
    assert.match(fleet.status[0]!.reason!, /\[MODEL_NOT_FOUND\]/);
    assert.equal(fleet.supervisor.hasGivenUp, true);
    assert.equal(await job.getState(), "waiting");
  });

  test("starts a killed process again; its job is done, at no cost of an attempt", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue);
    const [first] = await fleet.until("ready");
    const job = await queue.add({ sleepMs: 300 });
    await untilActive(job);
    process.kill(first!.pid, "SIGKILL");
    const [, second] = await fleet.until("ready", 2);
    assert.equal(await pidOf(queue, job), second!.pid);
    const { attemptsMade, stalledCounter } = await queue.look(job);
    assert.deepEqual([attemptsMade, stalledCounter], [1, 1]);
    const [died] = await fleet.until("died");
    assert.deepEqual(died, {
      type: "died",
      slot: "cpu0@host",
      pid: first!.pid,
      reason: "it ended with SIGKILL",
    });
  });

  test("survives a job that kills its process; that job fails, and no other", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, { devices: "cpu*2", worker: { maxCrashes: 2 } });
    await fleet.until("ready", 2);
    const before = await addJobs(queue, 10, { sleepMs: 10 });
    const poison = await queue.add({ die: true });
    const behind = await addJobs(queue, 10, { sleepMs: 10 });
    await assert.rejects(queue.result(poison), /JOB_CRASHED_WORKER/);
    await Promise.all([...before, ...behind].map((job) => queue.result(job)));
    assert.equal((await fleet.until("died", 2)).length, 2);
  });

  test("ends a process that hangs", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      unresponsiveMs: 4000,
      worker: { maxCrashes: 1 },
    });
    await fleet.until("ready");
    const job = await queue.add({ blockMs: 600_000 });
    await fleet.until("died");
    await assert.rejects(queue.result(job), /JOB_CRASHED_WORKER/);
  });
});

test("a drained worker stays drained when its process dies or is replaced", async () => {
  await using queue = new TestQueue(redis.url);
  await using fleet = new TestFleet(queue);
  const name = "cpu0@host";
  const statusOf = async (pid: number, isDrained: boolean) => {
    for (;;) {
      const all = await readWorkers(queue.queue);
      if (all.some((each) => each.pid === pid && each.isDrained === isDrained)) return;
      await sleep(20);
    }
  };
  /** Another worker gets the job: the drained one does not take part. */
  const isLeftToOthers = async () => {
    const job = await queue.add({});
    const other = new GivenTask(() => ({ pid: process.pid }));
    const place = { connection: queue.connection, queue: queue.name };
    await using _ = createWorker(other, { ...place, name: "x@host" });
    return (await pidOf(queue, job)) === process.pid;
  };
  const [first] = await fleet.until("ready");
  await askWorkers(queue.queue, [name], "drain");
  await statusOf(first!.pid, true);
  process.kill(first!.pid, "SIGKILL");
  const [, second] = await fleet.until("ready", 2);
  await statusOf(second!.pid, true);
  assert.equal(await isLeftToOthers(), true);
  await askWorkers(queue.queue, [name], "recycle");
  const [recycled] = await fleet.until("recycled");
  await statusOf(recycled!.pid, true);
  assert.equal(await isLeftToOthers(), true);
  await untilGone(second!.pid);
  await askWorkers(queue.queue, [name], "resume");
  await statusOf(recycled!.pid, false);
  assert.equal(await pidOf(queue, await queue.add({})), recycled!.pid);
});

test("a process whose device does not answer is ended, though its event loop turns", async () => {
  await using models = await TinyModels.create();
  await using queue = new TestQueue(redis.url);
  await using fleet = new TestFleet(queue, {
    models: { detect: models.files.detect },
    unresponsiveMs: 4000,
    worker: { maxCrashes: 1, concurrency: 1 },
  });
  await fleet.until("ready");
  const hanging = await queue.add({ predict: true, hang: true });
  const behind = await queue.add({ predict: true });
  const [died] = await fleet.until("died");
  assert.match(died!.reason, /SIGKILL/);
  await assert.rejects(queue.result(hanging), /JOB_CRASHED_WORKER/);
  await queue.result(behind);
});

describe("a photo of many slices", () => {
  async function untilHalfDone(queue: TestQueue, job: Job): Promise<void> {
    const client = await queue.queue.getBackend().client;
    const key = queue.queue.toKey(`orangery:partial:${job.id}`);
    for (;;) {
      const { slices = 0 } = (await queue.look(job)).progress as { slices?: number };
      if (slices >= 50 && (await client.get(key)) != null) return;
      await sleep(10);
    }
  }

  test("is given back when its worker stops or dies, and the next one goes on with it", async () => {
    await using models = await TinyModels.create();
    await using queue = new TestQueue(redis.url);
    const options = { models: { detect: models.files.detect }, worker: { concurrency: 1 } };
    const outcomes: SlicedOutcome[] = [];
    for (const end of ["stopped", "killed"] as const) {
      const job = await queue.add({ slices: true });
      const first = new TestFleet(queue, options);
      await first.until("ready");
      await untilHalfDone(queue, job);
      if (end === "stopped") {
        first.supervisor.stop({ deadlineMs: 0 });
        await first.ended;
        const { attemptsMade } = await queue.look(job);
        assert.deepEqual([await job.getState(), attemptsMade], ["waiting", 0]);
        await using _second = new TestFleet(queue, options);
        outcomes.push((await queue.result(job)) as SlicedOutcome);
      } else {
        process.kill(first.status[0]!.pid!, "SIGKILL");
        outcomes.push((await queue.result(job)) as SlicedOutcome);
        await first[Symbol.asyncDispose]();
      }
    }
    const [stopped, killed] = outcomes;
    // All that was done at the end; what was kept last before the death.
    assert.ok(stopped!.from >= 50 && stopped!.from < 100, `${stopped!.from}`);
    assert.ok(killed!.from > 0 && killed!.from < 100, `${killed!.from}`);
    assert.notDeepEqual(stopped!.boxes, []);
    assert.deepEqual(stopped!.boxes, killed!.boxes);
    const client = await queue.queue.getBackend().client;
    const left = await client.runCommand("keys", [queue.queue.toKey("orangery:partial:*")]);
    assert.deepEqual(left, []);
  });
});

describe("recycling", () => {
  test("after some tasks: the successor works before its predecessor stops", async () => {
    await using models = await TinyModels.create();
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      models: { detect: models.files.detect },
      recycle: { tasks: 5 },
    });
    await fleet.until("ready");
    const pids: number[] = [];
    while (fleet.status[0]!.recycled < 2) {
      const job = await queue.add({ predict: true });
      pids.push(await pidOf(queue, job));
      assert.equal(fleet.status[0]!.healthy, true, "at every moment a process takes jobs");
    }
    const recycled = await fleet.until("recycled", 2);
    assert.deepEqual(
      recycled.map(({ reason, gapMs }) => [reason, gapMs]),
      [
        ["tasks", 0],
        ["tasks", 0],
      ],
    );
    const [first] = fleet.events;
    assert.ok(first?.type === "ready");
    await untilGone(first.pid);
    assert.ok(new Set(pids).size >= 2);
    assert.equal(fleet.status[0]!.failures, 0);
  });

  test("on a CPU the successor lets its predecessor finish, but not for long", async () => {
    await using queue = new TestQueue(redis.url);
    for (const [handOverMs, isLast] of [
      [60_000, true],
      [100, false],
    ] as const) {
      await using fleet = new TestFleet(queue, { handOverMs });
      const [first] = await fleet.until("ready");
      const untilFile = join(cache, `hand-over-${handOverMs}`);
      const long = await queue.add(isLast ? { sleepMs: 1000 } : { untilFile });
      await untilActive(long);
      fleet.supervisor.recycle();
      const [, second] = await fleet.until("ready", 2);
      const short = await queue.add({});
      assert.equal(await pidOf(queue, short), second!.pid);
      assert.equal(await long.isCompleted(), isLast);
      await writeFile(untilFile, "");
      assert.equal(await pidOf(queue, long), first!.pid);
      const [recycled] = await fleet.until("recycled");
      assert.equal(recycled!.gapMs, 0);
    }
  });

  test("where memory does not hold two, the old process goes first, with a gap", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, { keepFreeBytes: Number.MAX_SAFE_INTEGER });
    const [first] = await fleet.until("ready");
    const job = await queue.add({ sleepMs: 200 });
    await untilActive(job);
    fleet.supervisor.recycle();
    const [, second] = await fleet.until("ready", 2);
    assert.equal(isAlive(first!.pid), false);
    assert.equal(await pidOf(queue, job), first!.pid, "it finished the job that was running");
    const [recycled] = await fleet.until("recycled");
    assert.ok(recycled!.gapMs >= 100, `${recycled!.gapMs}`);
    assert.deepEqual([recycled!.reason, recycled!.pid], ["asked for", second!.pid]);
    assert.equal(fleet.status[0]!.failures, 0);
  });

  test("with a successor that does not become ready, the old process works on", async () => {
    await using models = await TinyModels.create();
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, { models: { detect: models.files.detect } });
    const [first] = await fleet.until("ready");
    assert.equal(await pidOf(queue, await queue.add({ predict: true })), first!.pid);
    await rm(models.files.detect);
    fleet.supervisor.recycle();
    const [failed] = await fleet.until("failed");
    assert.match(failed!.reason, /\[MODEL_NOT_FOUND\]/);
    assert.equal(await pidOf(queue, await queue.add({ predict: true })), first!.pid);
    assert.equal(fleet.status[0]!.healthy, true);
    await models.write("detect", 2);
    fleet.supervisor.recycle();
    const [recycled] = await fleet.until("recycled");
    await untilGone(first!.pid);
    assert.equal(await pidOf(queue, await queue.add({ predict: true })), recycled!.pid);
  });

  test("when memory certainly grows with each job", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, {
      recycle: { growthBytesPerTask: 100_000 },
      worker: { jobLogs: false },
    });
    await fleet.until("ready");
    const jobs = await addJobs(queue, 700, { leak: 1_000_000 });
    const [recycled] = await fleet.until("recycled");
    assert.equal(recycled!.reason, "memory growth");
    await Promise.all(jobs.map((job) => queue.result(job)));
  });

  test("after some time", async () => {
    await using queue = new TestQueue(redis.url);
    await using fleet = new TestFleet(queue, { recycle: { ageMs: 100 } });
    assert.equal((await fleet.until("recycled"))[0]!.reason, "age");
  });
});

test("Redis that is restarted loses no job, and every worker goes on", async () => {
  await using own = await RedisServer.start();
  await using queue = new TestQueue(own.url);
  await using fleet = new TestFleet(queue, { devices: "cpu*2" });
  await fleet.until("ready", 2);
  const jobs = await addJobs(queue, 200, { sleepMs: 10 });
  await queue.result(jobs[20]!);
  await own.kill();
  await own.up();
  for (const job of jobs) {
    while (!(await job.isCompleted())) await sleep(10);
  }
  assert.equal(await queue.queue.getFailedCount(), 0);
  assert.deepEqual(
    fleet.events.map(({ type }) => type),
    ["ready", "ready"],
    "no process died of it",
  );
});

describe("orangery worker", () => {
  const task = join(import.meta.dirname, "fleet-tasks.fixture.ts");

  function start(folder: CliFolder, queue: TestQueue, ...more: string[]) {
    const where = ["--task", task, "--queue", queue.name, "--redis", redis.url];
    const args = ["worker", ...where, "--devices", "cpu", ...more];
    return folder.spawn(process.execPath, [sourceProgram, ...args]);
  }

  /** The supervisor's log as it comes. */
  async function untilLogged(
    { child }: ReturnType<CliFolder["start"]>,
    message: string,
    count = 1,
  ): Promise<Record<string, unknown>[]> {
    let text = "";
    for (;;) {
      const lines = text.split("\n").slice(0, -1).filter(isJson);
      const found = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === message);
      if (found.length >= count) return found;
      const [chunk] = await once(child.stderr!, "data");
      text += String(chunk);
    }
  }

  const takesJobs = "a worker process takes jobs";

  test("on SIGTERM it finishes its jobs, ends with 0 and leaves no process", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const cli = start(folder, queue);
    const [ready] = await untilLogged(cli, takesJobs);
    const note = join(folder.path, "done.txt");
    const job = await queue.add({ sleepMs: 500, note });
    await untilActive(job);
    cli.child.kill("SIGTERM");
    const { status } = await cli.outcome;
    assert.equal(status, 0);
    assert.equal(await readFile(note, "utf8"), `${job.id}\n`);
    assert.equal(await job.getState(), "completed");
    assert.equal(isAlive(ready!.pid as number), false);
  });

  test("on a second SIGTERM it gives its job back and ends with 143", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const cli = start(folder, queue);
    const [ready] = await untilLogged(cli, takesJobs);
    const job = await queue.add({ sleepMs: 600_000 });
    await untilActive(job);
    cli.child.kill("SIGTERM");
    await untilLogged(cli, "the supervisor stops");
    await sleep(400); // Sooner, it would be the same key pressed once.
    cli.child.kill("SIGTERM");
    const { status } = await cli.outcome;
    assert.equal(status, 143);
    const { attemptsMade, stalledCounter } = await queue.look(job);
    assert.deepEqual([await job.getState(), attemptsMade, stalledCounter], ["waiting", 0, 0]);
    assert.equal(isAlive(ready!.pid as number), false);
  });

  test("hung up, it replaces its process and works on", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const cli = start(folder, queue);
    const [ready] = await untilLogged(cli, takesJobs);
    cli.child.kill("SIGHUP");
    const [recycled] = await untilLogged(cli, "a worker process was recycled");
    assert.equal(recycled!.gapMs, 0);
    await untilGone(ready!.pid as number);
    assert.equal(await pidOf(queue, await queue.add({})), recycled!.pid);
    cli.child.kill("SIGTERM");
    assert.equal((await cli.outcome).status, 0);
  });

  test("killed, it leaves workers that finish what they have and end by themselves", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const cli = start(folder, queue);
    const [ready] = await untilLogged(cli, takesJobs);
    const job = await queue.add({ sleepMs: 500 });
    await untilActive(job);
    cli.child.kill("SIGKILL");
    assert.equal(await pidOf(queue, job), ready!.pid);
    await untilGone(ready!.pid as number);
  });

  test("ends with 1 and one line when no process can be started", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const module = join(folder.path, "no-task.js");
    await writeFile(module, "export const models = {};");
    const { status, stderr } = await folder.run(
      ...["worker", "--task", module, "--queue", queue.name],
      ...["--redis", redis.url, "--devices", "cpu*2", "--log-level", "warn"],
    );
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /^orangery: Expected .*no-task\.js .*no default export.* \[TASK_MODULE_UNUSABLE\]\n$/,
    );
  });

  test("gives up a device after as many failed starts as --most-failures says", async () => {
    await using folder = await CliFolder.create();
    const module = join(folder.path, "bad.mjs");
    await writeFile(module, "export default () => { throw new Error('not today'); };");
    const where = ["--queue", "none", "--redis", redis.url, "--devices", "cpu"];
    const { status, stderr } = await folder.run(
      ...["worker", "--task", module, ...where, "--most-failures", "2", "--log-level", "error"],
    );
    const ofSupervisor = stderr.split("\n").filter((line) => line.includes('"supervisor"'));
    assert.deepEqual([status, ofSupervisor.length], [1, 2], stderr);
  });

  test("says what is wrong with its command line", async () => {
    await using folder = await CliFolder.create();
    for (const [args, complaint] of [
      [["--detect", "plants.onnx"], "workers take models and options from the queue's recipes"],
      [["--task", task, "--devices", "gpu"], "got `gpu`"],
      [["--task", task, "--model", "plants.onnx"], "Expected a name and a file"],
    ] as const) {
      const { status, stderr } = await folder.run("worker", ...args);
      assert.equal(status, 2);
      assert.ok(stderr.includes(complaint), stderr);
    }
  });
});

function processedBy({ processedBy }: Job): string | undefined {
  return processedBy;
}

function isJson(line: string): boolean {
  return line.startsWith("{");
}
