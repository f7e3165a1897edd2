import { hash } from "node:crypto";
import type { Ledger } from "../ledger.ts";
import { readCountedScores, readPackedScores } from "../results/read-counts.ts";
import { doubtfulWithin } from "../scores/doubt.ts";
import { PackedScores } from "../scores/packed-scores.ts";
import type { ReviewablePhoto } from "./walk-reviewable.ts";

/** A photo and what it is chosen by; the greatest are. */
export interface RankedPhoto extends ReviewablePhoto {
  readonly rank: number;
}

/** Ranks photos as they come, part by part; those that cannot be chosen are left out. */
export type RankPhotos = (photos: readonly ReviewablePhoto[]) => Promise<readonly RankedPhoto[]>;

/**
 * Ranks by a hash of the seed and the source, so that the best n are a random sample of n: each
 * photo has the same chance. A larger sample of the same seed has a smaller one in it, and of more
 * photos, most of one that was drawn before.
 */
export function byChance(seed: number): RankPhotos {
  return async (photos) =>
    photos.map((photo) => ({
      ...photo,
      // 48 bits, which a number holds exactly.
      rank: Number.parseInt(hash("sha256", `${seed}\n${photo.source}`).slice(0, 12), 16),
    }));
}

/** Ranks by the number of objects that score near the threshold of their class, counted or not. */
export async function byDoubt(ledger: Ledger, recipeHash: string): Promise<RankPhotos> {
  const counted = (await readCountedScores(ledger, { recipeHash })).get(recipeHash);
  return async (photos) => {
    if (counted === undefined) return [];
    const ranked: RankedPhoto[] = [];
    for (let start = 0; start < photos.length; start += resultsAtOnce) {
      const part = photos.slice(start, start + resultsAtOnce);
      const packed = await ledger.read((db) =>
        readPackedScores(db, [...new Set(part.map(({ resultId }) => resultId))]),
      );
      for (const photo of part) {
        let rank = 0;
        const groups = new PackedScores(packed.get(photo.resultId)!);
        while (groups.next()) {
          const threshold = counted.scoreOf(groups.classId);
          const reach = doubtfulWithin + rounding;
          rank += groups.countAbove(threshold - reach) - groups.countAbove(threshold + reach);
        }
        if (rank > 0) ranked.push({ ...photo, rank });
      }
      // What else the process does gets its turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return ranked;
  };
}

const resultsAtOnce = 1000;
/** Scores are float32, and thresholds are decimals. */
const rounding = 1e-6;

/** Ranks by the number of warnings. */
export const byWarnings: RankPhotos = async (photos) =>
  photos.flatMap((photo) => {
    const rank = (JSON.parse(photo.warnings) as string[]).length;
    return rank === 0 ? [] : [{ ...photo, rank }];
  });

/** A folder with fewer photos says little about what is usual in it. */
const leastPhotosOfFolder = 8;

/**
 * Ranks photos by how far their counts are from the middle of their folder, in units of the
 * folder's spread. Counts are made comparable by a square root (Anscombe 1948): the spread of
 * counts grows with them. The middle is the median, and the spread 1.4826 times the median
 * deviation from it, which a few strange photos do not move; at least 1, what chance alone gives.
 */
export function byDistance(photos: readonly ReviewablePhoto[]): RankedPhoto[] {
  const folders = Map.groupBy(photos, ({ source }) => source.replace(/[\\/][^\\/]*$/, ""));
  return [...folders.values()].flatMap((inFolder) => {
    if (inFolder.length < leastPhotosOfFolder) return [];
    const roots = inFolder.map(({ objectCount }) => 2 * Math.sqrt(objectCount + 3 / 8));
    const middle = medianOf(roots);
    const spread = Math.max(1, 1.4826 * medianOf(roots.map((root) => Math.abs(root - middle))));
    return inFolder.flatMap((photo, i) => {
      const rank = Math.abs(roots[i]! - middle) / spread;
      return rank > leastDistance ? [{ ...photo, rank }] : [];
    });
  });
}

/** Nearer ones are usual. */
const leastDistance = 2;

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}
