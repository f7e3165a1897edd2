import { hash } from "node:crypto";
import type { FoundReviewable, ReviewablePhoto } from "./walk-reviewable.ts";

/** A photo and what it is chosen by; the greatest are. */
export interface RankedReviewable {
  readonly photoId: number;
  readonly resultId: number;
  readonly rank: number;
}

/**
 * Ranks by a hash of the seed and the source, so that the best n are a random sample of n. With the
 * same seed, a larger sample contains a smaller one, and a sample of more photos contains most of
 * an earlier one.
 */
export function byChance(seed: number, { source, ...photo }: ReviewablePhoto): RankedReviewable {
  // 48 bits, which a number holds exactly.
  const rank = Number.parseInt(hash("sha256", `${seed}\n${source}`).slice(0, 12), 16);
  return { ...photo, rank };
}

const reasons = {
  threshold: ({ doubtfulCount }: FoundReviewable) => doubtfulCount,
  warnings: ({ warnings }: FoundReviewable) =>
    warnings === "[]" ? 0 : (JSON.parse(warnings) as string[]).length,
} as const;

/**
 * Ranks by the number of objects that score near the threshold of their class, counted or not, or
 * by the number of warnings. Photos without any are left out.
 */
export function rankBy(
  reason: keyof typeof reasons,
  photos: readonly FoundReviewable[],
): RankedReviewable[] {
  return photos.flatMap((photo) => {
    const rank = reasons[reason](photo);
    return rank === 0 ? [] : [{ photoId: photo.photoId, resultId: photo.resultId, rank }];
  });
}

/** A folder with fewer photos says little about what is usual in it. */
const leastPhotosOfFolder = 8;
/** Nearer ones are usual. */
const leastDistance = 2;

/**
 * Ranks photos by how far their counts are from the middle of their folder, in units of the
 * folder's spread. Counts are made comparable by a square root (Anscombe 1948): the spread of
 * counts grows with them. The middle is the median, and the spread 1.4826 times the median
 * deviation from it, which a few strange photos do not move; at least 1, what chance alone gives.
 */
export class FolderDistances {
  /** Four numbers for each photo: its place among all, its id, its result's id, its count. */
  readonly #folders = new Map<string, number[]>();
  #photos = 0;

  add({ source, photoId, resultId, objectCount }: FoundReviewable): void {
    const folder = source.replace(/[\\/][^\\/]*$/, "");
    const numbers = this.#folders.get(folder) ?? [];
    this.#folders.set(folder, numbers);
    numbers.push(this.#photos++, photoId, resultId, objectCount);
  }

  /** Returns the photos that are far from the middle of their folder, in the order of all. */
  ranked(): RankedReviewable[] {
    const far: (RankedReviewable & { readonly place: number })[] = [];
    for (const numbers of this.#folders.values()) {
      const photos = numbers.length / 4;
      if (photos < leastPhotosOfFolder) continue;
      const roots = Float64Array.from(
        { length: photos },
        (_, i) => 2 * Math.sqrt(numbers[4 * i + 3]! + 3 / 8),
      );
      const middle = medianOf(roots);
      const distances = roots.map((root) => Math.abs(root - middle));
      const spread = Math.max(1, 1.4826 * medianOf(distances));
      for (const [i, distance] of distances.entries()) {
        const rank = distance / spread;
        if (rank <= leastDistance) continue;
        const [place, photoId, resultId] = numbers.slice(4 * i, 4 * i + 3) as [
          number,
          number,
          number,
        ];
        far.push({ place, photoId, resultId, rank });
      }
    }
    return far.sort((a, b) => a.place - b.place);
  }
}

function medianOf(values: Float64Array): number {
  const sorted = values.toSorted();
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
