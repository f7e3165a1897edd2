import { OrangeryError } from "../../errors.ts";
import type { Wheel } from "./provider-wheels.ts";

/** The simple index of PyPI, which mirrors have as well. */
export const defaultIndex = "https://pypi.org/simple";

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
    signal: signal ?? null,
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
  // A mirror that asks for a name and a password does so for its files as well.
  return { url: found, headers: found.origin === url.origin ? headers : {} };
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
    return listed === undefined ? undefined : new URL(listed, base);
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
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the address of a package index, as in ${defaultIndex}, got \`${text}\`.`,
    );
  }
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
