import { Agent as HttpAgent, get as httpGet, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, get as httpsGet } from "node:https";
import { secretParameter } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import type { PhotoBytes } from "../read-photo.ts";
import { assertPublicHost, lookupPublic } from "./address-guard.ts";
import { withAttempts } from "./attempts.ts";
import { readBody } from "./body-reader.ts";
import type {
  FetchLimits,
  ListedPhoto,
  ListOptions,
  ReadOptions,
  RemotePhotoReader,
} from "./remote-photo-reader.ts";

export interface HttpPhotoReaderOptions extends FetchLimits {
  /** Whether photos may come from addresses that are not public: one's own machine or network. */
  readonly allowPrivateAddresses: boolean;
}

const redirectsAllowed = 5;

/** Whether a status means: try again later. Proxies and caches have numbers of their own. */
function isPassing(status: number): boolean {
  if (status >= 500) return status !== 501 && status !== 505;
  return status === 408 || status === 425 || status === 429;
}

/**
 * Photos by `http:` and `https:` URLs. A URL is one photo; there is nothing to list.
 *
 * Proxies from the environment are not used. Redirects are followed, five at most, each under the
 * same rules, and never from https to http.
 */
export class HttpPhotoReader implements RemotePhotoReader {
  readonly #options: HttpPhotoReaderOptions;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(options: HttpPhotoReaderOptions) {
    this.#options = options;
    const lookup = options.allowPrivateAddresses ? {} : { lookup: lookupPublic };
    this.#http = new HttpAgent({ keepAlive: true, ...lookup });
    this.#https = new HttpsAgent({ keepAlive: true, ...lookup });
  }

  isFolder(): boolean {
    return false;
  }

  async *list(name: string, { filter, leftOut }: ListOptions = {}): AsyncIterable<ListedPhoto> {
    const { pathname } = parseUrl(name);
    if (filter?.takesNamed(pathname) === false) return leftOut?.addFile(pathname);
    yield { name, source: toPublicUrl(parseUrl(name)), sizeBytes: 0, mtimeUs: 0 };
  }

  async read(name: string, { signal }: ReadOptions = {}): Promise<PhotoBytes> {
    const { attempts, timeoutMs } = this.#options;
    const url = parseUrl(name);
    const label = toPublicUrl(url);
    return await withAttempts((signal) => this.#fetch(url, signal), {
      attempts,
      timeoutMs,
      label,
      signal,
    });
  }

  async #fetch(start: URL, signal: AbortSignal): Promise<PhotoBytes> {
    let url = start;
    for (let redirects = 0; ; redirects++) {
      const label = toPublicUrl(url);
      const response = await this.#request(url, signal);
      try {
        const location = redirectOf(response);
        if (location === undefined) {
          assertSuccess(response, label);
          return await readBody({
            label,
            chunks: bodyOf(response, label),
            announcedBytes: countOf(response.headers["content-length"]),
            mtimeUs: 1000 * (dateOf(response.headers["last-modified"])?.getTime() ?? 0),
            maxBytes: this.#options.maxBytes,
          });
        }
        url = nextUrl(url, location, redirects);
      } finally {
        response.destroy();
      }
    }
  }

  async #request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    if (!this.#options.allowPrivateAddresses) assertPublicHost(url);
    const secure = url.protocol === "https:";
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const request = (secure ? httpsGet : httpGet)(
      url,
      {
        agent: secure ? this.#https : this.#http,
        // The photo's own bytes are measured and hashed: no content encoding in between.
        headers: { accept: "image/*", "accept-encoding": "identity", "user-agent": "orangery" },
        signal,
      },
      resolve,
    );
    request.on("error", (error) => reject(toFetchError(error, toPublicUrl(url))));
    return await promise;
  }

  [Symbol.dispose](): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}

function parseUrl(name: string): URL {
  const url = URL.parse(name);
  if (url !== null) return url;
  // The name is not repeated: it may hold a password.
  throw new OrangeryError(
    "PHOTO_NOT_FOUND",
    "Expected the URL of a photo, got text that is no URL. Check how it is written.",
  );
}

/** A URL as it may be printed, logged and recorded: without a password and signatures. */
export function toPublicUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  shown.hash = "";
  for (const name of [...shown.searchParams.keys()]) {
    if (secretParameter.test(name)) shown.searchParams.delete(name);
  }
  return shown.href;
}

function redirectOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(statusCode) ? headers.location : undefined;
}

function nextUrl(url: URL, location: string, redirects: number): URL {
  const next = URL.parse(location, url.href);
  const label = toPublicUrl(url);
  if (redirects >= redirectsAllowed) {
    throw notFound(label, `more than ${redirectsAllowed} redirects`);
  }
  if (next === null || !/^https?:$/.test(next.protocol)) {
    throw notFound(label, "a redirect to what is no web address");
  }
  if (url.protocol === "https:" && next.protocol !== "https:") {
    throw notFound(label, "a redirect from https to http");
  }
  // A password is sent only to the host for which it was given.
  if (next.host === url.host && next.username === "") {
    next.username = url.username;
    next.password = url.password;
  }
  return next;
}

function assertSuccess({ statusCode = 0, headers }: IncomingMessage, label: string): void {
  if (isPassing(statusCode)) {
    throw new OrangeryError(
      "PHOTO_FETCH_FAILED",
      `Expected the photo ${label}, got status ${statusCode}. Try again later.`,
      {
        details: {
          photo: label,
          status: statusCode,
          retryAfterMs: retryAfterMs(headers["retry-after"]),
        },
      },
    );
  }
  if (statusCode !== 200) throw notFound(label, `status ${statusCode}`);
  const encoding = headers["content-encoding"] || "identity";
  if (encoding.toLowerCase() !== "identity") throw notFound(label, `a body encoded as ${encoding}`);
}

function notFound(label: string, came: string): OrangeryError {
  return new OrangeryError(
    "PHOTO_NOT_FOUND",
    `Expected a photo at ${label}, got ${came}. Check the address and the rights.`,
    { details: { photo: label, reason: came } },
  );
}

async function* bodyOf(response: IncomingMessage, label: string): AsyncGenerator<Uint8Array> {
  try {
    yield* response;
  } catch (error) {
    throw toFetchError(error, label);
  }
}

function toFetchError(cause: unknown, label: string): unknown {
  if (cause instanceof OrangeryError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const reason = code ?? message;
  if (code === "ENOTFOUND") return notFound(label, "a host name that nobody knows");
  return new OrangeryError(
    "PHOTO_FETCH_FAILED",
    `Expected the photo ${label}, but the connection failed: ${reason}. Try again later.`,
    { cause, details: { photo: label, reason } },
  );
}

function countOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) : undefined;
}

function dateOf(header: string | undefined): Date | undefined {
  const date = new Date(header ?? "");
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** Seconds or a date. */
function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  const seconds = countOf(header);
  if (seconds !== undefined) return 1000 * seconds;
  const date = dateOf(header);
  return date && Math.max(0, date.getTime() - Date.now());
}
