import type { Channel, ChannelModel, ConfirmChannel, Options } from "amqplib";
import { settlesWithin } from "../../../base/abort.ts";
import { OrangeryError } from "../../../errors.ts";

/** Where a message is published. */
export interface Destination {
  /** Empty for a queue by its name. */
  readonly exchange: string;
  readonly routingKey: string;
}

const connectMs = 10_000;
/** How long an unresponsive RabbitMQ may delay the closing of a connection. */
const closeMs = 1_000;

let opened = 0;

/** One connection, until it breaks, or the channel that delivers messages is closed. */
export class AmqpLink implements AsyncDisposable {
  /** Resolves with the reason when the connection is over. */
  readonly closed: Promise<unknown>;
  /** Delivers messages and acknowledges them. */
  readonly work: Channel;
  /** Unique among the connections of this process. */
  readonly number = ++opened;
  /** Queues that are known to exist. */
  readonly knownQueues = new Set<string>();
  readonly #connection: ChannelModel;
  /** For publishing; opened when needed. */
  #outgoing: Promise<ConfirmChannel> | undefined;
  #isClosed = false;

  private constructor(connection: ChannelModel, work: Channel) {
    this.#connection = connection;
    this.work = work;
    const closed = Promise.withResolvers<unknown>();
    this.closed = closed.promise;
    const end = (reason?: unknown) => {
      this.#isClosed = true;
      closed.resolve(reason);
    };
    connection.on("error", end);
    connection.on("close", end);
    work.on("error", end);
    work.on("close", () => {
      end(new Error("the channel of messages was closed"));
      connection.close().catch(() => {});
    });
  }

  /**
   * @param name What RabbitMQ calls the connection
   * @throws what amqplib fails with; `PACKAGE_MISSING`
   */
  static async open(url: string, name: string): Promise<AmqpLink> {
    const { connect } = await importAmqp();
    const connection = await connect(url, {
      timeout: connectMs,
      noDelay: true,
      clientProperties: { connection_name: name },
    });
    // A `close` event follows, or its requests fail.
    connection.on("error", () => {});
    try {
      return new AmqpLink(connection, await connection.createChannel());
    } catch (error) {
      connection.close().catch(() => {});
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * RabbitMQ's reason for blocking publishers, lack of memory or disk; undefined when it is over.
   */
  onBlocked(listener: (reason: string | undefined) => void): void {
    this.#connection.on("blocked", listener);
    this.#connection.on("unblocked", () => listener(undefined));
  }

  /**
   * Publishes a message; resolves when RabbitMQ has it.
   *
   * @throws what RabbitMQ has closed the channel for
   */
  async publish(
    destination: Destination,
    content: Buffer,
    options: Options.Publish,
  ): Promise<void> {
    try {
      this.#outgoing ??= this.#openOutgoing(() => this.#forgetOutgoing());
      await publishOn(await this.#outgoing, destination, content, options);
    } catch (error) {
      this.#forgetOutgoing();
      if (this.#isClosed) throw error;
      // The channel may have been closed because of another message: retry on a new one.
      let isOpen = true;
      const channel = await this.#openOutgoing(() => {
        isOpen = false;
      });
      await publishOn(channel, destination, content, options);
      if (isOpen) await channel.close().catch(() => {});
    }
  }

  /** Opens a channel whose failure affects nothing else. */
  async openChannel(onClosed: () => void = () => {}): Promise<Channel> {
    const channel = await this.#connection.createChannel();
    channel.on("error", () => {});
    channel.on("close", onClosed);
    return channel;
  }

  /** Runs requests that RabbitMQ may refuse by closing their channel on a separate one. */
  async onChannel<T>(requests: (channel: Channel) => Promise<T>): Promise<T> {
    let isOpen = true;
    const channel = await this.openChannel(() => {
      isOpen = false;
    });
    try {
      return await requests(channel);
    } finally {
      if (isOpen) await channel.close().catch(() => {});
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await settlesWithin(
      this.#connection.close().catch(() => {}),
      closeMs,
    );
  }

  #forgetOutgoing(): void {
    this.#outgoing = undefined;
  }

  async #openOutgoing(onClosed: () => void): Promise<ConfirmChannel> {
    const channel = await this.#connection.createConfirmChannel();
    channel.on("error", () => {});
    channel.on("close", onClosed);
    // Each message that is on its way has one.
    channel.setMaxListeners(0);
    return channel;
  }
}

async function publishOn(
  channel: ConfirmChannel,
  { exchange, routingKey }: Destination,
  content: Buffer,
  options: Options.Publish,
): Promise<void> {
  const confirmed = Promise.withResolvers<void>();
  // It arrives before the failures that it causes.
  channel.once("error", confirmed.reject);
  try {
    channel.publish(exchange, routingKey, content, options, (error) => {
      if (error) confirmed.reject(error);
      else confirmed.resolve();
    });
    await confirmed.promise;
  } finally {
    channel.off("error", confirmed.reject);
  }
}

async function importAmqp(): Promise<typeof import("amqplib")> {
  try {
    return await import("amqplib");
  } catch (cause) {
    throw new OrangeryError(
      "PACKAGE_MISSING",
      "Expected the package `amqplib`, which a broker on RabbitMQ needs, and it is not " +
        "installed. Run `npm install amqplib`.",
      { cause, details: { package: "amqplib" } },
    );
  }
}
