import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { CeleryMessage } from "./celery-message.ts";
import { type Envelope, toEnvelope } from "./envelope.ts";
import { pythonRepr, pythonTuple } from "./python-exception.ts";

/** A message for a queue. */
export interface SentMessage {
  readonly queue: string;
  readonly priority: number;
  readonly envelope: Envelope;
}

/** The contents of a task message. */
export interface TaskToSend {
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly embed: {
    readonly callbacks: unknown;
    readonly errbacks: unknown;
    readonly chain: unknown;
    readonly chord: unknown;
  };
  readonly queue: string;
  readonly priority: number;
  readonly replyTo: string;
  readonly rootId: string;
  readonly parentId: string | null;
  readonly group: string | null;
  readonly groupIndex: number | null;
  readonly eta: string | null;
  readonly expires: string | null;
  readonly timeLimits: readonly [hard: number | null, soft: number | null];
  readonly ignoreResult: boolean;
  readonly shadow: string | null;
  readonly stampedHeaders: readonly string[] | null;
  readonly stamps: Readonly<Record<string, unknown>>;
}

const origin = `orangery${process.pid}@${hostname()}`;

/** Writes a task as a message of protocol 2, as Celery's clients do. */
export function toTaskMessage(task: TaskToSend): SentMessage {
  const { id, args, kwargs, embed, queue, priority, replyTo } = task;
  const headers = {
    lang: "js",
    task: task.task,
    id,
    shadow: task.shadow,
    eta: task.eta,
    expires: task.expires,
    group: task.group,
    group_index: task.groupIndex,
    retries: 0,
    timelimit: task.timeLimits,
    root_id: task.rootId,
    parent_id: task.parentId,
    argsrepr: pythonTuple(args),
    kwargsrepr: pythonRepr(kwargs),
    origin,
    ignore_result: task.ignoreResult,
    replaced_task_nesting: 0,
    stamped_headers: task.stampedHeaders,
    stamps: task.stamps,
  };
  const envelope = toEnvelope([args, kwargs, embed], {
    headers,
    properties: { correlation_id: id, reply_to: replyTo, delivery_mode: 2 },
    exchange: "",
    routingKey: queue,
    priority,
  });
  return { queue, priority, envelope };
}

/** Rewrites the message of a task for another attempt. */
export function toRetryMessage(
  { envelope, id, retries, rootId, priority }: CeleryMessage,
  { queue, etaMs }: { readonly queue: string; readonly etaMs: number },
): SentMessage {
  const { redelivered: _, ...headers } = envelope.headers;
  const again: Envelope = {
    ...envelope,
    headers: {
      ...headers,
      eta: toIsoTime(etaMs),
      retries: retries + 1,
      root_id: rootId,
      parent_id: id,
      origin,
    },
    properties: {
      ...envelope.properties,
      delivery_info: { exchange: "", routing_key: queue },
      delivery_tag: randomUUID(),
    },
  };
  return { queue, priority, envelope: again };
}

/** As Python writes a time in UTC: `2026-11-28T20:18:38.675000+00:00`. */
export function toIsoTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000+00:00");
}
