import { commonFolder } from "../../source-folders.ts";

/** Shortens the names of photos: their sources without the folder that all have in common. */
export class PhotoNames {
  /**
   * The folder that is left out, with a separator at its end; empty where there is none in common.
   */
  readonly folder: string;

  constructor(sources: Iterable<string>) {
    this.folder = commonFolder(sources);
  }

  nameOf(source: string): string {
    return source.startsWith(this.folder) ? source.slice(this.folder.length) : source;
  }
}
