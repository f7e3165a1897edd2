/** Keeps what was made last, up to a number of bytes, and makes nothing twice at the same time. */
export class PictureCache {
  readonly #mostBytes: number;
  readonly #kept = new Map<string, Uint8Array>();
  readonly #making = new Map<string, Promise<Uint8Array>>();
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Returns what is kept under the key, or makes it. */
  async get(key: string, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      // The last used one is the last to go.
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const making =
      this.#making.get(key) ??
      make().finally(() => {
        this.#making.delete(key);
      });
    this.#making.set(key, making);
    const made = await making;
    if (!this.#kept.has(key)) this.#keep(key, made);
    return made;
  }

  #keep(key: string, bytes: Uint8Array): void {
    this.#kept.set(key, bytes);
    this.#bytes += bytes.byteLength;
    for (const [oldest, { byteLength }] of this.#kept) {
      if (this.#bytes <= this.#mostBytes) return;
      this.#kept.delete(oldest);
      this.#bytes -= byteLength;
    }
  }
}
