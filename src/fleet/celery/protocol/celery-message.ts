import { decodeBody, type Envelope, isRecord, openEnvelope, Undecodable } from "./envelope.ts";
import { celeryException, celeryExceptions, type PythonException } from "./python-exception.ts";

/** A task to send when another has ended, as Celery's canvas describes it. */
export interface Signature {
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly options: Readonly<Record<string, unknown>>;
  readonly subtask_type?: string | null;
  readonly immutable?: boolean;
}

/** A message of Celery's protocol 2, checked. */
export interface CeleryMessage {
  readonly envelope: Envelope;
  readonly id: string;
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly callbacks: readonly Signature[];
  readonly errbacks: readonly Signature[];
  /** The last is the next. */
  readonly chain: readonly Signature[];
  readonly chord: Signature | undefined;
  readonly rootId: string;
  readonly parentId: string | undefined;
  readonly group: string | undefined;
  readonly groupIndex: number | undefined;
  readonly retries: number;
  /** When to start it, and when it expires: milliseconds since 1970. */
  readonly etaMs: number | undefined;
  readonly expiresMs: number | undefined;
  readonly timeLimitMs: number | undefined;
  readonly softTimeLimitMs: number | undefined;
  readonly ignoreResult: boolean;
  readonly isRedelivered: boolean;
  /** The queue that it was sent to. */
  readonly queue: string | undefined;
  readonly priority: number;
  readonly replyTo: string;
}

/** A refused message. */
export interface RefusedMessage {
  readonly reason: string;
  /** What its caller gets, if the caller is known. */
  readonly exception: PythonException;
  readonly id?: string | undefined;
  readonly task?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** Reads a message, or says why it is refused. Never throws; nothing but JSON is ever decoded. */
export function readCeleryMessage(
  delivered: Envelope | string,
): { readonly message: CeleryMessage } | { readonly refused: RefusedMessage } {
  const known: KnownOfMessage = {};
  try {
    return { message: read(delivered, known) };
  } catch (error) {
    const refusal = error instanceof Undecodable ? undecodable(error.message) : error;
    const { exception } = refusal as Partial<Refusal>;
    if (exception === undefined) throw error;
    const reason = String(exception.exc_message[0]);
    return { refused: { ...known, reason, exception } };
  }
}

type KnownOfMessage = { -readonly [K in "id" | "task" | "replyTo"]?: RefusedMessage[K] };

function read(delivered: Envelope | string, known: KnownOfMessage): CeleryMessage {
  const envelope = openEnvelope(delivered);
  const { headers, properties } = envelope;
  const { id, task, retries = 0 } = headers;
  if (isName(id)) known.id = id;
  if (isName(task)) known.task = task;
  if (isName(properties.reply_to)) known.replyTo = properties.reply_to;
  if (!isName(id) || !isName(task)) {
    throw invalid(
      "Expected a message of Celery's protocol 2, with the headers `id` and `task`. " +
        "Protocol 1 is not supported: set `task_protocol = 2`, which is the default.",
    );
  }
  const [args, kwargs, embed] = parseBody(envelope);
  const [timeLimit, softTimeLimit] = Array.isArray(headers.timelimit) ? headers.timelimit : [];
  const delivery = isRecord(properties.delivery_info) ? properties.delivery_info : {};
  return {
    envelope,
    id,
    task,
    args,
    kwargs,
    callbacks: signatures(embed.callbacks, "callbacks"),
    errbacks: signatures(embed.errbacks, "errbacks"),
    chain: signatures(embed.chain, "chain"),
    chord: embed.chord == null ? undefined : signature(embed.chord, "chord"),
    rootId: isName(headers.root_id) ? headers.root_id : id,
    parentId: isName(headers.parent_id) ? headers.parent_id : undefined,
    group: isName(headers.group) ? headers.group : undefined,
    groupIndex: finite(headers.group_index),
    retries: Number.isSafeInteger(retries) && Number(retries) >= 0 ? Number(retries) : 0,
    etaMs: instant(headers.eta, "eta"),
    expiresMs: instant(headers.expires, "expires"),
    timeLimitMs: seconds(timeLimit),
    softTimeLimitMs: seconds(softTimeLimit),
    ignoreResult: headers.ignore_result === true,
    isRedelivered: headers.redelivered === true || delivery.redelivered === true,
    queue: isName(delivery.routing_key) ? delivery.routing_key : undefined,
    priority: finite(properties.priority) ?? 0,
    replyTo: typeof properties.reply_to === "string" ? properties.reply_to : "",
  };
}

type Body = readonly [readonly unknown[], Record<string, unknown>, Record<string, unknown>];

function parseBody(envelope: Envelope): Body {
  const type = envelope["content-type"].split(";", 1)[0]!.trim().toLowerCase();
  if (type !== "application/json") {
    throw new Refusal(
      celeryException(
        celeryExceptions.contentDisallowed,
        `Refusing to deserialize content of type ${serializers[type] ?? type}: only JSON is ` +
          'read. Set `task_serializer = "json"`.',
      ),
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(decodeBody(envelope));
  } catch (error) {
    if (error instanceof Undecodable) throw error;
    throw undecodable(`Expected a body in JSON: ${String(error)}`);
  }
  if (!Array.isArray(value)) throw invalid("Expected a body that is [args, kwargs, embed]");
  const [args, kwargs, embed] = value;
  if (!Array.isArray(args)) throw invalid("Expected the task's args to be a list");
  if (!isRecord(kwargs)) throw invalid("Expected the task's kwargs to be a mapping");
  return [args, kwargs, isRecord(embed) ? embed : {}];
}

/** Common names of content types. */
const serializers: Readonly<Record<string, string>> = {
  "application/x-python-serialize": "pickle",
  "application/x-yaml": "yaml",
  "application/x-msgpack": "msgpack",
};

/** Carries the reason for refusing a message to where it is caught. */
class Refusal extends Error {
  readonly exception: PythonException;

  constructor(exception: PythonException) {
    super(String(exception.exc_message[0]));
    this.exception = exception;
  }
}

function undecodable(reason: string): Refusal {
  return new Refusal(celeryException(celeryExceptions.decodeError, reason));
}

function invalid(reason: string): Refusal {
  return new Refusal(celeryException(celeryExceptions.invalidTask, reason));
}

function signatures(value: unknown, name: string): readonly Signature[] {
  if (value == null) return [];
  if (!Array.isArray(value)) throw invalid(`Expected \`${name}\` to be a list of signatures`);
  return value.map((item) => signature(item, name));
}

function signature(value: unknown, name: string): Signature {
  if (!isSignature(value)) throw invalid(`Expected a signature of a task in \`${name}\``);
  return value;
}

/** Whether a value of JSON is a signature of Celery's canvas. */
export function isSignature(value: unknown): value is Signature {
  return (
    isRecord(value) &&
    isName(value.task) &&
    Array.isArray(value.args) &&
    isRecord(value.kwargs) &&
    isRecord(value.options)
  );
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= 1024;
}

function finite(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

function seconds(value: unknown): number | undefined {
  const number = finite(value);
  return number === undefined || number <= 0 ? undefined : 1000 * number;
}

/** Celery writes ISO 8601; a time without an offset is in UTC. */
function instant(value: unknown, name: string): number | undefined {
  if (value == null) return undefined;
  const text = String(value);
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
  // A number would be a year.
  if (Number.isNaN(ms) || !/^\d{4}-/.test(text))
    throw invalid(`Expected \`${name}\` to be a time in ISO 8601, got ${text}`);
  return ms;
}
