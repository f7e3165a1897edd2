import { setTimeout as delay } from "node:timers/promises";
import { untilAborted } from "../../../base/abort.ts";
import { isOrangeryError, OrangeryError } from "../../../errors.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import { toAmqpError } from "./amqp-errors.ts";
import { AmqpLink } from "./amqp-link.ts";

export interface AmqpConnectionOptions {
  /** The URLs of one RabbitMQ's nodes, which are tried in turn. */
  readonly urls: readonly string[];
  /** The connection's name in RabbitMQ. */
  readonly name: string;
  /** Prepares each new connection before it is used. */
  readonly setUp: (link: AmqpLink) => Promise<void>;
  readonly onTrouble: (error: OrangeryError) => void;
  readonly patience: QueuePatience;
}

/** A restarted RabbitMQ is back within seconds, and somebody waits: retry often. */
const pauseMs = [100, 1_000] as const;

/** A connection to RabbitMQ that reconnects whenever it breaks, however long that takes. */
export class AmqpConnection implements AsyncDisposable {
  readonly #options: AmqpConnectionOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #link = Promise.withResolvers<AmqpLink>();
  #current: AmqpLink | undefined;

  constructor(options: AmqpConnectionOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** The connection as it is; undefined while there is none. */
  get current(): AmqpLink | undefined {
    return this.#current;
  }

  /** Waits until there is a connection. */
  async open(signal: AbortSignal = this.#closing.signal): Promise<AmqpLink> {
    return await untilAborted(this.#link.promise, signal);
  }

  /**
   * Runs requests on the connection, and again on the next one if it breaks.
   *
   * @throws RabbitMQ's refusal
   */
  async repeat<T>(requests: (link: AmqpLink) => Promise<T>): Promise<T> {
    return await this.#options.patience.repeat(
      async () => {
        const link = await this.open();
        try {
          return await requests(link);
        } catch (error) {
          throw toAmqpError(link.isClosed ? undefined : error);
        }
      },
      { signal: this.#closing.signal },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("the connection to RabbitMQ is closed"));
    this.#link.promise.catch(() => {});
    await this.#current?.[Symbol.asyncDispose]();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const { urls, onTrouble, patience } = this.#options;
    let waitMs: number = pauseMs[0];
    for (let turn = 0; !signal.aborted; turn++) {
      try {
        const link = await this.#connect(urls[turn % urls.length]!);
        waitMs = pauseMs[0];
        this.#current = link;
        this.#link.resolve(link);
        // Reports that the connection has no problem any more.
        await patience.repeat(async () => {});
        const reason = await link.closed;
        this.#current = undefined;
        this.#link = Promise.withResolvers();
        if (!signal.aborted) onTrouble(toAmqpError(reason));
      } catch (error) {
        if (!signal.aborted) onTrouble(toAmqpError(error));
      }
      const pause = waitMs * (0.5 + Math.random());
      await delay(pause, undefined, { signal, ref: true }).catch(() => {});
      waitMs = Math.min(2 * waitMs, pauseMs[1]);
    }
  }

  async #connect(url: string): Promise<AmqpLink> {
    const { name, setUp, patience } = this.#options;
    const link = await AmqpLink.open(url, name);
    link.onBlocked((reason) => {
      if (reason === undefined) void patience.repeat(async () => {});
      else patience.report(full(reason));
    });
    try {
      await setUp(link);
      this.#closing.signal.throwIfAborted();
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      // The reason for which the channel was closed says more.
      throw isOrangeryError(error) || !link.isClosed ? error : ((await link.closed) ?? error);
    }
  }
}

function full(reason: string): OrangeryError {
  return new OrangeryError(
    "QUEUE_FULL",
    `Expected RabbitMQ to take messages, got "${reason}". Its memory or disk is full: raise its ` +
      "limits, or take messages out. Workers wait and resume.",
    { details: { reply: reason } },
  );
}
