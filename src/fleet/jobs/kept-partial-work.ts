import { settlesWithin } from "../../base/abort.ts";
import type { PartialWork } from "../../base/partial-work.ts";
import type { Logger } from "../../logger.ts";
import type { AttemptStore } from "../store/queue-store.ts";

/** Partial work of a job, which ends with it. */
export interface JobPartialWork extends PartialWork {
  /** Removes what was kept, if anything was. */
  forget(): Promise<void>;
}

/** Longer than a queue stays paused over a weekend; removed jobs leave nothing behind for ever. */
const keptMs = 3 * 24 * 3_600_000;

/** How long an unresponsive server may delay a job. */
const patienceMs = 2_000;

/** Keeps partial work beside the job. A failure is logged and costs time, but no job. */
export class KeptPartialWork implements JobPartialWork {
  readonly #store: AttemptStore;
  readonly #jobId: string;
  readonly #logger: Logger;
  #isKept = false;

  constructor(store: AttemptStore, jobId: string, logger: Logger) {
    this.#store = store;
    this.#jobId = jobId;
    this.#logger = logger.child({ jobId });
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = await this.#ask(this.#store.readPartialWork(this.#jobId));
    if (bytes !== undefined) this.#isKept = true;
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.#isKept = true;
    await this.#ask(this.#store.writePartialWork(this.#jobId, bytes, keptMs));
    this.#logger.debug({ bytes: bytes.length }, "partial work of a job was kept");
  }

  async forget(): Promise<void> {
    if (this.#isKept) await this.#ask(this.#store.removePartialWork(this.#jobId));
  }

  async #ask<T>(request: Promise<T>): Promise<T | undefined> {
    const answer = request.catch((err: unknown) => {
      this.#logger.debug({ err }, "partial work of a job was not kept");
      return undefined;
    });
    return (await settlesWithin(answer, patienceMs)) ? await answer : undefined;
  }
}
