import { posix } from "node:path";

/** What folders held besides photos, counted: every file is a photo or is counted here. */
export interface LeftOutCounts {
  readonly files: number;
  /** Files by extension, in lower case with the dot; `hidden` or `without extension`. */
  readonly byExtension: Readonly<Record<string, number>>;
  /** Folders that were not looked into, by name. */
  readonly folders: Readonly<Record<string, number>>;
}

/** More would be numbered names, which are of no use. */
const mostExtensions = 100;

/** Counts the files and folders that a list of photos leaves out. */
export class LeftOut {
  readonly #extensions = new Map<string, number>();
  readonly #folders = new Map<string, number>();
  #files = 0;

  addFile(path: string): void {
    this.#files++;
    const name = posix.basename(path);
    const extension = posix.extname(name).toLowerCase();
    const label = name.startsWith(".")
      ? "hidden"
      : extension === ""
        ? "without extension"
        : extension;
    const isFull = this.#extensions.size >= mostExtensions && !this.#extensions.has(label);
    increment(this.#extensions, isFull ? "of other names" : label);
  }

  addFolder(path: string): void {
    increment(this.#folders, posix.basename(path));
  }

  /** The most frequent first. */
  get counts(): LeftOutCounts {
    const sorted = (counts: ReadonlyMap<string, number>) =>
      Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
    return {
      files: this.#files,
      byExtension: sorted(this.#extensions),
      folders: sorted(this.#folders),
    };
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
