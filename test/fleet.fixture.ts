import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Job, Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { type ChangeJobsOptions, retryJobs } from "../src/fleet/management/change-jobs.ts";
import { postgresPoolOf } from "../src/fleet/queue/postgres/postgres-backend.ts";
import { serverOf } from "../src/fleet/queue/queue-server.ts";
import type { LabelledQueuePlace } from "../src/fleet/queue/redis-connection.ts";
import { storeOf } from "../src/fleet/store/store-of.ts";
import type { Logger } from "../src/logger.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { uniqueName } from "./servers/redis-server.ts";

/** A queue of its own, on Redis or PostgreSQL, that is gone with its jobs when it is disposed. */
export class TestQueue implements AsyncDisposable {
  /** What a worker is given. */
  readonly name: string;
  readonly connection: string;
  /** Where the jobs are. */
  readonly queue: Queue;
  readonly #events: QueueEvents;

  constructor(url: string, place: Partial<LabelledQueuePlace> = {}) {
    const { queue = uniqueName("fleet"), label = queue, prefix = "bull" } = place;
    this.name = label;
    this.connection = url;
    const server = serverOf({ connection: url, queue, prefix, isMade: true });
    this.queue = new Queue(
      server.queue,
      { ...server.options, skipVersionCheck: false },
      server.backend,
    );
    // From the first on: what happens while it connects, or connects again, is not missed.
    const eventOptions = { ...server.options, lastEventId: "0" };
    this.#events = new QueueEvents(server.queue, eventOptions, server.backend);
    // Many jobs are waited for at once.
    this.queue.setMaxListeners(0);
    this.#events.setMaxListeners(0);
    // A Redis that is restarted on purpose is no news.
    this.queue.on("error", () => {});
    this.#events.on("error", () => {});
  }

  async add(data: unknown, options: Parameters<Queue["add"]>[2] = {}): Promise<Job> {
    return await this.queue.add("job", data, options);
  }

  /** The job as it is now. */
  async look(job: Job): Promise<Job> {
    return (await this.queue.getJob(job.id!))!;
  }

  /** What the job returned; rejects with why it failed. */
  async result(job: Job): Promise<unknown> {
    if (this.#postgres === undefined) return await job.waitUntilFinished(this.#events);
    // Where transactions end in another order than they began, BullMQ's events miss some.
    for (;;) {
      const state = await this.queue.getJobState(job.id!);
      const { failedReason, returnvalue } = await this.look(job);
      if (state === "failed") throw new Error(failedReason);
      if (state === "completed") return returnvalue;
      await sleep(20);
    }
  }

  /** As if so many workers had died while they worked on the job. */
  async setCrashes(job: Job, crashes: number): Promise<void> {
    await storeOf(this.queue).attempts.writeDeaths(job.id!, crashes);
    if (this.#postgres !== undefined) {
      const stalled = "update job set stalled_count = $3 where queue = $1 and id = $2";
      await this.#postgres.query(stalled, [this.queue.name, job.id, crashes]);
      return;
    }
    const client = await this.queue.getBackend().client;
    await client.hset(this.queue.toKey(job.id!), { stc: crashes });
  }

  /** As if another worker had locked the job, and died. */
  async takeLock(job: Job): Promise<void> {
    if (this.#postgres !== undefined) {
      const lock = `update job set lock_token = 'another', locked_until_ms = $3, stalled_marked = true
        where queue = $1 and id = $2`;
      await this.#postgres.query(lock, [this.queue.name, job.id, Date.now() + 1500]);
      return;
    }
    const client = await this.queue.getBackend().client;
    await client.set(`${this.queue.toKey(job.id!)}:lock`, "another", { PX: 1500 });
  }

  /** Lists what is kept of photos' jobs, those that have succeeded included. */
  async leftOfJobs(): Promise<string[]> {
    if (this.#postgres !== undefined) {
      const left = `select id from job where queue = $1
        union select job_id from job_log where queue = $1`;
      const { rows } = await this.#postgres.query<{ id: string }>(left, [this.queue.name]);
      return rows.map(({ id }) => id);
    }
    using client = new TestClient(this.connection);
    // `pc` is BullMQ's own.
    return await client.redis.keys(`${this.queue.toKey("p")}[^c]*`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.close();
    await this.queue.obliterate({ force: true });
    if (this.#postgres !== undefined) return await this.queue.close();
    const client = await this.queue.getBackend().client;
    const ours = ["recipes", "results"].map((key) => `bull:${this.name}:orangery:${key}`);
    await client.del(...ours);
    await this.queue.close();
  }

  get #postgres() {
    return postgresPoolOf(this.queue.getBackend());
  }
}

/** A connection as programs have one already. */
export class TestClient implements Disposable {
  readonly redis: Redis;

  constructor(url: string) {
    this.redis = new Redis(url, { maxRetriesPerRequest: null });
  }

  [Symbol.dispose](): void {
    this.redis.disconnect();
  }
}

/** Another worker on the same queue, in a process of its own. Its task returns "rival". */
export class Rival implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  static async start({ name, connection }: TestQueue): Promise<Rival> {
    const file = fileURLToPath(new URL("./fleet-rival.fixture.ts", import.meta.url));
    const child = fork(file, [connection, name]);
    await once(child, "message", { signal: AbortSignal.timeout(60_000) });
    return new Rival(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    await exited;
  }
}

export type Work<Payload, Result> = (
  payload: Payload,
  context: TaskContext<Payload>,
) => Promise<Result> | Result;

/** A task without models that does what it is given. */
export class GivenTask<Payload = unknown, Result = unknown> extends ModelTask<Payload, Result> {
  readonly #work: Work<Payload, Result>;

  constructor(work: Work<Payload, Result>, logger?: Logger) {
    super({ cache: new ModelCache({ models: {} }), ...(logger && { logger }) });
    this.#work = work;
  }

  async run(payload: Payload, context: TaskContext<Payload>): Promise<Result> {
    return await this.#work(payload, context);
  }
}

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

export function recordingLogger(lines: LogLine[], bound: object = {}): Logger {
  const write = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, ...bound, ...fields });
  };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => recordingLogger(lines, { ...bound, ...fields }),
  };
}

/** As `orangery retry-failed` does, for one queue. */
export async function retryFailed(queue: Queue, options?: ChangeJobsOptions): Promise<number> {
  return await retryJobs([{ recipe: undefined, queue }], { states: ["failed"] }, options);
}
