import { inflateSync } from "node:zlib";
import { celeryException, celeryExceptions, type PythonException } from "./python-exception.ts";

/** What is sent around a body, as Kombu writes it. Unknown fields are kept. */
export interface Envelope {
  readonly body: string;
  readonly "content-type": string;
  readonly "content-encoding": string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** A task that is to be sent when another has ended, as Celery's canvas describes it. */
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
  /** When it is to begin, and when it need not any more: milliseconds since 1970. */
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

/** A message that is not worked on. */
export interface RefusedMessage {
  readonly reason: string;
  /** What its caller gets, where it can be known who that is. */
  readonly exception: PythonException;
  readonly id: string | undefined;
  readonly task: string | undefined;
}

/** The most bytes that a compressed body may have. */
const maxInflatedBytes = 64 * 1024 * 1024;

/** Reads a message, or says why it is refused. Never throws; nothing but JSON is ever decoded. */
export function readCeleryMessage(
  text: string,
): { readonly message: CeleryMessage } | { readonly refused: RefusedMessage } {
  const known: { id?: string; task?: string } = {};
  try {
    return { message: read(text, known) };
  } catch (error) {
    const { exception } = error as Partial<Refusal>;
    if (exception === undefined) throw error;
    const reason = String(exception.exc_message[0]);
    return { refused: { reason, exception, id: known.id, task: known.task } };
  }
}

function read(text: string, known: { id?: string; task?: string }): CeleryMessage {
  const envelope = parseEnvelope(text);
  const { headers, properties } = envelope;
  const { id, task, retries = 0 } = headers;
  if (isName(id)) known.id = id;
  if (isName(task)) known.task = task;
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

function parseEnvelope(text: string): Envelope {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw undecodable(`Expected a message in JSON: ${String(error)}`);
  }
  if (!isRecord(value) || typeof value.body !== "string") {
    throw undecodable("Expected a message that is an object with a `body`");
  }
  return {
    ...value,
    body: value.body,
    "content-type": String(value["content-type"] ?? "application/json"),
    "content-encoding": String(value["content-encoding"] ?? "utf-8"),
    headers: isRecord(value.headers) ? value.headers : {},
    properties: isRecord(value.properties) ? value.properties : {},
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
    if (error instanceof Refusal) throw error;
    throw undecodable(`Expected a body in JSON: ${String(error)}`);
  }
  if (!Array.isArray(value)) throw invalid("Expected a body that is [args, kwargs, embed]");
  const [args, kwargs, embed] = value;
  if (!Array.isArray(args)) throw invalid("Expected the task's args to be a list");
  if (!isRecord(kwargs)) throw invalid("Expected the task's kwargs to be a mapping");
  return [args, kwargs, isRecord(embed) ? embed : {}];
}

/** The names by which people know types of content. */
const serializers: Readonly<Record<string, string>> = {
  "application/x-python-serialize": "pickle",
  "application/x-yaml": "yaml",
  "application/x-msgpack": "msgpack",
};

function decodeBody({ body, headers, properties, ...envelope }: Envelope): string {
  const encoding = envelope["content-encoding"].toLowerCase();
  if (encoding !== "utf-8" && encoding !== "utf8" && encoding !== "us-ascii") {
    throw undecodable(`Expected a body in UTF-8, got ${encoding}`);
  }
  const isBase64 = properties.body_encoding === "base64";
  const { compression } = headers;
  if (compression == null) return isBase64 ? Buffer.from(body, "base64").toString("utf8") : body;
  // What Kombu calls gzip is zlib.
  if (compression !== "application/x-gzip" || !isBase64) {
    throw undecodable(`Expected a body without compression or with gzip, got ${compression}`);
  }
  const bytes = Buffer.from(body, "base64");
  return inflateSync(bytes, { maxOutputLength: maxInflatedBytes }).toString("utf8");
}

/** Carries why a message is refused up to where it is caught. */
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

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
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
  if (Number.isNaN(ms)) throw invalid(`Expected \`${name}\` to be a time in ISO 8601, got ${text}`);
  return ms;
}
