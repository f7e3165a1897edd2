import { randomUUID } from "node:crypto";
import { idOf, type ResultTuple } from "./canvas-tree.ts";
import type { Signature } from "./celery-message.ts";
import { isRecord } from "./envelope.ts";
import { type SentMessage, toIsoTime, toTaskMessage } from "./sent-message.ts";

/** The messages and chords that a signature turns into. */
export interface AppliedSignature {
  readonly sent: readonly SentMessage[];
  readonly result: ResultTuple;
  /** Chords that begin, to be registered before these are sent. */
  readonly chords: readonly NewChord[];
}

/** A chord that is about to begin. */
export interface NewChord {
  readonly group: string;
  /** How many tasks it waits for. */
  readonly size: number;
  /** The structure of its results, if there are groups among them. */
  readonly structure?: ResultTuple | undefined;
}

/** What a signature inherits from the task that it follows. */
export interface AppliedAfter {
  readonly rootId: string;
  readonly parentId: string | null;
  /** Arguments before its own, unless it is immutable. */
  readonly args?: readonly unknown[] | undefined;
  /** What follows it; the last is the next. */
  readonly chain?: readonly Signature[] | undefined;
  readonly group?: string | undefined;
  readonly groupIndex?: number | undefined;
  readonly chord?: Signature | undefined;
}

/** Where tasks are sent. */
export interface Routing {
  /** Queues by the names of tasks. */
  readonly routes: Readonly<Record<string, string>>;
  readonly defaultQueue: string;
}

/** Sends a signature of one task. */
export function applyTask(
  signature: Signature,
  after: AppliedAfter,
  routing: Routing,
): AppliedSignature {
  const { task, kwargs, options } = signature;
  const id = idOf(signature) ?? randomUUID();
  const stampedHeaders = Array.isArray(options.stamped_headers) ? options.stamped_headers : null;
  const { stamps } = options;
  const sent = toTaskMessage({
    id,
    task,
    args: signature.immutable ? signature.args : [...(after.args ?? []), ...signature.args],
    kwargs,
    embed: {
      callbacks: listOrNull(options.link),
      errbacks: listOrNull(options.link_error),
      chain: after.chain ?? null,
      chord: after.chord ?? options.chord ?? null,
    },
    queue: queueOf(signature, routing),
    priority: typeof options.priority === "number" ? options.priority : 0,
    replyTo: textOrNull(options.reply_to) ?? "",
    rootId: after.rootId,
    parentId: after.parentId,
    // If the client has recorded its group, that group waits for it.
    group: textOrNull(options.group_id) ?? after.group ?? null,
    groupIndex: after.groupIndex ?? numberOrNull(options.group_index),
    eta: etaOf(options),
    expires: expiryOf(options),
    timeLimits: [numberOrNull(options.time_limit), numberOrNull(options.soft_time_limit)],
    ignoreResult: options.ignore_result === true,
    shadow: textOrNull(options.shadow),
    stampedHeaders,
    stamps: isRecord(stamps)
      ? stamps
      : Object.fromEntries((stampedHeaders ?? []).map((name) => [name, options[name]])),
  });
  return { sent: [sent], result: [[id, null], null], chords: [] };
}

function queueOf({ task, options }: Signature, { routes, defaultQueue }: Routing): string {
  const { queue, routing_key } = options;
  const name = isRecord(queue) ? queue.name : queue;
  return textOrNull(name) ?? textOrNull(routing_key) ?? routes[task] ?? defaultQueue;
}

function etaOf({ countdown, eta }: Signature["options"]): string | null {
  if (typeof countdown === "number") return toIsoTime(Date.now() + 1000 * countdown);
  return textOrNull(eta);
}

function expiryOf({ expires }: Signature["options"]): string | null {
  if (typeof expires === "number") return toIsoTime(Date.now() + 1000 * expires);
  return textOrNull(expires);
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function listOrNull(value: unknown): unknown {
  if (value == null) return null;
  return Array.isArray(value) ? value : [value];
}
