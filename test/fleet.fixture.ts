import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Job, Queue, QueueEvents } from "bullmq";
import { Redis } from "ioredis";
import { type ChangeJobsOptions, retryJobs } from "../src/fleet/management/change-jobs.ts";
import {
  type LabelledQueuePlace,
  toConnectionOptions,
} from "../src/fleet/queue/redis-connection.ts";
import type { Logger } from "../src/logger.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { uniqueName } from "./servers/redis-server.ts";

/** A queue of its own that is gone, jobs and all, when it is disposed. */
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
    this.queue = new Queue(queue, { connection: toConnectionOptions(url), prefix });
    this.#events = new QueueEvents(queue, {
      connection: toConnectionOptions(url),
      prefix,
      // From the first on: what happens while it connects, or connects again, is not missed.
      lastEventId: "0",
    });
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
    return await job.waitUntilFinished(this.#events);
  }

  /** As if so many workers had died while they worked on the job. */
  async setCrashes(job: Job, crashes: number): Promise<void> {
    await (await this.queue.getBackend().client).hset(this.queue.toKey(job.id!), {
      stc: crashes,
      orangeryBegun: crashes,
    });
  }

  /** As if another worker had locked the job, and died. */
  async takeLock(job: Job): Promise<void> {
    const client = await this.queue.getBackend().client;
    await client.set(`${this.queue.toKey(job.id!)}:lock`, "another", { PX: 1500 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#events.close();
    await this.queue.obliterate({ force: true });
    const client = await this.queue.getBackend().client;
    const ours = ["recipes", "results"].map((key) => `bull:${this.name}:orangery:${key}`);
    await client.del(...ours);
    await this.queue.close();
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
    await once(child, "message");
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
