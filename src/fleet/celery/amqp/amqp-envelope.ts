import type { MessageFields, MessageProperties, Options } from "amqplib";
import type { Envelope } from "../protocol/envelope.ts";

/** A message as amqplib has it. */
export interface AmqpParts {
  readonly content: Buffer;
  readonly fields: MessageFields;
  readonly properties: MessageProperties;
}

/** Headers that RabbitMQ writes itself. */
const ofRabbitmq = /^x-(death|delivery-count|acquired-count|(first|last)-death-.*)$/;

/** Takes a delivered message apart as if Kombu had written it into JSON. */
export function fromAmqp({ content, fields, properties }: AmqpParts, queue: string): Envelope {
  const { exchange, redelivered } = fields;
  const { headers, correlationId, replyTo, deliveryMode, priority } = properties;
  return {
    body: content.toString("base64"),
    "content-type": properties.contentType ?? "of unknown type",
    "content-encoding": properties.contentEncoding ?? "utf-8",
    headers: Object.fromEntries(
      Object.entries(headers ?? {}).filter(([name]) => !ofRabbitmq.test(name)),
    ),
    properties: {
      correlation_id: correlationId,
      reply_to: replyTo,
      delivery_mode: deliveryMode ?? 2,
      priority,
      delivery_info: { exchange, routing_key: queue, redelivered },
      body_encoding: "base64",
    },
  };
}

/** Takes what is sent apart, as RabbitMQ takes it. */
export function toAmqp(envelope: Envelope): {
  readonly content: Buffer;
  readonly options: Options.Publish;
} {
  const { body, headers, properties } = envelope;
  const { correlation_id, reply_to, delivery_mode, priority, body_encoding } = properties;
  return {
    content: Buffer.from(body, body_encoding === "base64" ? "base64" : "utf8"),
    options: {
      contentType: envelope["content-type"],
      contentEncoding: envelope["content-encoding"],
      headers,
      deliveryMode: delivery_mode === 1 ? 1 : 2,
      ...(typeof correlation_id === "string" && { correlationId: correlation_id }),
      ...(typeof reply_to === "string" && reply_to !== "" && { replyTo: reply_to }),
      ...(typeof priority === "number" && priority > 0 && { priority: Math.min(priority, 255) }),
    },
  };
}
