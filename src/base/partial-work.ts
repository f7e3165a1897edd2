/**
 * Keeps what is done of a long piece of work, so that another attempt, maybe in another process,
 * can go on from there. What is kept may be lost: it saves time, and no result depends on it.
 */
export interface PartialWork {
  /** Returns what an earlier attempt has kept; undefined where there is nothing. */
  read(): Promise<Uint8Array | undefined>;
  /** Keeps this in the place of what was kept before. */
  write(bytes: Uint8Array): Promise<void>;
}
