/**
 * The scheme of a URL in lower case, without its colon: `s3` for `s3://bucket/key`; undefined for
 * anything but a URL with an authority: a path, `C:\photos`, `sample:beds`.
 */
export function urlScheme(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
}

/**
 * Whether a URL seems to contain a password that is not percent-encoded. A `/`, `?` or `#` in it
 * ends the part of the URL that names the host, so that the `@` comes later; a `%` begins no code.
 */
export function hasUnencodedPassword(url: string): boolean {
  const [, authority = "", rest = ""] = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  const end = authority.lastIndexOf("@");
  if (end < 0) return rest.includes("@");
  return /%(?![0-9a-f]{2})/i.test(authority.slice(0, end));
}

const secretNames =
  "x-(?:amz|goog)-[\\w-]+|sig|signature|token|key|api_?key|access_?token|auth|password";

/** The name of a query parameter that is or holds a credential, as presigned URLs have them. */
export const secretParameter = new RegExp(`^(?:${secretNames})$`, "i");

// Up to the last @, since a password may contain one.
const passwords = /(:\/\/[^\s/:@"]*:)[^\s/"]*@/g;
const webUsers = /(https?:\/\/)[^\s/"]*@/gi;
const signatures = new RegExp(`([?&](?:${secretNames})=)[^\\s&"#\\\\]*`, "gi");

/** Hides secrets of URLs in a text: passwords, signatures, and user names of web URLs. */
export function hideCredentials(text: string): string {
  return text.replace(webUsers, "$1…@").replace(passwords, "$1…@").replace(signatures, "$1…");
}
