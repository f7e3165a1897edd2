/**
 * Keeps the finished part of long work, so that another attempt, perhaps in another process, can
 * continue from there. It may be lost: it only saves time, and no result depends on it.
 */
export interface PartialWork {
  /** Returns what an earlier attempt has kept; undefined if nothing. */
  read(): Promise<Uint8Array | undefined>;
  /** Replaces what was kept before. */
  write(bytes: Uint8Array): Promise<void>;
}
