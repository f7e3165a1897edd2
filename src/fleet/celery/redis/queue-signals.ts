import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { Logger } from "../../../logger.ts";

export interface QueueSignalsOptions {
  /** Sends requests. */
  readonly redis: Redis;
  /** Receives what is published, and sends nothing. */
  readonly subscriber: Redis;
  /** Channels to listen to. */
  readonly channels: readonly string[];
  readonly onPublished: (text: string) => void;
  readonly logger: Logger;
}

/** Where Redis announces keys that have changed. */
const invalidations = "__redis__:invalidate";

/** How often a Redis without announcements is polled: as often as Celery's own workers do. */
const pollMs = 1_000;

/**
 * Announces that a queue may have a message, without polling and without taking the message: BRPOP,
 * with which Celery's workers wait, loses a message if the connection breaks between its answer and
 * the next command. Instead it asks whether the lists exist; since version 6, Redis tracks keys
 * that were read and sends one notification when one may have changed.
 */
export class QueueSignals {
  readonly #options: QueueSignalsOptions;
  #isTracking = false;
  #hasWarned = false;
  #waiting: (() => void) | undefined;

  constructor(options: QueueSignalsOptions) {
    this.#options = options;
    const { redis, subscriber, onPublished } = options;
    subscriber.on("message", (channel: string, text: string) => {
      if (channel === invalidations) this.wake();
      else onPublished(text);
    });
    // Announcements are lost if either connection breaks.
    subscriber.on("ready", () => void this.#listen());
    redis.on("ready", () => void this.#listen());
    subscriber.on("close", () => this.#stopTracking());
    redis.on("close", () => this.#stopTracking());
  }

  /** Subscribes; resolves when changes from then on are announced. */
  async open(): Promise<void> {
    await this.#listen();
  }

  /** Ends the wait, if there is one. */
  readonly wake = (): void => {
    this.#waiting?.();
  };

  /** Waits until one of the lists may have a message, or the time is over. */
  async wait(
    lists: readonly string[],
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const woken = Promise.withResolvers<void>();
    this.#waiting = woken.resolve;
    const over = new AbortController();
    const stop = () => over.abort();
    signal.addEventListener("abort", stop, { once: true });
    try {
      if (signal.aborted || (await this.#isThere(lists))) return;
      const ms = this.#isTracking ? timeoutMs : Math.min(timeoutMs, pollMs);
      const late = delay(ms, undefined, { signal: over.signal }).catch(() => {});
      await Promise.race([woken.promise, late]);
    } finally {
      this.#waiting = undefined;
      signal.removeEventListener("abort", stop);
      over.abort();
    }
  }

  /** Whether any of the lists exists; Redis announces when that changes. */
  async #isThere(lists: readonly string[]): Promise<boolean> {
    const { redis } = this.#options;
    try {
      const pipeline = redis.pipeline();
      if (this.#isTracking) pipeline.call("CLIENT", "CACHING", "YES");
      const answers = await pipeline.exists(...lists).exec();
      return Number(answers?.at(-1)?.[1] ?? 0) > 0;
    } catch {
      // Taking a message waits and logs problems.
      return false;
    }
  }

  #stopTracking(): void {
    this.#isTracking = false;
    this.wake();
  }

  async #listen(): Promise<void> {
    const { redis, subscriber, channels, logger } = this.#options;
    if (redis.status !== "ready" || subscriber.status !== "ready") return;
    this.#isTracking = false;
    try {
      // A subscribed connection takes no other request, so its id is read first.
      await subscriber.unsubscribe();
      const id = await subscriber.client("ID");
      await subscriber.subscribe(invalidations, ...channels);
      await redis.call("CLIENT", "TRACKING", "OFF");
      await redis.call("CLIENT", "TRACKING", "ON", "REDIRECT", String(id), "OPTIN");
      this.#isTracking = true;
      this.wake();
    } catch (err) {
      if (this.#hasWarned || redis.status !== "ready") return;
      this.#hasWarned = true;
      logger.warn({ err }, "this Redis does not announce messages; it is asked every second");
    }
  }
}
