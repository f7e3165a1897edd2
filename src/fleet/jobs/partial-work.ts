import type { Worker } from "bullmq";
import { settlesWithin } from "../../base/abort.ts";
import type { PartialWork } from "../../base/partial-work.ts";
import type { Logger } from "../../logger.ts";

/** Partial work of a job, which ends with it. */
export interface JobPartialWork extends PartialWork {
  /** Removes what was kept, where anything was. */
  forget(): Promise<void>;
}

/** Longer than a queue is paused over a weekend. Jobs that are removed leave nothing for ever. */
const keptMs = 3 * 24 * 3_600_000;

/** A Redis that does not answer for this long does not hold a job up. */
const patienceMs = 2_000;

/**
 * Keeps partial work in Redis, under a key beside the job's: the job's own fields are read with
 * every list of jobs. What goes wrong is logged, and costs time, but no job.
 */
export class RedisPartialWork implements JobPartialWork {
  readonly #worker: Pick<Worker, "toKey" | "getBackend">;
  readonly #key: string;
  readonly #logger: Logger;
  #isKept = false;

  constructor(worker: Pick<Worker, "toKey" | "getBackend">, jobId: string, logger: Logger) {
    this.#worker = worker;
    this.#key = worker.toKey(`orangery:partial:${jobId}`);
    this.#logger = logger.child({ jobId });
  }

  async read(): Promise<Uint8Array | undefined> {
    const text = await this.#ask((client) => client.get(this.#key));
    if (text == null) return undefined;
    this.#isKept = true;
    // The client writes text only.
    return Buffer.from(text, "base64");
  }

  async write(bytes: Uint8Array): Promise<void> {
    const text = Buffer.from(bytes).toString("base64");
    this.#isKept = true;
    await this.#ask((client) => client.set(this.#key, text, { PX: keptMs }));
    this.#logger.debug({ bytes: bytes.length }, "partial work of a job was kept");
  }

  async forget(): Promise<void> {
    if (this.#isKept) await this.#ask((client) => client.del(this.#key));
  }

  async #ask<T>(request: (client: Client) => Promise<T>): Promise<T | undefined> {
    const answer = this.#worker
      .getBackend()
      .client.then(request)
      .catch((err: unknown) => {
        this.#logger.debug({ err }, "partial work of a job was not kept");
        return undefined;
      });
    return (await settlesWithin(answer, patienceMs)) ? await answer : undefined;
  }
}

type Client = Awaited<ReturnType<Worker["getBackend"]>["client"]>;
