/** A person's hands on the jobs of a queue: finding, retrying, dropping, pausing, moving them. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Worker } from "bullmq";
import { type PhotoJobData, photoJobId } from "../src/fleet/count/photo-job-data.ts";
import { dropJobs, moveJobsFirst, retryJobs } from "../src/fleet/management/change-jobs.ts";
import { countFailures } from "../src/fleet/management/count-failures.ts";
import { readJobDetails } from "../src/fleet/management/job-details.ts";
import { pauseQueues, resumeQueues } from "../src/fleet/management/pause-queues.ts";
import { countJobs, selectJobs } from "../src/fleet/management/select-jobs.ts";
import { serverOf } from "../src/fleet/queue/queue-server.ts";
import type { JobQueue } from "../src/fleet/recipes/fleet-queues.ts";
import { QueueCatalogue } from "../src/fleet/recipes/queue-catalogue.ts";
import type { JobFilter } from "../src/fleet/store/job-filter.ts";
import { createWorker } from "../src/fleet/worker/create-worker.ts";
import { readActions } from "../src/ledger/actions/action-log.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { CliFolder, jsonLines } from "./cli.fixture.ts";
import { GivenTask, TestQueue } from "./fleet.fixture.ts";
import { collect, PhotosToCount, redisForTests, untilDone } from "./fleet-photos.fixture.ts";
import { queueServersForTests } from "./queue-servers.fixture.ts";

const redis = redisForTests();

const hash = "3f".repeat(32);
/** Pages end in the middle of everything. */
const small = { pageSize: 3, largestPage: 3 };

/** A queue of photos of one recipe, as `enqueue` makes it. */
class PhotoQueue extends TestQueue {
  get queues(): JobQueue[] {
    const recipe = { hash, name: "plants", document: {}, addedAt: "" };
    return [{ recipe, queue: this.queue }];
  }

  async addPhotos(sources: readonly string[], options: object = {}): Promise<void> {
    await this.queue.addBulk(
      sources.map((photo) => ({
        name: "photo",
        data: { photo, recipe: hash } satisfies PhotoJobData,
        opts: { ...options, jobId: photoJobId(photo, hash) },
      })),
    );
  }

  /** Works on all jobs until they have failed, each as its photo's name says. */
  async failAll(): Promise<void> {
    const task = new GivenTask(({ photo }: PhotoJobData) => {
      throw new Error(photo.includes("model") ? "MODEL_LOAD_FAILED: no memory" : "broken: it is");
    });
    const { name: queue, connection } = this;
    await using _worker = createWorker(task, { connection, queue, attempts: 1, name: "w@host" });
    await untilDone(this.queue);
  }

  async found(filter: JobFilter = {}): Promise<string[]> {
    const jobs = await collect(selectJobs(this.queues, filter, small));
    return jobs.map(({ photo, id }) => photo ?? id);
  }

  /** Waiting photos, the one that is taken next first. */
  async waiting(): Promise<string[]> {
    const jobs = await this.queue.getWaiting();
    return jobs.map(({ data }) => data.photo);
  }
}

const numbered = (count: number, folder = "/a") =>
  Array.from({ length: count }, (_, number) => `${folder}/${number}.jpg`);

