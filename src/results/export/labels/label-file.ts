/** The place of a photo's labels: folders, and a name without its extension. */
export interface LabelFile {
  readonly folders: readonly string[];
  readonly stem: string;
}

/**
 * Returns where trainers look for the labels of a photo: its own path, with another extension. A
 * source may be a path of this or another system, a URL or the key of an object; characters that
 * cannot be part of a name on this platform become `_`.
 */
export function labelFileOf(source: string, platform: string = process.platform): LabelFile {
  const isWindowsPath = /^([a-z]:[/\\]|\\\\)/i.test(source);
  const segments = source
    .split(isWindowsPath ? /[/\\]+/ : /\/+/)
    .filter((segment) => segment !== "" && segment !== ".")
    .map((segment) => withoutForbidden(segment, platform));
  const name = segments.at(-1) ?? "_";
  return { folders: segments.slice(0, -1), stem: name.replace(/\.[^.]*$/, "") };
}

/** Returns a text as the name of one file or folder. */
export function safeName(text: string, platform: string = process.platform): string {
  return withoutForbidden(text.replaceAll("/", "_"), platform) || "_";
}

function withoutForbidden(segment: string, platform: string): string {
  if (segment === ".." || segment === ".") return "_";
  const forbidden = platform === "win32" ? /[\p{Cc}\\:*?"<>|]/gu : /\0/g;
  return segment.replaceAll(forbidden, "_");
}
