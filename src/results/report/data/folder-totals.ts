/** The totals of a folder and everything below it. */
export interface FolderTotals {
  /** Below the folder that all photos have in common, with a separator at its end. */
  readonly folder: string;
  /** Folders between that one and this one. */
  readonly depth: number;
  readonly photos: number;
  readonly objects: number;
  readonly failed: number;
}

interface Counts {
  photos: number;
  objects: number;
  failed: number;
}

/** Adds up what was found by folder: of paths of any system, URLs and keys in buckets. */
export class FolderCounter {
  readonly #byFolder = new Map<string, Counts>();

  add(source: string, objectCount: number): void {
    const counts = this.#countsOf(source);
    counts.photos++;
    counts.objects += objectCount;
  }

  addFailure(source: string): void {
    this.#countsOf(source).failed++;
  }

  /**
   * Lists the folders in the order of their names, as many levels of them as fit.
   *
   * @param limit The most folders. The first level is listed up to this number in any case.
   * @returns an empty list where all photos lie in one folder
   */
  list(limit: number): { readonly folders: readonly FolderTotals[]; readonly isCut: boolean } {
    const root = commonFolder([...this.#byFolder.keys()]);
    const totals = new Map<string, FolderTotals & Counts>();
    for (const [path, counts] of this.#byFolder) {
      const segments = path.slice(root.length).match(/[^/\\]*[/\\]/g) ?? [];
      for (let depth = 0; depth < segments.length; depth++) {
        const folder = segments.slice(0, depth + 1).join("");
        const total = totals.get(folder) ?? { folder, depth, photos: 0, objects: 0, failed: 0 };
        total.photos += counts.photos;
        total.objects += counts.objects;
        total.failed += counts.failed;
        totals.set(folder, total);
      }
    }
    const all = [...totals.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1));
    const levels = Math.max(0, ...all.map(({ depth }) => depth + 1));
    let shown = all.filter(({ depth }) => depth === 0);
    for (let level = 2; level <= levels; level++) {
      const deeper = all.filter(({ depth }) => depth < level);
      if (deeper.length > limit) break;
      shown = deeper;
    }
    const folders = shown.slice(0, limit);
    return { folders, isCut: folders.length < all.length };
  }

  #countsOf(source: string): Counts {
    const end = 1 + Math.max(source.lastIndexOf("/"), source.lastIndexOf("\\"));
    const folder = source.slice(0, end);
    let counts = this.#byFolder.get(folder);
    if (counts === undefined) {
      counts = { photos: 0, objects: 0, failed: 0 };
      this.#byFolder.set(folder, counts);
    }
    return counts;
  }
}

/** The longest folder that all lie in, with a separator at its end. */
function commonFolder([first = "", ...others]: readonly string[]): string {
  let length = first.length;
  for (const folder of others) {
    while (!folder.startsWith(first.slice(0, length))) {
      const before = first.slice(0, Math.max(0, length - 1));
      length = 1 + Math.max(before.lastIndexOf("/"), before.lastIndexOf("\\"));
    }
  }
  return first.slice(0, length);
}