for (const server of queueServersForTests()) {
  describe(`on ${server.name}`, () => {
    describe("jobs are found", () => {
      test("page by page, each once, those first that are taken next", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(numbered(10));
        await queue.addPhotos(["/late.jpg"], { delay: 60_000 });
        assert.deepEqual(await queue.found(), [...numbered(10), "/late.jpg"]);
        const counts = { active: 0, waiting: 10, delayed: 1, failed: 0 };
        assert.deepEqual(await countJobs(queue.queues, {}), counts);
      });

      test("without one missed when workers take some between two pages", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(numbered(8));
        const { options, backend } = serverOf({ connection: server.url, queue: queue.name });
        const worker = new Worker(queue.queue.name, null, options, backend);
        await using stack = new AsyncDisposableStack();
        stack.defer(() => worker.close());
        const take = () => worker.getNextJob("token");
        const found: (string | undefined)[] = [];
        for await (const { photo } of selectJobs(queue.queues, { states: ["waiting"] }, small)) {
          found.push(photo);
          // Two of the page that was read, then beyond it.
          if (found.length === 3) for (let taken = 0; taken < 2; taken++) await take();
          if (found.length === 6) for (let taken = 0; taken < 5; taken++) await take();
        }
        assert.deepEqual(found, numbered(8).toSpliced(6, 1));
      });

      test("by folder, as photos are recorded, and not by the beginning of a name", async () => {
        await using queue = new PhotoQueue(server.url);
        const odd = '/o"dd\\ä/1.jpg';
        await queue.addPhotos(["/a/b/1.jpg", "/a/b/c/2.jpg", "/a/bc/3.jpg", "/a/b", odd]);
        await queue.addPhotos(["s3://photos/2026/4.jpg", "https://host/a/b/5.jpg"]);
        assert.deepEqual(await queue.found({ under: "/a/b/" }), [
          "/a/b/1.jpg",
          "/a/b/c/2.jpg",
          "/a/b",
        ]);
        assert.deepEqual(await queue.found({ under: "s3://photos/2026" }), [
          "s3://photos/2026/4.jpg",
        ]);
        assert.deepEqual(await queue.found({ under: '/o"dd\\ä' }), [odd]);
        const under = { under: "/a" };
        assert.equal((await countJobs(queue.queues, under, small)).waiting, 4);
      });

      test("by code, by age, by the source of a photo and by id", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(["/model/1.jpg", "/2.jpg", "/model/3.jpg"]);
        await queue.failAll();
        await queue.addPhotos(["/4.jpg"]);
        const code = "MODEL_LOAD_FAILED";
        assert.deepEqual((await queue.found({ code })).sort(), ["/model/1.jpg", "/model/3.jpg"]);
        assert.deepEqual(await queue.found({ code: "MODEL_LOAD" }), []);
        const now = Date.now();
        assert.equal((await queue.found({ since: now - 60_000 })).length, 4);
        assert.deepEqual(await queue.found({ until: now - 60_000 }), []);
        const names = ["/4.jpg", photoJobId("/2.jpg", hash), "/nowhere.jpg"];
        assert.deepEqual((await queue.found({ names })).sort(), ["/2.jpg", "/4.jpg"]);
        assert.deepEqual(await countFailures(queue.queues, {}, { pageSize: 2 }), [
          { code, count: 2 },
          { code: undefined, count: 1 },
        ]);
      });

      test("also those of a task of somebody's own, without what their URLs hide", async () => {
        await using queue = new TestQueue(server.url);
        const job = await queue.add({ url: "https://me:secret@host/a?token=secret", items: [1] });
        const [found] = await collect(selectJobs([{ recipe: undefined, queue: queue.queue }], {}));
        assert.deepEqual([found!.id, found!.name, found!.photo], [job.id, "job", undefined]);
        assert.match(found!.data!, /host\/a/);
        assert.doesNotMatch(found!.data!, /secret/);
      });
    });

    test("all that is known of a job is shown", async () => {
      await using queue = new PhotoQueue(server.url);
      await queue.addPhotos(["/model/1.jpg"]);
      await queue.queue.addJobLog(photoJobId("/model/1.jpg", hash), "info looked at it");
      await queue.failAll();
      const [job, ...others] = await readJobDetails(queue.queues, ["/model/1.jpg"]);
      assert.equal(others.length, 0);
      const { photo, state, recipe, reason, worker, attempts, attemptsBegun, deaths } = job!;
      assert.deepEqual(
        { photo, state, recipe, reason, worker, attempts, attemptsBegun, deaths },
        {
          photo: "/model/1.jpg",
          state: "failed",
          recipe: { name: "plants", hash },
          reason: { code: "MODEL_LOAD_FAILED", message: "no memory" },
          worker: "w@host",
          attempts: 1,
          attemptsBegun: 1,
          deaths: 0,
        },
      );
      assert.equal(job!.log[0], "info looked at it");
      assert.match(job!.stacks[0]!, /MODEL_LOAD_FAILED: no memory\n +at /);
      assert.ok(Date.parse(job!.addedAt) <= Date.parse(job!.takenAt!));
    });

    describe("jobs are tried again", () => {
      test("those that match, with all their attempts; delayed ones at once", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos([...numbered(4, "/model"), ...numbered(3)]);
        await queue.failAll();
        await queue.addPhotos(["/late.jpg"], { delay: 60_000 });
        assert.equal(await retryJobs(queue.queues, { code: "MODEL_LOAD_FAILED" }, small), 4);
        assert.deepEqual((await queue.waiting()).sort(), numbered(4, "/model"));
        const [job] = await queue.queue.getWaiting();
        assert.deepEqual([job!.attemptsMade, job!.failedReason], [0, undefined]);
        assert.equal(await retryJobs(queue.queues, { names: ["/a/1.jpg", "/a/9.jpg"] }), 1);
        assert.equal(await retryJobs(queue.queues, {}, small), 3);
        assert.equal((await queue.waiting()).length, 8);
        assert.equal(await retryJobs(queue.queues, {}), 0);
      });

      test("until it is interrupted; the same call goes on", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(numbered(7));
        await queue.failAll();
        const stop = new AbortController();
        const onProgress = (count: number) => count >= 3 && stop.abort(new Error("stopped"));
        const { signal } = stop;
        const stopped = retryJobs(queue.queues, {}, { ...small, signal, onProgress });
        await assert.rejects(stopped, /stopped/);
        assert.equal((await queue.waiting()).length, 3);
        assert.equal(await retryJobs(queue.queues, {}, small), 4);
      });
    });

    describe("jobs are dropped", () => {
      test("those that match, wherever they are, with all that is kept of them", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos([...numbered(4, "/model"), ...numbered(4)]);
        await queue.failAll();
        await queue.addPhotos([...numbered(10, "/b"), ...numbered(10, "/c")]);
        await queue.addPhotos(["/b/late.jpg"], { delay: 60_000 });
        await queue.queue.addJobLog(photoJobId("/b/3.jpg", hash), "a line");
        assert.equal(await dropJobs(queue.queues, { under: "/b" }, small), 11);
        assert.deepEqual(await queue.waiting(), numbered(10, "/c"));
        assert.equal(await dropJobs(queue.queues, { code: "MODEL_LOAD_FAILED" }, small), 4);
        assert.equal(await dropJobs(queue.queues, { names: ["/c/5.jpg", "/a/1.jpg"] }, small), 2);
        assert.equal((await queue.found({ states: ["failed"] })).length, 3);
        assert.equal(await dropJobs(queue.queues, {}, small), 12);
        assert.deepEqual(await queue.leftOfJobs(), []);
      });

      test("but not one that a worker has", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(["/taken.jpg"]);
        const taken = Promise.withResolvers<void>();
        const end = Promise.withResolvers<void>();
        const task = new GivenTask(async () => {
          taken.resolve();
          await end.promise;
        });
        const { name, connection } = queue;
        await using _worker = createWorker(task, { connection, queue: name, concurrency: 1 });
        await taken.promise;
        await queue.addPhotos(numbered(2));
        assert.equal(await dropJobs(queue.queues, {}), 2);
        assert.equal(await dropJobs(queue.queues, { names: ["/taken.jpg"] }), 0);
        assert.deepEqual(await queue.found(), ["/taken.jpg"]);
        end.resolve();
        await untilDone(queue.queue);
        assert.equal(await queue.queue.getCompletedCount(), 1);
      });

      test("with their deduplication keys", async () => {
        await using queue = new PhotoQueue(server.url);
        await queue.addPhotos(numbered(3));
        await queue.queue.add("photo", { photo: "/a/own.jpg" }, { deduplication: { id: "own" } });
        await queue.addPhotos(numbered(4, "/a/more"));
        assert.equal(await dropJobs(queue.queues, { under: "/a" }, small), 8);
        assert.deepEqual(await queue.found(), []);
        assert.equal(await queue.queue.getDeduplicationJobId("own"), null);
      });
    });

    describe("jobs are moved first", () => {
      test("in their order, whichever they are", async () => {
        await using queue = new PhotoQueue(server.url);
        const mixed = numbered(12).map((name, i) => (i % 3 === 0 ? `/urgent${name}` : name));
        await queue.addPhotos(mixed);
        const urgent = mixed.filter((name) => name.startsWith("/urgent"));
        assert.equal(await moveJobsFirst(queue.queues, { under: "/urgent" }, small), 4);
        const others = mixed.filter((name) => !urgent.includes(name));
        assert.deepEqual(await queue.waiting(), [...urgent, ...others]);
        assert.equal(await moveJobsFirst(queue.queues, { names: ["/a/11.jpg", "/a/1.jpg"] }), 2);
        const [first, second, third] = await queue.waiting();
        assert.deepEqual([first, second, third], ["/a/11.jpg", "/a/1.jpg", urgent[0]]);
        assert.equal(await moveJobsFirst(queue.queues, {}, small), 12);
        assert.equal((await queue.waiting())[0], "/a/11.jpg");
      });
    });

    test("a paused queue gives no jobs, until it is resumed", async () => {
      await using queue = new PhotoQueue(server.url);
      await pauseQueues(queue.queues);
      await queue.addPhotos(["/1.jpg"]);
      const worked: string[] = [];
      const task = new GivenTask(({ photo }: PhotoJobData) => {
        worked.push(photo);
      });
      await using worker = createWorker(task, { connection: queue.connection, queue: queue.name });
      await worker.start();
      await queue.addPhotos(["/2.jpg"]);
      assert.equal((await countJobs(queue.queues, {})).waiting, 2);
      assert.deepEqual(worked, []);
      await resumeQueues(queue.queues);
      await untilDone(queue.queue);
      assert.deepEqual(worked.sort(), ["/1.jpg", "/2.jpg"]);
    });
  });
}

