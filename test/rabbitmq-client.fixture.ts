import { type ChannelModel, type ConfirmChannel, connect, type Options } from "amqplib";
import { untilAborted } from "../src/base/abort.ts";
import { toAmqp } from "../src/fleet/celery/amqp/amqp-envelope.ts";
import { applySignature } from "../src/fleet/celery/protocol/canvas.ts";
import type { Signature } from "../src/fleet/celery/protocol/celery-message.ts";
import { uniqueName } from "./servers/redis-server.ts";

/** The end of a task, as `rpc://` sends it. */
export interface RpcResult {
  readonly status: string;
  readonly result: unknown;
  readonly children: readonly unknown[];
}

/** Sends tasks as Celery's clients do, and receives their results by RPC: without Python. */
export class RabbitmqClient implements AsyncDisposable {
  readonly channel: ConfirmChannel;
  readonly replies: string;
  readonly #connection: ChannelModel;
  readonly #ends = new Map<string, PromiseWithResolvers<RpcResult>>();

  private constructor(connection: ChannelModel, channel: ConfirmChannel, replies: string) {
    this.#connection = connection;
    this.channel = channel;
    this.replies = replies;
  }

  static async connect(url: string): Promise<RabbitmqClient> {
    const connection = await connect(url);
    connection.on("error", () => {});
    const channel = await connection.createConfirmChannel();
    channel.on("error", () => {});
    const { queue } = await channel.assertQueue("", { exclusive: true });
    const client = new RabbitmqClient(connection, channel, queue);
    await channel.consume(queue, (message) => client.#receive(message!.content), { noAck: true });
    return client;
  }

  /** Sends a task; returns its id when RabbitMQ has it. */
  async send(
    queue: string,
    task: string,
    args: readonly unknown[] = [],
    given: Signature["options"] = {},
  ): Promise<string> {
    const { id, content, options } = this.message(task, args, given);
    await this.publish({ exchange: "", routingKey: queue }, content, options);
    return id;
  }

  /** A task as a message. */
  message(task: string, args: readonly unknown[], given: Signature["options"] = {}) {
    const id = uniqueName(task);
    const options = { task_id: id, reply_to: this.replies, ...given };
    const from = { rootId: id, parentId: null };
    const signature = { task, args, kwargs: {}, options };
    const { sent } = applySignature(signature, from, { routes: {}, defaultQueue: "" });
    return { id, ...toAmqp(sent[0]!.envelope) };
  }

  /** Publishes a message; resolves when RabbitMQ has it. */
  async publish(
    { exchange, routingKey }: { readonly exchange: string; readonly routingKey: string },
    content: Buffer,
    options: Options.Publish = {},
  ): Promise<void> {
    this.channel.publish(exchange, routingKey, content, options);
    await this.channel.waitForConfirms();
  }

  /** Resolves with a task's end; states before it are passed over. */
  async result(id: string): Promise<RpcResult> {
    return await untilAborted(this.#endOf(id).promise, AbortSignal.timeout(20_000));
  }

  /** How many messages wait in a queue. */
  async left(queue: string): Promise<number> {
    return (await this.channel.checkQueue(queue)).messageCount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close().catch(() => {});
  }

  #endOf(id: string): PromiseWithResolvers<RpcResult> {
    const end = this.#ends.get(id) ?? Promise.withResolvers<RpcResult>();
    this.#ends.set(id, end);
    return end;
  }

  #receive(content: Buffer): void {
    const { task_id, ...result } = JSON.parse(content.toString());
    if (["SUCCESS", "FAILURE", "REVOKED"].includes(result.status)) {
      this.#endOf(task_id).resolve(result);
    }
  }
}
