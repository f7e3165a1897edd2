import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { inflateSync } from "node:zlib";

/** The envelope around a message body, as Kombu writes it. Unknown fields are kept. */
export interface Envelope {
  readonly body: string;
  readonly "content-type": string;
  readonly "content-encoding": string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** The most bytes that a compressed body may have. */
const maxInflatedBytes = 64 * 1024 * 1024;

/** Content that Kombu did not write. */
export class Undecodable extends Error {}

/**
 * Parses a message, if its protocol has not.
 *
 * @throws Undecodable
 */
export function openEnvelope(delivered: Envelope | string): Envelope {
  if (typeof delivered !== "string") return delivered;
  let value: unknown;
  try {
    value = JSON.parse(delivered);
  } catch (error) {
    throw new Undecodable(`Expected a message in JSON: ${String(error)}`);
  }
  if (!isRecord(value) || typeof value.body !== "string") {
    throw new Undecodable("Expected a message that is an object with a `body`");
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

/**
 * Returns the text of a body, inflated.
 *
 * @throws Undecodable, and what zlib throws
 */
export function decodeBody({ body, headers, properties, ...envelope }: Envelope): string {
  const encoding = envelope["content-encoding"].toLowerCase();
  if (encoding !== "utf-8" && encoding !== "utf8" && encoding !== "us-ascii") {
    throw new Undecodable(`Expected a body in UTF-8, got ${encoding}`);
  }
  const isBase64 = properties.body_encoding === "base64";
  const { compression } = headers;
  if (compression == null) return isBase64 ? textOfBytes(Buffer.from(body, "base64")) : body;
  // What Kombu calls gzip is zlib.
  if (compression !== "application/x-gzip" || !isBase64) {
    throw new Undecodable(`Expected a body without compression or with gzip, got ${compression}`);
  }
  const bytes = Buffer.from(body, "base64");
  return textOfBytes(inflateSync(bytes, { maxOutputLength: maxInflatedBytes }));
}

/** Other bytes would become U+FFFD, and a path with it is another path. */
function textOfBytes(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new Undecodable("Expected a body in UTF-8, got other bytes");
  return bytes.toString("utf8");
}

/** Writes the JSON envelope around a body, as Kombu does. */
export function toEnvelope(
  body: unknown,
  {
    headers,
    properties = { delivery_mode: 1 },
    exchange,
    routingKey,
    priority = 0,
  }: {
    readonly headers: Readonly<Record<string, unknown>>;
    readonly properties?: object;
    readonly exchange: string;
    readonly routingKey: string;
    readonly priority?: number;
  },
): Envelope {
  return {
    body: Buffer.from(JSON.stringify(body)).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers,
    properties: {
      ...properties,
      delivery_info: { exchange, routing_key: routingKey },
      priority,
      body_encoding: "base64",
      delivery_tag: randomUUID(),
    },
  };
}

/** Whether a value of JSON is an object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
