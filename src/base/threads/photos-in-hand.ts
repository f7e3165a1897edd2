import { availableParallelism } from "node:os";

/**
 * Returns how many photos a process that has the machine to itself works on at a time. With a GPU
 * decoding is the slower part, so that many cores decode; a CPU takes several photos at a time
 * where that pays, and one more is decoded meanwhile. Each may take 3 bytes a pixel.
 */
export function photosInHand(
  { isOnCpu }: { readonly isOnCpu: boolean },
  cores = availableParallelism(),
): number {
  return isOnCpu ? between(3, cores + 1, 9) : between(4, cores, 8);
}

function between(least: number, value: number, most: number): number {
  return Math.min(Math.max(least, value), most);
}
