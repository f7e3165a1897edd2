import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";
import { hostname } from "node:os";

/** The name in a `Host` header, without its port; undefined where it is none. */
function hostNameOf(host: string | undefined): string | undefined {
  const [, bracketed, plain] = /^(?:\[([0-9a-f:.]+)\]|([^\s:/@[\]]+))(?::\d{1,5})?$/i.exec(
    host ?? "",
  ) ?? [undefined, undefined, undefined];
  return (bracketed ?? plain)?.toLowerCase();
}

/**
 * Whether a request is for this server. Another site can point its own name at this machine (DNS
 * rebinding), but not an address, `localhost` or the machine's name.
 */
export function isOwnHost(host: string | undefined, names: readonly string[] = []): boolean {
  const name = hostNameOf(host);
  if (name === undefined) return false;
  if (isIP(name) !== 0 || name === "localhost") return true;
  return [hostname(), ...names].some((own) => own.toLowerCase() === name);
}

/**
 * Whether a request comes from a page of this server or directly from a person. Browsers send that
 * in a header; other programs send none.
 */
export function isFromOwnPage(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined && site !== "same-origin" && site !== "none") return false;
  const { origin, host } = headers;
  return origin === undefined || origin.replace(/^https?:\/\//, "") === host;
}

/** Whether an address is this machine's own, which nothing outside of it reaches. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}