describe("on the command line", () => {
  test("jobs are looked at and put right", async () => {
    await using folder = await CliFolder.create();
    await using photos = await PhotosToCount.create(3);
    await writeFile(photos.photo(3), "no photo");
    await using queue = await photos.openQueue(redis.url);
    await photos.enqueue(queue.queue);
    const where = ["--queue", queue.name, "--redis", redis.url];
    const results = photos.ledger.location;
    const jobs = async (...args: string[]) => {
      const { status, stdout, stderr } = await folder.run("jobs", ...args, ...where);
      assert.equal(status, 0, stderr);
      return stdout;
    };
    const name = "detect";

    const listed = await jobs("list", "--limit", "1");
    assert.match(listed, new RegExp(`^waiting  ${photos.photo(0)}  ${name} +0 `, "m"));
    assert.match(listed, /^1 shown of 4 waiting\. --limit 0 shows all\.$/m);
    const lines = jsonLines(await jobs("list", photos.photo(2), "--json"));
    assert.deepEqual(
      lines.map(({ photo, state }) => [photo, state]),
      [[photos.photo(2), "waiting"]],
    );

    const of = `${queue.name}\n`;
    assert.equal(await jobs("move-first", photos.photo(2)), `1 job moved first in ${of}`);
    assert.equal(await jobs("drop", "--all", "--dry-run"), `4 jobs would be dropped from ${of}`);
    for (const [filter, matching] of [
      [["--state", "waiting", "--state", "waiting"], "4 jobs"],
      [[photos.photo(2), photos.photo(2), String(lines[0]!.id)], "1 job"],
      [["--newer-than", "1h"], "4 jobs"],
      [["--newer-than", "0s"], "0 jobs"],
      [["--newer-than", "1h", "--older-than", "1h"], "0 jobs"],
    ] as const) {
      const would = await jobs("drop", ...filter, "--dry-run");
      assert.equal(would, `${matching} would be dropped from ${of}`);
    }
    assert.equal(await jobs("drop", "--under", photos.photo(1)), `1 job dropped from ${of}`);
    assert.equal(await jobs("pause", "--recipe", name), `Paused ${name} in ${of}`);
    assert.match((await folder.run("status", ...where)).stdout, /^detect \(paused\) /m);
    {
      await using _worker = await photos.startWorker(queue);
      assert.deepEqual(await photos.results(), []);
      assert.equal(await jobs("resume"), `Resumed ${of}`);
      await untilDone(queue.queue);
    }
    assert.deepEqual(Object.keys(await photos.failures()), [photos.photo(3)]);

    const shown = await jobs("show", photos.photo(3), "--results", results);
    assert.match(shown, /^State {5}failed$/m);
    assert.match(shown, /^Code {6}PHOTO_UNREADABLE: The photo cannot be decoded\.$/m);
    const [, reason] = /^Reason {4}(.*)$/m.exec(shown)!;
    assert.equal(shown.split(reason!).length, 2, "the reason is there once");
    assert.match(shown, /^Stack {5}\w+: …\n +at /m);
    assert.match(shown, /^Log .* reason=… /m);
    assert.match(shown, /^To do {5}Copy the photo from its source again, or leave it out\.$/m);
    assert.match(shown, /^Results {3}failed under [0-9a-f]{8}: PHOTO_UNREADABLE$/m);
    const done = await jobs("show", photos.photo(0), "--results", results);
    assert.match(done, /^Job {6}none in the queue\nResults {2}\d+ objects under /m);

    for (const args of [[results], where]) {
      const { stdout } = await folder.run("failures", ...args);
      assert.match(stdout, /^1 photo without a result in .*:$/m);
      assert.match(stdout, /^ +1 {2}PHOTO_UNREADABLE {2}The photo cannot be decoded\. Copy /m);
      assert.match(stdout, /^`orangery .* again/m);
      const [row] = jsonLines((await folder.run("failures", ...args, "--json")).stdout);
      assert.deepEqual([row!.photo, row!.code], [photos.photo(3), "PHOTO_UNREADABLE"]);
      const csv = await folder.run("failures", ...args, "--csv", "--under", photos.folder);
      assert.match(csv.stdout, /^photo,recipe,code,message,todo\r\n[^\n]+00003\.jpg,.*\r\n$/s);
      const none = await folder.run("failures", ...args, "--code", "PHOTO_NOT_FOUND");
      assert.match(none.stdout, /^No failed photos in .* match the options$/m);
    }
    const again = await jobs("retry", "--code", "PHOTO_UNREADABLE", "--by", "Ann");
    assert.equal(again, `1 job put back into ${of}`);

    const actions = (await readActions(photos.ledger, { limit: 9 })).reverse();
    assert.deepEqual(
      actions.map(({ kind, filter, number }) => [kind, filter, number]),
      [
        ["move-jobs-first", { jobs: [photos.photo(2)] }, 1],
        ["drop-jobs", { under: photos.photo(1) }, 1],
        ["pause-queue", { recipe: [name] }, 1],
        ["resume-queue", {}, 2],
        ["retry-jobs", { code: "PHOTO_UNREADABLE" }, 1],
      ],
    );
    assert.deepEqual(
      actions.map(({ person }) => person),
      [...Array(4).fill(userInfo().username), "Ann"],
    );
    assert.ok(actions.every(({ via, endedAt }) => via === "command line" && endedAt !== undefined));
  });

  test("what is done to a queue is recorded in its results, if they can be used", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    await using worker = createWorker(new GivenTask(() => 1), {
      ...{ connection: queue.connection, queue: queue.name, name: "w@host" },
    });
    await worker.ready;
    const where = ["--queue", queue.name, "--redis", redis.url];
    // Tasks have no results.
    assert.deepEqual((await folder.run("workers", "drain", "w@host", ...where)).stderr, "");
    const catalogue = new QueueCatalogue(queue.queue);
    const gone = join(folder.path, "gone.db");
    await catalogue.claimResults({ location: gone, identity: "1" }, async () => true);
    const unrecorded = await folder.run("jobs", "pause", ...where);
    assert.equal(unrecorded.status, 0);
    assert.match(
      unrecorded.stderr,
      /^This change is not recorded.*gone\.db .*\[LEDGER_NOT_FOUND\]/,
    );
    assert.equal(existsSync(gone), false);

    const location = join(folder.path, "results.db");
    await using ledger = await openLedger(location);
    const other = await folder.run("jobs", "resume", "--results", location, ...where);
    assert.deepEqual([other.status, /QUEUE_OTHER_RESULTS/.test(other.stderr)], [1, true]);
    assert.equal(await queue.queue.isPaused(), true, "nothing is done that is not recorded");
    const identity = await ledger.identity();
    await catalogue.claimResults({ location, identity }, async () => true);
    for (const args of [
      ["resume", "w@host"],
      ["recycle", "w@host"],
    ]) {
      await folder.run("workers", ...args, "--by", "Ann", ...where);
    }
    const [recycled, resumed] = await readActions(ledger, { limit: 9 });
    // A worker in a program of its own cannot be replaced.
    assert.deepEqual([recycled!.kind, recycled!.number], ["recycle-worker", 0]);
    assert.deepEqual([resumed!.kind, resumed!.number], ["resume-worker", 1]);
    assert.deepEqual(resumed!.filter, { worker: ["w@host"] });
  });

  test("mistakes are refused before anything is changed", async () => {
    await using folder = await CliFolder.create();
    await using queue = new TestQueue(redis.url);
    const where = ["--queue", queue.name, "--redis", redis.url];
    await queue.add({});
    const cases: [args: string[], status: number, stderr: RegExp][] = [
      [["jobs", "drop"], 2, /name photos, options that select jobs, or --all/],
      [["jobs", "list", "--state", "done"], 2, /Expected one of active, waiting, delayed, failed/],
      [["jobs", "retry", "--state", "waiting"], 2, /Expected one of delayed, failed/],
      [["jobs", "list", "--older-than", "2 fortnights"], 2, /an age as in 90s, 30m, 2h or 3d/],
      [["jobs", "drop", "--recipe", "plants"], 1, /the queue to have a recipe plants, but it has/],
      [["jobs", "show", "nowhere.jpg"], 2, /It is done, was dropped, or was never added/],
    ];
    for (const [args, status, stderr] of cases) {
      const outcome = await folder.run(...args, ...where);
      assert.equal(outcome.status, status, outcome.stderr);
      assert.match(outcome.stderr, stderr);
    }
    const both = await folder.run("failures", "results.db", ...where);
    assert.match(both.stderr, /exclude each other/);
    assert.equal(await queue.queue.getWaitingCount(), 1);
  });
});
