/** Workers on a real queue of a real server: the same on Redis and on PostgreSQL. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { OrangeryError } from "../src/errors.ts";
import { createWorker, type FleetWorkerOptions, type JobEnd } from "../src/fleet/bullmq.ts";
import { storeOf } from "../src/fleet/store/store-of.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import type { TaskContext, TaskOutcome } from "../src/tasks/task-context.ts";
import { blackPhoto, TinyModels } from "../src/tasks/tiny-models.fixture.ts";
import {
  GivenTask,
  type LogLine,
  Rival,
  recordingLogger,
  TestClient,
  TestQueue,
  type Work,
} from "./fleet.fixture.ts";
import { queueServersForTests } from "./queue-servers.fixture.ts";
import { RedisServer } from "./servers/redis-server.ts";

const servers = queueServersForTests();
const [redis] = servers;
let models: TinyModels;

before(async () => {
  models = await TinyModels.create();
});
after(() => models[Symbol.asyncDispose]());

function work<Payload, Result>(
  { name: queue, connection }: TestQueue,
  run: Work<Payload, Result>,
  options: Partial<FleetWorkerOptions<Payload>> = {},
) {
  return createWorker(new GivenTask(run), { connection, queue, ...options });
}

class CountDots extends ModelTask<{ photo: string }, { dots: number; worker: number }> {
  async run(_payload: { photo: string }, { signal, workerId }: TaskContext) {
    const detect = await this.detModel;
    const { detections } = await detect.predict(blackPhoto, { signal });
    return { dots: detections.length, worker: workerId };
  }
}

for (const server of servers) {
  describe(`on ${server.name}`, () => {
    describe("a worker", () => {
      test("makes a task of its class, loads its models once, and returns results", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = createWorker(CountDots, {
          connection: server.url,
          queue: queue.name,
          name: "gpu1@host",
          cache: { models: models.files, device: "cpu" },
        });
        await worker.ready;
        const jobs = await Promise.all([1, 2, 3].map((n) => queue.add({ photo: `${n}.jpg` })));
        for (const job of jobs) assert.deepEqual(await queue.result(job), { dots: 0, worker: 1 });
        assert.equal((await queue.look(jobs[0]!)).processedBy, "gpu1@host");
        assert.equal(worker.counts.succeeded, 3);
      });

      test("calls the hooks inside the processor, awaited: the job ends after them", async () => {
        await using queue = new TestQueue(server.url);
        const steps: string[] = [];
        class Noting extends GivenTask<string, string> {
          override async beforeStart() {
            steps.push("beforeStart");
          }
          override async onSuccess() {
            await sleep(20);
            steps.push("onSuccess");
          }
          override async afterReturn(outcome: TaskOutcome<string>) {
            await sleep(20);
            steps.push(`afterReturn ${outcome.status}`);
          }
        }
        const task = new Noting((payload) => `${payload}!`);
        await using worker = createWorker(task, { connection: server.url, queue: queue.name });
        await worker.ready;
        assert.equal(await queue.result(await queue.add("hello")), "hello!");
        assert.deepEqual(steps, ["beforeStart", "onSuccess", "afterReturn succeeded"]);
      });

      test("passes id and attempt to the task, and its progress and log to the queue", async () => {
        await using queue = new TestQueue(server.url);
        const seen: unknown[] = [];
        await using worker = work(queue, (_payload, context) => {
          const { taskId, attempt } = context;
          seen.push({ taskId, attempt });
          for (let percent = 0; percent <= 100; percent += 10) context.progress(percent);
          context.log.info({ regions: 3 }, "counted");
          context.log.debug({}, "not kept");
        });
        await worker.ready;
        const job = await queue.add({}, { jobId: "photo-7" });
        await queue.result(job);
        assert.deepEqual(seen, [{ taskId: "photo-7", attempt: 1 }]);
        assert.equal((await queue.look(job)).progress, 100);
        const { logs } = await queue.queue.getJobLogs("photo-7");
        assert.equal(logs[0], "info counted regions=3");
        assert.match(logs[1]!, /^info task succeeded durationMs=\d+$/);
        assert.equal(logs.length, 2);
      });

      test("whose models do not load takes no job, and says why", async () => {
        await using queue = new TestQueue(server.url);
        const job = await queue.add({ photo: "a.jpg" });
        await using worker = createWorker(CountDots, {
          connection: server.url,
          queue: queue.name,
          cache: { models: { detect: "/nowhere/detect.onnx" }, device: "cpu" },
        });
        await assert.rejects(worker.ready, { code: "MODEL_NOT_FOUND" });
        await assert.rejects(worker.start(), { code: "MODEL_NOT_FOUND" });
        assert.equal(await job.getState(), "waiting");
      });

      test("takes nothing before it is started, when it is not to start by itself", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = work(queue, () => 1, { autostart: false });
        await worker.ready;
        const job = await queue.add({});
        assert.equal(worker.bullmq.isRunning(), false);
        assert.equal(await job.getState(), "waiting");
        await worker.start();
        assert.equal(await queue.result(job), 1);
      });
    });

    describe("a failed task", () => {
      test("is tried again where that helps, later each time", async () => {
        await using queue = new TestQueue(server.url);
        const reports: JobEnd[] = [];
        await using worker = work(
          queue,
          (_payload, { attempt }) => {
            if (attempt < 3) throw new OrangeryError("LEDGER_BUSY", "Locked.");
            return attempt;
          },
          { backoffMs: 20, onJobEnd: (report) => reports.push(report) },
        );
        await worker.ready;
        const job = await queue.add({});
        assert.equal(await queue.result(job), 3);
        assert.deepEqual(
          reports.map(({ outcome, attempt }) => [outcome, attempt]),
          [
            ["retrying", 1],
            ["retrying", 2],
            ["succeeded", 3],
          ],
        );
      });

      test("has failed after as many attempts as the worker grants", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = work(
          queue,
          () => {
            throw new TypeError("x is not a function");
          },
          { attempts: 2, backoffMs: 1 },
        );
        await worker.ready;
        const job = await queue.add({});
        await assert.rejects(queue.result(job), /x is not a function/);
        assert.equal((await queue.look(job)).attemptsMade, 2);
        assert.equal(worker.counts.failed, 1);
        assert.equal(worker.counts.retrying, 1);
      });

      test("has failed at once where its result cannot be kept, and nothing blames the queue", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = work(queue, () => ({ plants: 5n }));
        const job = await queue.add({});
        await assert.rejects(queue.result(job), /^Error: INVALID_ARGUMENT: .* JSON/);
        assert.equal(worker.counts.failed, 1);
        assert.equal(worker.trouble, undefined);
      });

      test("is tried as often as its job says, where it says so", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = work(queue, () => Promise.reject(new Error("no")));
        await worker.ready;
        const job = await queue.add({}, { attempts: 1 });
        await assert.rejects(queue.result(job), /^Error: no$/);
        assert.equal((await queue.look(job)).attemptsMade, 1);
      });

      test("is not tried again where that does not help; the reason begins with its code", async () => {
        await using queue = new TestQueue(server.url);
        await using worker = work(queue, () => {
          throw new OrangeryError("PHOTO_UNREADABLE", "No photo.");
        });
        await worker.ready;
        const job = await queue.add({}, { attempts: 5 });
        await assert.rejects(queue.result(job), /PHOTO_UNREADABLE: No photo\./);
        const { attemptsMade, failedReason } = await queue.look(job);
        assert.deepEqual([attemptsMade, failedReason], [1, "PHOTO_UNREADABLE: No photo."]);
      });
    });

    describe("a lock", () => {
      const short = { lockDurationMs: 1000, stalledIntervalMs: 100 };

      test("outlives a task that blocks the event loop for three times its duration", async () => {
        await using queue = new TestQueue(server.url);
        const started = Promise.withResolvers<void>();
        const block = async () => {
          started.resolve();
          await sleep(1500);
          const end = performance.now() + 3000;
          while (performance.now() < end);
          return "blocked";
        };
        await using worker = work(queue, block, { ...short, concurrency: 1 });
        await worker.ready;
        const job = await queue.add({});
        await started.promise;
        await using _rival = await Rival.start(queue);
        assert.equal(await queue.result(job), "blocked");
        assert.equal((await queue.look(job)).stalledCounter, 0);
      });

      test("that is lost cancels the task, and what came of it does not count", async () => {
        await using queue = new TestQueue(server.url);
        const reports: JobEnd[] = [];
        const options = { ...short, onJobEnd: (report: JobEnd) => reports.push(report) };
        let runs = 0;
        await using _worker = work(
          queue,
          async (_payload, { signal }) => {
            runs++;
            if (runs === 2) return "second";
            await queue.takeLock(job);
            await sleep(60_000, undefined, { signal });
            return "first";
          },
          options,
        );
        const job = await queue.add({});
        assert.equal(await queue.result(job), "second");
        assert.deepEqual(
          reports.map(({ outcome, attempt }) => [outcome, attempt]),
          [
            ["lost", 1],
            ["succeeded", 1],
          ],
        );
      });
    });

    describe("closing", () => {
      test("finishes the jobs that run and takes no more", async () => {
        await using queue = new TestQueue(server.url);
        const started = Promise.withResolvers<void>();
        const finish = Promise.withResolvers<string>();
        const worker = work(
          queue,
          () => {
            started.resolve();
            return finish.promise;
          },
          { concurrency: 1 },
        );
        const [first, second] = [await queue.add({}), await queue.add({})];
        await started.promise;
        const closed = worker.close();
        finish.resolve("done");
        await closed;
        assert.equal(await queue.result(first), "done");
        assert.equal(await second.getState(), "waiting");
      });

      test("cancels at its deadline, and the job waits again at no cost of an attempt", async () => {
        await using queue = new TestQueue(server.url);
        const reports: JobEnd[] = [];
        const started = Promise.withResolvers<void>();
        const worker = work(
          queue,
          async (_payload, { signal }) => {
            started.resolve();
            await sleep(60_000, undefined, { signal });
          },
          { onJobEnd: (report) => reports.push(report) },
        );
        const job = await queue.add({});
        await started.promise;
        await worker.close({ deadlineMs: 10 });
        const { attemptsMade, stalledCounter } = await queue.look(job);
        assert.deepEqual(
          [await job.getState(), attemptsMade, stalledCounter, reports[0]?.outcome],
          ["waiting", 0, 0, "returned"],
        );
        await using next = work(queue, (_payload, { attempt }) => attempt);
        await next.ready;
        assert.equal(await queue.result(job), 1);
      });

      test("may be called again with a deadline, and at any time", async () => {
        await using queue = new TestQueue(server.url);
        const started = Promise.withResolvers<void>();
        const worker = work(queue, async (_payload, { signal }) => {
          started.resolve();
          await sleep(60_000, undefined, { signal });
        });
        const job = await queue.add({});
        await started.promise;
        const closed = worker.close();
        await worker.abort();
        await closed;
        await worker.close();
        assert.equal(await job.getState(), "waiting");
        const unborn = work(queue, () => 1);
        await unborn.abort();
        await assert.rejects(unborn.ready, { code: "TASK_INTERRUPTED" });
        assert.equal(await job.getState(), "waiting");
      });
    });

    test("partial work is kept in bytes, until it is removed or its time is over", async () => {
      await using queue = new TestQueue(server.url);
      const { attempts } = storeOf(queue.queue);
      const bytes = Uint8Array.of(0, 255, 10, 0);
      assert.equal(await attempts.readPartialWork("1"), undefined);
      await attempts.writePartialWork("1", Uint8Array.of(1), 60_000);
      await attempts.writePartialWork("1", bytes, 60_000);
      assert.deepEqual(Uint8Array.from((await attempts.readPartialWork("1"))!), bytes);
      await attempts.removePartialWork("1");
      assert.equal(await attempts.readPartialWork("1"), undefined);
      await attempts.writePartialWork("2", bytes, 1);
      await sleep(10);
      assert.equal(await attempts.readPartialWork("2"), undefined);
    });

    describe("a job during which workers died", () => {
      test("is worked on alone", async () => {
        await using queue = new TestQueue(server.url);
        let inProgress = 0;
        const seen: [string, number][] = [];
        const run = async (payload: string) => {
          inProgress++;
          await sleep(30);
          seen.push([payload, inProgress]);
          await sleep(30);
          inProgress--;
        };
        const names = ["a", "suspect", "b", "c"];
        const jobs = await Promise.all(names.map((name) => queue.add(name)));
        await queue.setCrashes(jobs[1]!, 1);
        await using worker = work(queue, run, { concurrency: 3 });
        await worker.ready;
        await Promise.all(jobs.map((job) => queue.result(job)));
        assert.equal(new Map(seen).get("suspect"), 1);
      });

      test("too often is failed without being begun; a retry begins afresh", async () => {
        await using queue = new TestQueue(server.url);
        const heard: unknown[] = [];
        let runs = 0;
        class Hooked extends GivenTask {
          override onFailure(error: unknown) {
            heard.push((error as OrangeryError).code);
          }
        }
        const task = new Hooked(() => {
          runs++;
          return "well";
        });
        const job = await queue.add({});
        await queue.setCrashes(job, 3);
        const options = { connection: server.url, queue: queue.name, maxCrashes: 3 };
        await using worker = createWorker(task, options);
        await worker.ready;
        await assert.rejects(queue.result(job), /JOB_CRASHED_WORKER: .* 3 have died/);
        assert.deepEqual([heard, runs], [["JOB_CRASHED_WORKER"], 0]);
        const failed = await queue.look(job);
        await failed.retry();
        assert.equal(await queue.result(failed), "well");
      });
    });
  });
}

describe("a task", () => {
  for (const thrown of ["a text", null, undefined, 7]) {
    test(`that threw ${JSON.stringify(thrown)} fails like any other`, async () => {
      await using queue = new TestQueue(redis.url);
      await using worker = work(queue, () => Promise.reject(thrown), { attempts: 1 });
      await worker.ready;
      const job = await queue.add({});
      await assert.rejects(queue.result(job));
      assert.equal((await queue.look(job)).failedReason, String(thrown));
    });
  }
});

describe("a job's data", () => {
  interface Photo {
    readonly photo: string;
  }
  const parse = (data: unknown): Photo => {
    if (typeof data === "object" && data !== null && "photo" in data) {
      return { photo: String(data.photo) };
    }
    throw new Error("`photo` is missing");
  };
  const schema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (data: unknown) => {
        try {
          return { value: parse(data) };
        } catch {
          return { issues: [{ message: "is missing", path: ["photo", { key: "url" }] }] };
        }
      },
    },
  } as const;

  for (const [what, parser, reason] of [
    ["a function", parse, "`photo` is missing"],
    ["a Standard Schema", schema, "`photo.url`: is missing"],
  ] as const) {
    test(`are checked by ${what}`, async () => {
      await using queue = new TestQueue(redis.url);
      await using worker = work(queue, (payload: Photo) => payload, { parse: parser });
      await worker.ready;
      const [good, bad] = [await queue.add({ photo: "a.jpg", more: 1 }), await queue.add([1])];
      assert.deepEqual(await queue.result(good), { photo: "a.jpg" });
      await assert.rejects(queue.result(bad), (error: Error) => {
        assert.ok(error.message.startsWith("JOB_DATA_INVALID: "), error.message);
        assert.ok(error.message.includes(`got [1]: ${reason}.`), error.message);
        return true;
      });
      assert.equal((await queue.look(bad)).attemptsMade, 1);
    });
  }
});

test("the lock of a client is renewed from the event loop", async () => {
  await using queue = new TestQueue(redis.url);
  using client = new TestClient(redis.url);
  const options = { lockDurationMs: 1000, stalledIntervalMs: 100, connection: client.redis };
  await using worker = work(queue, () => sleep(3000, "slept"), options);
  await worker.ready;
  const job = await queue.add({});
  assert.equal(await queue.result(job), "slept");
  assert.equal((await queue.look(job)).stalledCounter, 0);
});

test("something that is no task is refused", () => {
  const options = { connection: "redis://localhost:1", queue: "photos" };
  assert.throws(() => createWorker({} as never, options), { code: "INVALID_ARGUMENT" });
});

test("a Redis that may evict jobs is warned of", async () => {
  await using own = await RedisServer.start();
  const lines: LogLine[] = [];
  using client = new TestClient(own.url);
  await client.redis.config("SET", "maxmemory-policy", "allkeys-lru");
  await using queue = new TestQueue(own.url);
  await using worker = work(queue, () => 1, {
    connection: own.url,
    logger: recordingLogger(lines),
  });
  await worker.ready;
  assert.ok(lines.some(({ level, policy }) => level === "warn" && policy === "allkeys-lru"));
});
