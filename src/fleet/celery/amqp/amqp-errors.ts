import { type ErrorCode, isOrangeryError, OrangeryError } from "../../../errors.ts";
import { unreachable } from "../../queue/queue-errors.ts";

/** What an error of RabbitMQ means for a queue. */
interface Refusal {
  readonly found: RegExp;
  readonly code: ErrorCode;
  /** Follows "Expected RabbitMQ". */
  readonly expected: string;
  readonly advice: string;
}

const refusals: readonly Refusal[] = [
  {
    found: /delivery acknowledgement on channel .* timed out/i,
    code: "QUEUE_NOT_READY",
    expected: "to wait for a task's end",
    advice:
      "The task takes longer than its `consumer_timeout`, 30 minutes by default: raise it in " +
      "rabbitmq.conf, or for the queue by a policy. The message waits again.",
  },
  {
    found: /message size \d+/i,
    code: "QUEUE_REFUSED",
    expected: "to take a message",
    advice: "It is too large: return less, such as a path, or raise RabbitMQ's `max_message_size`.",
  },
  {
    found: /ACCESS.REFUSED|\b403\b/,
    code: "QUEUE_ACCESS_DENIED",
    expected: "to accept the user and the password, and to give it the rights of a worker",
    advice:
      "Check them in --broker or `broker`: amqp://user:password@host:5672/vhost, each part " +
      "percent-encoded. A worker configures, writes and reads (rabbitmqctl set_permissions).",
  },
  {
    // amqplib gives no reason if the connection is closed before it was open.
    found: /NOT.ALLOWED|\b530\b|Expected ConnectionOpenOk/,
    code: "QUEUE_ACCESS_DENIED",
    expected: "to have the virtual host of the URL, and the user to be let into it",
    advice: "Create it (rabbitmqctl add_vhost), or check its name. In a URL, write / as %2F.",
  },
  {
    found: /PRECONDITION.FAILED|\b406\b/,
    code: "QUEUE_REFUSED",
    expected: "to have its queues and exchanges as the app declares them",
    advice:
      "Give the worker what the app sets (`task_default_queue_type`, `task_queue_max_priority`), " +
      "or delete the queue that was declared otherwise.",
  },
  {
    found: /RESOURCE.LOCKED|NOT.FOUND|CONNECTION.FORCED|INTERNAL.ERROR|\b(404|405|320|541)\b/,
    code: "QUEUE_NOT_READY",
    expected: "to serve the queue",
    advice: "It starts, stops, or the queue is gone. Workers wait and resume by themselves.",
  },
];

/** Converts an error of a connection to RabbitMQ into one of ours, with what to do. */
export function toAmqpError(error: unknown): OrangeryError {
  if (isOrangeryError(error)) return error;
  const { message = String(error), code } = (error ?? {}) as { message?: string; code?: unknown };
  const text = `${typeof code === "number" ? `${code} ` : ""}${message}`;
  const refusal = refusals.find(({ found }) => found.test(text));
  if (refusal === undefined) {
    return unreachable(error, { server: "RabbitMQ", options: "--broker or `broker`" });
  }
  const { code: errorCode, expected, advice } = refusal;
  return new OrangeryError(
    errorCode,
    `Expected RabbitMQ ${expected}, got "${message}". ${advice}`,
    {
      cause: error,
      details: { reply: message },
    },
  );
}
