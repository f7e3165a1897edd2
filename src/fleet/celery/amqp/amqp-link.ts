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
/** How long a RabbitMQ that does not answer may hold up a connection's end. */
const closeMs = 1_000;

let opened = 0;

/** One connection, until it breaks, or the channel that delivers messages is closed. */
export class AmqpLink implements AsyncDisposable {
  /** Resolves with the reason when the connection is over. */
  readonly closed: Promise<unknown>;
  /** Delivers messages and acknowledges them. */
  readonly work: Channel;
  /** Unlike that of any other connection of this process. */
  readonly number = ++opened;
  /** Queues that are known to exist. */
  readonly knownQueues = new Set<string>();
  readonly #connection: ChannelModel;
  /** For all that is sent; opened when it is needed. */
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
    // Its `close` event follows, or its requests fail.
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

  /** What RabbitMQ says when it takes no messages for want of memory or disk; undefined after. */
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
      // The channel may have been closed for another message: this one has one of its own now.
      let isOpen = true;
      const channel = await this.#openOutgoing(() => {
        isOpen = false;
      });
      await publishOn(channel, destination, content, options);
      if (isOpen) await channel.close().catch(() => {});
    }
  }

  /** Opens a channel that may fail by itself. */
  async openChannel(onClosed: () => void = () => {}): Promise<Channel> {
    const channel = await this.#connection.createChannel();
    channel.on("error", () => {});
    channel.on("close", onClosed);
    return channel;
  }

  /** Uses a channel of its own for requests that RabbitMQ may refuse by closing it. */
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
  // It comes before what fails because of it.
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
