import type { IncomingMessage, ServerResponse } from "node:http";

/** The page loads and runs what this server sends, and nothing else. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join("; ");

/** Sent with every answer. */
export const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": policy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

export interface Answer {
  readonly status?: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Sends an answer; one that says nothing of it is not to be kept. */
export function send(
  response: ServerResponse,
  { status = 200, type, body, headers }: Answer,
): void {
  response
    .writeHead(status, {
      ...securityHeaders,
      "cache-control": "no-store",
      "content-type": type,
      "content-length": Buffer.byteLength(body),
      ...headers,
    })
    .end(body);
}

export function sendJson(response: ServerResponse, value: unknown, status = 200): void {
  send(response, { status, type: "application/json; charset=utf-8", body: JSON.stringify(value) });
}

/** What a client asked for that it does not get, and why. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const mostBytes = 64 * 1024;

/** Reads the JSON object that a request sends. */
export async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) {
    throw new Refusal(415, "Expected JSON.");
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.byteLength;
    if (bytes > mostBytes) throw new Refusal(413, "Expected less.");
    parts.push(part);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(parts).toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // As any other text that is no object.
  }
  throw new Refusal(400, "Expected a JSON object.");
}
