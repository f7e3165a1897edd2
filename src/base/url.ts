/**
 * The scheme of a URL in lower case, without its colon: `s3` for `s3://bucket/key`; undefined for
 * what is no URL with an authority, such as a path, `C:\photos` or `sample:beds`.
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
