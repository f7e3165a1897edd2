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

/** One connection, until it breaks. Whatever closes one of its channels ends all of it. */
export class AmqpLink implements AsyncDisposable {
  /** Resolves with the reason when the connection is over. */
  readonly closed: Promise<unknown>;
  /** Delivers messages and acknowledges them. */
  readonly work: Channel;
  /** Queues that are known to exist. */
  readonly knownQueues = new Set<string>();
  readonly #connection: ChannelModel;
  readonly #outgoing: ConfirmChannel;
  #isClosed = false;

  private constructor(connection: ChannelModel, work: Channel, outgoing: ConfirmChannel) {
    this.#connection = connection;
    this.work = work;
    this.#outgoing = outgoing;
    const closed = Promise.withResolvers<unknown>();
    this.closed = closed.promise;
    const end = (reason?: unknown) => {
      this.#isClosed = true;
      closed.resolve(reason);
    };
    connection.on("error", end);
    connection.on("close", end);
    for (const channel of [work, outgoing]) {
      channel.on("error", end);
      channel.on("close", () => {
        end(new Error("a channel was closed"));
        connection.close().catch(() => {});
      });
    }
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
      const work = await connection.createChannel();
      const outgoing = await connection.createConfirmChannel();
      return new AmqpLink(connection, work, outgoing);
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

  /** Publishes a message; resolves when RabbitMQ has it. */
  async publish(
    { exchange, routingKey }: Destination,
    content: Buffer,
    options: Options.Publish,
  ): Promise<void> {
    const confirmed = Promise.withResolvers<void>();
    this.#outgoing.publish(exchange, routingKey, content, options, (error) => {
      if (error) confirmed.reject(error);
      else confirmed.resolve();
    });
    await confirmed.promise;
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
