/** Shortens the names of photos: their sources without the folder that all have in common. */
export class PhotoNames {
  /**
   * The folder that is left out, with a separator at its end; empty where there is none in common.
   */
  readonly folder: string;

  constructor(sources: Iterable<string>) {
    let folder: string | undefined;
    for (const source of sources) {
      folder = folder === undefined ? folderOf(source) : commonFolder(folder, source);
    }
    this.folder = folder ?? "";
  }

  nameOf(source: string): string {
    return source.startsWith(this.folder) ? source.slice(this.folder.length) : source;
  }
}

function folderOf(source: string): string {
  return source.slice(0, 1 + Math.max(source.lastIndexOf("/"), source.lastIndexOf("\\")));
}

function commonFolder(folder: string, source: string): string {
  let end = 0;
  while (end < folder.length && folder[end] === source[end]) end++;
  return folderOf(folder.slice(0, end));
}
