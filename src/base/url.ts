/**
 * The scheme of a URL in lower case, without its colon: `s3` for `s3://bucket/key`; undefined for
 * what is no URL with an authority, such as a path, `C:\photos` or `sample:beds`.
 */
export function urlScheme(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
}
