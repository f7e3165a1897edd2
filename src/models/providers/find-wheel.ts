import { anySignal } from "../../base/abort.ts";
import { hasUnencodedPassword, hideCredentials } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import type { Wheel } from "./provider-wheels.ts";

/** The simple index of PyPI, which mirrors have as well. */
export const defaultIndex = "https://pypi.org/simple";

/** The longest time that an index takes to answer; its files may take longer. */
const listingMs = 60_000;

/** A URL to fetch. Its name and password are a header: `fetch` takes no URL that has them. */
export interface WheelAddress {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Looks a wheel up in a package index, by the name of its file.
 *
 * @param index The address of a simple index: as JSON, or as the page with links that every mirror
 *   has.
 * @throws `DOWNLOAD_FAILED`
 */
export async function findWheel(
  { project, version, file }: Wheel,
  { index, signal }: { readonly index: string; readonly signal?: AbortSignal | undefined },
): Promise<WheelAddress> {
  const { url, headers } = readAddress(`${index.replace(/\/+$/, "")}/${project}/`);
  const response = await fetch(url, {
    headers: {
      ...headers,
      accept: "application/vnd.pypi.simple.v1+json, text/html;q=0.5",
    },
    signal: anySignal(AbortSignal.timeout(listingMs), signal),
  }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw notFetched(url, fetchFailure(cause), { cause });
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw notFetched(url, `it answered ${response.status}`, { status: response.status });
  }
  const listing = await response.text().catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw notFetched(url, fetchFailure(cause), { cause });
  });
  const found = readListing(listing, { url, file, base: response.url });
  if (found === undefined) {
    const reason = `it does not list ${file} (version ${version} of ${project})`;
    throw notFetched(url, reason, { status: 404 });
  }
  const address = toAddress(found);
  // A mirror that asks for a name and a password does so for its files as well.
  const inherited = found.origin === url.origin ? headers : {};
  return { ...address, headers: { ...inherited, ...address.headers } };
}

interface Listed {
  readonly url: URL;
  readonly file: string;
  /** What relative addresses begin from. */
  readonly base: string;
}

function readListing(listing: string, { url, file, base }: Listed): URL | undefined {
  try {
    const listed = findFile(listing, file);
    if (listed === undefined) return undefined;
    const found = new URL(listed, base);
    if (!isHttp(found)) throw new Error(`${file} is said to be at ${found.protocol}`);
    return found;
  } catch (cause) {
    const reason = `its answer is no list of files (${(cause as Error).message})`;
    throw notFetched(url, reason, { cause, status: 200 });
  }
}

function findFile(listing: string, file: string): string | undefined {
  if (listing.trimStart().startsWith("{")) {
    const { files } = JSON.parse(listing) as { files: { filename: string; url: string }[] };
    return files.find(({ filename }) => filename === file)?.url;
  }
  for (const [, link] of listing.matchAll(/href\s*=\s*["']([^"'#]+)/gi)) {
    const address = link!.replaceAll("&amp;", "&");
    if (
      decodeURIComponent(address.split(/[/?]/).findLast((part) => part.includes(".whl")) ?? "") ===
      file
    ) {
      return address;
    }
  }
  return undefined;
}

function readAddress(text: string): WheelAddress {
  const url = URL.parse(text);
  if (url === null || !isHttp(url) || hasUnencodedPassword(text)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the address of a package index, as in ${defaultIndex}, ` +
        `got \`${hideCredentials(text)}\`.`,
    );
  }
  return toAddress(url);
}

function isHttp({ protocol }: URL): boolean {
  return /^https?:$/.test(protocol);
}

function toAddress(url: URL): WheelAddress {
  const { username, password } = url;
  [url.username, url.password] = ["", ""];
  if (username === "") return { url, headers: {} };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { url, headers: { authorization: `Basic ${Buffer.from(pair).toString("base64")}` } };
}

/** Returns the error for a server that does not give what is asked for. */
export function notFetched(
  url: URL,
  reason: string,
  { cause, status }: { readonly cause?: unknown; readonly status?: number } = {},
): OrangeryError {
  return new OrangeryError(
    "DOWNLOAD_FAILED",
    `Expected to fetch ${url.origin}${url.pathname}, but ${reason}. ` +
      "Look at the network and the proxy (HTTPS_PROXY, NO_PROXY), or name a mirror with --index.",
    { cause, details: { url: url.href, reason, status } },
  );
}

/** `fetch` itself only says "fetch failed"; its cause has the reason. */
export function fetchFailure(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message} (${cause.message || String(cause)})` : message;
}
