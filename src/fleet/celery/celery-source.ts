import type { Logger } from "../../logger.ts";
import type { JobSource } from "../worker/worker-life.ts";
import type { CeleryBroker } from "./app/celery-broker.ts";
import type { CeleryDeliveries } from "./celery-deliveries.ts";

export interface CelerySourceOptions {
  readonly broker: CeleryBroker;
  readonly deliveries: Pick<CeleryDeliveries, "handle">;
  /** The most messages that are worked on at the same time. */
  readonly concurrency: number;
  readonly logger: Logger;
}

/** Takes messages one after another, as many at a time as are worked on. */
export class CelerySource implements JobSource {
  readonly #options: CelerySourceOptions;
  readonly #leaving = new AbortController();
  /** Messages that are worked on, with all that belongs to their ends. */
  readonly #inFlight = new Set<Promise<void>>();
  #running: Promise<void> = Promise.resolve();

  constructor(options: CelerySourceOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    this.#running = this.#take();
    await this.#running;
  }

  /** Takes no more messages from now on. */
  leave(): void {
    this.#leaving.abort();
  }

  async close(): Promise<void> {
    await this.#running.catch(() => {});
    await Promise.all(this.#inFlight);
  }

  async disconnect(): Promise<void> {
    await this.#options.broker[Symbol.asyncDispose]();
  }

  async #take(): Promise<void> {
    const { broker, deliveries, concurrency, logger } = this.#options;
    const { signal } = this.#leaving;
    while (!signal.aborted) {
      if (this.#inFlight.size >= concurrency) {
        await Promise.race(this.#inFlight);
        continue;
      }
      try {
        const taken = await broker.take(signal);
        if (taken === undefined) continue;
        const work = deliveries
          .handle(taken)
          .catch((err: unknown) => logger.debug({ err }, "a message was left in the queue"))
          .finally(() => this.#inFlight.delete(work));
        this.#inFlight.add(work);
      } catch (err) {
        if (!signal.aborted) throw err;
      }
    }
  }
}
