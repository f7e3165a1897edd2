import { untilAborted } from "../../../base/abort.ts";
import type {
  BrokerOptions,
  CeleryBroker,
  PublishedMessage,
  TakenMessage,
} from "../app/celery-broker.ts";
import { amqpUrls } from "../app/celery-urls.ts";
import { AmqpConnection } from "./amqp-connection.ts";
import { AmqpControl } from "./amqp-control.ts";
import { AmqpInbox } from "./amqp-inbox.ts";
import type { AmqpLink } from "./amqp-link.ts";
import { AmqpMarks } from "./amqp-marks.ts";
import { AmqpMessage } from "./amqp-message.ts";
import { AmqpQueues } from "./amqp-queues.ts";
import { serveNativeDelay } from "./native-delay.ts";

/** A RabbitMQ as the broker of a Celery app. */
export class AmqpBroker implements CeleryBroker {
  readonly connection: AmqpConnection;
  readonly locks: AmqpInbox;
  readonly marks: AmqpMarks;
  readonly #options: BrokerOptions;
  readonly #queues: AmqpQueues;
  readonly #control: AmqpControl;

  constructor(options: BrokerOptions) {
    const { app, patience, contact, onCommand, logger } = options;
    this.#options = options;
    this.#queues = new AmqpQueues({ queueType: app.queueType, maxPriority: app.queueMaxPriority });
    this.#control = new AmqpControl(onCommand, logger);
    const inbox = new AmqpInbox({
      queues: app.queues,
      prefetch: app.concurrency,
      toMessage: (parts, queue, link) =>
        new AmqpMessage({
          parts,
          queue,
          link,
          connection: this.connection,
          queues: this.#queues,
          marks: this.marks,
        }),
    });
    this.locks = inbox;
    this.connection = new AmqpConnection({
      urls: amqpUrls(app.broker),
      name: app.name,
      setUp: (link) => this.#setUp(link),
      onTrouble: contact.receive,
      patience,
    });
    this.marks = new AmqpMarks(this.connection, { isExact: !app.rejectOnWorkerLost });
  }

  async open(signal: AbortSignal): Promise<void> {
    const opened = this.connection.open(signal);
    await untilAborted(Promise.race([opened, this.#options.contact.refusal]), signal);
  }

  async take(signal: AbortSignal): Promise<TakenMessage | undefined> {
    return await this.locks.take(signal);
  }

  async publishEvent(message: PublishedMessage): Promise<void> {
    this.#control.publishEvent(message);
  }

  async reply(message: PublishedMessage): Promise<void> {
    const { current } = this.connection;
    if (current !== undefined) await this.#control.reply(current, message);
  }

  async ping(): Promise<void> {
    const { current } = this.connection;
    if (current === undefined) throw new Error("there is no connection to RabbitMQ");
    await current.onChannel(async () => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection[Symbol.asyncDispose]();
  }

  async #setUp(link: AmqpLink): Promise<void> {
    const { app } = this.#options;
    this.#queues.forgetDelays();
    for (const queue of app.queues) await this.#queues.ensure(link, queue);
    if (app.queueType === "quorum") {
      await serveNativeDelay(link, app.queues, app.nativeDelayQueueType);
    }
    await this.#control.connect(link);
    void link.closed.then(() => this.locks.disconnect(link));
    await this.locks.connect(link);
  }
}
