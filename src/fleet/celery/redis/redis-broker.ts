import { untilAborted } from "../../../base/abort.ts";
import type {
  BrokerOptions,
  CeleryBroker,
  DeathMarks,
  PublishedMessage,
  TakenMessage,
} from "../app/celery-broker.ts";
import { type CeleryKeys, celeryKeys, databaseOf, separator } from "./celery-keys.ts";
import { QueueSignals } from "./queue-signals.ts";
import { QueueSweep } from "./queue-sweep.ts";
import { RedisConnections } from "./redis-connections.ts";
import { RedisLeases } from "./redis-leases.ts";
import { RedisMarks } from "./redis-marks.ts";
import { RedisMessage } from "./redis-message.ts";
import { RedisQueues } from "./redis-queues.ts";

/** How long an unreachable Redis may delay a closing worker. */
const closeMs = 1_000;

/** A Redis as the broker of a Celery app. */
export class RedisBroker implements CeleryBroker {
  readonly connections: RedisConnections;
  readonly locks: RedisLeases;
  readonly marks: DeathMarks;
  readonly #options: BrokerOptions;
  readonly #keys: CeleryKeys;
  readonly #queues: RedisQueues;
  readonly #sweep: QueueSweep;
  readonly #signals: QueueSignals;
  readonly #onDelayed = (etaMs: number) => this.#sweep.within(etaMs - Date.now());

  constructor(options: BrokerOptions) {
    const { app, patience, contact, onCommand, logger } = options;
    this.#options = options;
    this.connections = new RedisConnections(app.broker, contact.receive);
    const { requests: redis, subscriber } = this.connections;
    const keys = celeryKeys(app.globalKeyPrefix, databaseOf(app.broker));
    this.#keys = keys;
    const { lockDurationMs: leaseMs, stalledIntervalMs: intervalMs } = app;
    this.#queues = new RedisQueues({ ...app, redis, keys, leaseMs, patience });
    this.#sweep = new QueueSweep({ queues: this.#queues, intervalMs, logger });
    const channels = [keys.topic("celery.pidbox")];
    this.#signals = new QueueSignals({
      redis,
      subscriber,
      channels,
      onPublished: onCommand,
      logger,
    });
    this.locks = new RedisLeases({ ...app, url: app.broker, keys, logger });
    this.marks = new RedisMarks(redis, keys, patience);
  }

  async open(signal: AbortSignal): Promise<void> {
    const { patience, contact } = this.#options;
    await untilAborted(Promise.race([this.connections.open(), contact.refusal]), signal);
    // A first run of the regular requests, to find missing rights.
    await patience.repeat(() => this.#sweep.now(), { signal });
    await this.#signals.open();
    await untilAborted(this.locks.ready, signal);
    this.#sweep.within(this.#options.app.stalledIntervalMs);
  }

  async take(signal: AbortSignal): Promise<TakenMessage | undefined> {
    const taken = await untilLeft(this.#queues.take(signal), signal);
    if (taken !== undefined) return new RedisMessage(taken, this.#queues, this.#onDelayed);
    const { stalledIntervalMs: timeoutMs } = this.#options.app;
    await this.#signals.wait(this.#queues.lists, { timeoutMs, signal });
    return undefined;
  }

  async publishEvent({ exchange, routingKey, envelope }: PublishedMessage): Promise<void> {
    const channel = `${this.#keys.topic(exchange)}/${routingKey}`;
    await this.connections.requests.publish(channel, JSON.stringify(envelope));
  }

  /** Only to bound queues: the client that asked may be gone. */
  async reply({ exchange, routingKey, envelope }: PublishedMessage): Promise<void> {
    const { requests: redis } = this.connections;
    const text = JSON.stringify(envelope);
    for (const member of await redis.smembers(this.#keys.binding(exchange))) {
      const [bound, , queue] = member.split(separator);
      if (bound === routingKey && queue) await redis.lpush(this.#keys.list(queue, 0), text);
    }
  }

  async ping(): Promise<void> {
    const { requests: redis } = this.connections;
    if (redis.status !== "ready") throw new Error(`the connection is ${redis.status}`);
    await redis.ping();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sweep[Symbol.dispose]();
    await this.locks[Symbol.asyncDispose]();
    this.connections[Symbol.dispose]();
  }
}

/**
 * Waits for a message, and a little beyond the worker's closing: a message taken then returns to
 * its queue when its lease expires.
 */
async function untilLeft<T>(taking: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const left = Promise.withResolvers<undefined>();
  const leave = () => setTimeout(() => left.resolve(undefined), closeMs).unref();
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([taking, left.promise]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
