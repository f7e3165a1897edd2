/**
 * Returns the folder of a photo with a separator at its end: of a path of any system, a URL or a
 * key in a bucket; empty where there is none. That of a folder with a separator is itself.
 */
export function folderOf(source: string): string {
  return source.slice(0, 1 + Math.max(source.lastIndexOf("/"), source.lastIndexOf("\\")));
}

/** Returns the longest folder that all photos lie in, as {@link folderOf} does. */
export function commonFolder(sources: Iterable<string>): string {
  let folder: string | undefined;
  for (const source of sources) {
    folder ??= source;
    let end = 0;
    while (end < folder.length && folder[end] === source[end]) end++;
    folder = folderOf(folder.slice(0, end));
  }
  return folder ?? "";
}
