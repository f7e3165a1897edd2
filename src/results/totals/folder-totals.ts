import { compareNaturally } from "../natural-order.ts";
import { commonFolder, folderOf } from "../source-folders.ts";
import { type PhotoCounts, type Totals, TotalsByName, TotalsCounter } from "./totals.ts";

/** The totals of a folder and everything below it. */
export interface FolderTotals {
  /** Below the folder that all photos have in common, with a separator at its end. */
  readonly folder: string;
  /** Folders between that one and this one. */
  readonly depth: number;
  readonly totals: Totals;
}

/** Adds up what was found by folder: of paths of any system, URLs and keys in buckets. */
export class FolderCounter {
  readonly #byFolder = new TotalsByName();

  add(source: string, counts: PhotoCounts): void {
    this.#byFolder.of(folderOf(source)).add(counts);
  }

  addFailure(source: string): void {
    this.#byFolder.of(folderOf(source)).failed++;
  }

  /** Lists the folders of all levels in natural order; none where all photos lie in one. */
  get all(): readonly FolderTotals[] {
    const byFolder = this.#byFolder.entries;
    const root = commonFolder(byFolder.map(([folder]) => folder));
    const totals = new Map<string, { depth: number; totals: TotalsCounter }>();
    for (const [path, own] of byFolder) {
      const segments = path.slice(root.length).match(/[^/\\]*[/\\]/g) ?? [];
      for (let depth = 0; depth < segments.length; depth++) {
        const folder = segments.slice(0, depth + 1).join("");
        const known = totals.get(folder) ?? { depth, totals: new TotalsCounter() };
        known.totals.merge(own);
        totals.set(folder, known);
      }
    }
    return Array.from(totals, ([folder, rest]) => ({ folder, ...rest })).sort((a, b) =>
      compareFolders(a.folder, b.folder),
    );
  }

  /**
   * Lists as many levels of folders as fit.
   *
   * @param limit The most folders. The first level is listed up to this number in any case.
   * @returns an empty list where all photos lie in one folder
   */
  list(limit: number): { readonly folders: readonly FolderTotals[]; readonly isCut: boolean } {
    const { all } = this;
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
}

/** Compares segment by segment, so that a folder is followed by those below it. */
function compareFolders(a: string, b: string): number {
  const [left, right] = [a, b].map((folder) => folder.split(/[/\\]/));
  for (const [i, segment] of left!.entries()) {
    const order = compareNaturally(segment, right![i] ?? "");
    if (order !== 0) return order;
  }
  return a < b ? -1 : 1;
}
