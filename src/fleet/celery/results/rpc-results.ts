import type { AmqpConnection } from "../amqp/amqp-connection.ts";
import { toAmqp } from "../amqp/amqp-envelope.ts";
import type { CeleryResults, FailedTask, TaskState } from "../app/celery-results.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import { toEnvelope } from "../protocol/envelope.ts";
import { toMeta } from "./task-meta.ts";

export interface RpcResultsOptions {
  readonly connection: AmqpConnection;
  /** `result_persistent`: whether results outlive RabbitMQ. */
  readonly isPersistent: boolean;
}

/** Results that are sent to the queue of the client that has called the task. */
export class RpcResults implements CeleryResults {
  /** Celery's RPC backend has none, either. */
  readonly chords = undefined;
  readonly #options: RpcResultsOptions;

  constructor(options: RpcResultsOptions) {
    this.#options = options;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.connection.open(signal);
  }

  async store({ id, replyTo, envelope }: CeleryMessage, state: TaskState): Promise<void> {
    const { correlation_id } = envelope.properties;
    const correlationId = typeof correlation_id === "string" ? correlation_id : id;
    await this.#send(id, state, { replyTo, correlationId });
  }

  async storeFailed({ id, status, exception: result, replyTo = "" }: FailedTask): Promise<void> {
    await this.#send(id, { status, result }, { replyTo, correlationId: id });
  }

  /** A sent result belongs to the client and cannot be read back. */
  async readSuccess(): Promise<undefined> {
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** If the queue is gone, its client no longer waits. */
  async #send(
    id: string,
    state: TaskState,
    { replyTo, correlationId }: { readonly replyTo: string; readonly correlationId: string },
  ): Promise<void> {
    if (replyTo === "") return;
    const { connection, isPersistent } = this.#options;
    const { date_done: _, ...meta } = toMeta(state);
    const to = { exchange: "", routingKey: replyTo };
    const properties = { correlation_id: correlationId, delivery_mode: isPersistent ? 2 : 1 };
    const envelope = toEnvelope({ task_id: id, ...meta }, { headers: {}, properties, ...to });
    const { content, options } = toAmqp(envelope);
    await connection.repeat((link) => link.publish(to, content, options));
  }
}
