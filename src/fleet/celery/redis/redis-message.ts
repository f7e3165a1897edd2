import type { Settlement, TakenMessage } from "../app/celery-broker.ts";
import type { RedisQueues, TakenText } from "./redis-queues.ts";

/** A message from a list, in progress. */
export class RedisMessage implements TakenMessage {
  readonly content: string;
  readonly queue: string;
  readonly #taken: TakenText;
  readonly #queues: RedisQueues;
  readonly #onDelayed: (etaMs: number) => void;
  #token: string;

  constructor(taken: TakenText, queues: RedisQueues, onDelayed: (etaMs: number) => void) {
    this.content = taken.text;
    this.queue = taken.queue;
    this.#token = taken.tag;
    this.#taken = taken;
    this.#queues = queues;
    this.#onDelayed = onDelayed;
  }

  get token(): string {
    return this.#token;
  }

  async acknowledge(): Promise<void> {
    await this.#queues.settle(this.#token, {});
    this.#token = "";
  }

  async settle(settlement: Settlement): Promise<boolean> {
    return await this.#queues.settle(this.#token, settlement);
  }

  async giveBack(): Promise<boolean> {
    return await this.#queues.giveBack({ ...this.#taken, tag: this.#token });
  }

  async delay(etaMs: number): Promise<void> {
    await this.#queues.delay(this.#token, etaMs);
    this.#onDelayed(etaMs);
  }
}
