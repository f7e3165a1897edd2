import { damaged } from "../checkpoint-error.ts";

/** Longer than any name of a module or class. */
const maxLineBytes = 512;

/** Reads a pickle's bytes in order. @throws `CHECKPOINT_UNREADABLE` where they end too early */
export class PickleCursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  get at(): number {
    return this.#at;
  }

  uint8(): number {
    return this.#bytes[this.#take(1)]!;
  }

  uint16(): number {
    return this.#bytes.readUInt16LE(this.#take(2));
  }

  int32(): number {
    return this.#bytes.readInt32LE(this.#take(4));
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Big-endian, unlike everything else. */
  float64(): number {
    return this.#bytes.readDoubleBE(this.#take(8));
  }

  /** Reads an integer in two's complement, little-endian, of any length; 0 when empty. */
  integer(byteLength: number): number | bigint {
    const start = this.#take(byteLength);
    if (byteLength === 0) return 0;
    // The highest 1 to 4 bytes hold the sign; then word by word downwards.
    let at = start + 4 * (Math.ceil(byteLength / 4) - 1);
    let value: number | bigint = this.#bytes.readIntLE(at, start + byteLength - at);
    while (at > start) {
      at -= 4;
      const word = this.#bytes.readUInt32LE(at);
      const joined: number = Number(value) * 2 ** 32 + word;
      value = Number.isSafeInteger(joined) ? joined : (BigInt(value) << 32n) | BigInt(word);
    }
    return value;
  }

  /**
   * Reads UTF-8; anything else becomes U+FFFD. Python also writes halves of surrogate pairs, which
   * stand for bytes of file names that are no text.
   */
  text(byteLength: number): string {
    const start = this.#take(byteLength);
    return this.#bytes.toString("utf8", start, start + byteLength);
  }

  /** Reads Python 2's `str`: one character per byte. */
  latin1(byteLength: number): string {
    const start = this.#take(byteLength);
    return this.#bytes.toString("latin1", start, start + byteLength);
  }

  /** Reads text up to the end of the line, which is left out. */
  line(): string {
    const start = this.#at;
    const end = this.#bytes.indexOf(0x0a, start);
    if (end < 0 || end - start > maxLineBytes) {
      throw damaged(`The pickle has a name at byte ${start} that does not end`, { offset: start });
    }
    this.#at = end + 1;
    return this.#bytes.toString("latin1", start, end);
  }

  #take(byteLength: number): number {
    const start = this.#at;
    if (byteLength > this.#bytes.length - start) {
      throw damaged(`The pickle ends at byte ${this.#bytes.length}, in the middle of something`, {
        offset: start,
      });
    }
    this.#at = start + byteLength;
    return start;
  }
}
