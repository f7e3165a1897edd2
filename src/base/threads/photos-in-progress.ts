import { availableParallelism } from "node:os";

/**
 * Returns how many photos a process with the machine to itself works on at a time. With a GPU
 * decoding is the slower part, so many cores decode; a CPU takes several photos at a time if that
 * pays, and decodes one more. Each may take 3 bytes per pixel.
 */
export function photosInProgress(
  { isOnCpu }: { readonly isOnCpu: boolean },
  cores = availableParallelism(),
): number {
  return isOnCpu ? between(3, cores + 1, 9) : between(4, cores, 8);
}

function between(least: number, value: number, most: number): number {
  return Math.min(Math.max(least, value), most);
}
