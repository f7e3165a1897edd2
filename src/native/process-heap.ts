import { promisify } from "node:util";
import { loadLibrary } from "./library/load-library.ts";

/** Calls glibc's `malloc_trim`; undefined where the C library is another one. */
let trim: (() => Promise<unknown>) | undefined | "not looked for" = "not looked for";
let trimming: Promise<void> | undefined;

/**
 * Gives back to the system what glibc's allocator keeps of freed memory, which after a few loads is
 * most of what a process holds: 266 → 169 MB after 100 loads of a 10 MB network, in 13 ms on a
 * thread of its own. Elsewhere it does nothing. Calls that overlap are one.
 */
export async function trimProcessHeap(): Promise<void> {
  if (trim === "not looked for") trim = findTrim();
  trimming ??= trim?.()
    .then(() => {})
    .finally(() => {
      trimming = undefined;
    });
  await trimming;
}

function findTrim(): (() => Promise<unknown>) | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const mallocTrim = loadLibrary(null).func("malloc_trim", "int", ["size_t"]);
    const trimAsync = promisify(mallocTrim.async);
    return () => trimAsync(0);
  } catch {
    return undefined;
  }
}
