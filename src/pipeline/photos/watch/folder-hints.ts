import { type FSWatcher, watch } from "node:fs";
import type { FoundFolder } from "../photo-files.ts";
import { identityOf } from "../photo-paths.ts";

/** A name in a place that something happened to. */
export interface FolderHint {
  /** The folder that is watched with all below it. */
  readonly place: string;
  /** Path below it, with slashes. */
  readonly below: string;
}

/** Folders beyond these are only listed now and then: each takes one of the system's watches. */
const mostFolders = 1000;

/** More than these, and a list is quicker. */
const mostHints = 5000;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  readonly identity: string;
  round: number;
}

/**
 * Change reports of the operating system, which cover only this machine's own writes, and not all
 * disks. So these are hints: they reveal sooner what a list of the folder shows anyway.
 */
export class FolderHints implements Disposable {
  /** Called for the first hint that gathers. */
  readonly #onHint: () => void;
  readonly #folders = new Map<string, WatchedFolder>();
  #hints = new Map<string, FolderHint>();
  #round = 0;

  constructor(onHint: () => void) {
    this.#onHint = onHint;
  }

  /** Watches a folder, but not the folders in it. */
  watch(place: string, { folder, below, stats }: FoundFolder): void {
    const identity = identityOf(stats);
    const known = this.#folders.get(folder);
    if (known?.identity === identity) {
      known.round = this.#round;
      return;
    }
    known?.watcher.close();
    this.#folders.delete(folder);
    if (this.#folders.size >= mostFolders) return;
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name !== null) this.#add({ place, below: below === "" ? name : `${below}/${name}` });
      });
      watcher.on("error", () => this.#close(folder));
      this.#folders.set(folder, { watcher, identity, round: this.#round });
    } catch {
      // The system is out of watches, or the disk has none: the folder is still listed.
    }
  }

  /** Begins a list of all folders; {@link endRound} ends the watches of those not met. */
  beginRound(): void {
    this.#round++;
  }

  endRound(): void {
    for (const [folder, { round }] of this.#folders) {
      if (round < this.#round) this.#close(folder);
    }
  }

  /** Takes what has gathered; undefined where it was too much to keep. */
  take(): readonly FolderHint[] | undefined {
    const hints = [...this.#hints.values()];
    this.#hints = new Map();
    return hints.length > mostHints ? undefined : hints;
  }

  get isEmpty(): boolean {
    return this.#hints.size === 0;
  }

  [Symbol.dispose](): void {
    for (const folder of [...this.#folders.keys()]) this.#close(folder);
  }

  #add(hint: FolderHint): void {
    if (this.#hints.size > mostHints) return;
    this.#hints.set(`${hint.place}\0${hint.below}`, hint);
    if (this.#hints.size === 1) this.#onHint();
  }

  #close(folder: string): void {
    this.#folders.get(folder)?.watcher.close();
    this.#folders.delete(folder);
  }
}
