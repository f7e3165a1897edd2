import type { Address } from "../library/function-table.ts";
import { processMemory } from "../process-memory.ts";
import { MappedFile } from "./mapped-file.ts";

/** Words of 64 bits in a record. */
const Word = { session: 0, openers: 1, waiters: 2, file: 3 } as const;
const bytes = 4 * 8;

/**
 * The state of one session that the threads of a process share, in native memory: numbers that are
 * only changed atomically. There is one record a key, and a key that is loaded again uses it again.
 */
export class SessionRecord {
  readonly #words: BigInt64Array;

  private constructor(memory: ArrayBuffer) {
    this.#words = new BigInt64Array(memory);
  }

  /** The record of a key, the same in every thread; made where there is none. */
  static async of(key: string): Promise<SessionRecord> {
    return new SessionRecord(await processMemory(`session ${key}`, bytes));
  }

  get session(): Address {
    return Atomics.load(this.#words, Word.session);
  }

  /** The mapped file that the session reads. */
  get file(): MappedFile | undefined {
    const record = Atomics.load(this.#words, Word.file);
    return record === 0n ? undefined : MappedFile.at(record);
  }

  /** Threads that have the session open; a thread that was killed stays counted. */
  get openers(): number {
    return Number(Atomics.load(this.#words, Word.openers));
  }

  /** Calls that wait to open the session, in all threads. */
  get waiters(): number {
    return Number(Atomics.load(this.#words, Word.waiters));
  }

  /** Counts a waiting call in, until disposed. */
  wait(): Disposable {
    Atomics.add(this.#words, Word.waiters, 1n);
    let waits = true;
    return {
      [Symbol.dispose]: () => {
        if (waits) Atomics.sub(this.#words, Word.waiters, 1n);
        waits = false;
      },
    };
  }

  /** Publishes a session that was just loaded, with one opener. */
  publish(session: Address, file: MappedFile | undefined): void {
    Atomics.store(this.#words, Word.session, session);
    Atomics.store(this.#words, Word.file, file?.record ?? 0n);
    Atomics.store(this.#words, Word.openers, 1n);
  }

  /** Counts an opener in, unless the session has gone. */
  enter(): boolean {
    for (;;) {
      const openers = Atomics.load(this.#words, Word.openers);
      if (openers === 0n) return false;
      if (this.#replaceOpeners(openers, openers + 1n)) return true;
    }
  }

  /** Takes over a session whose openers have all died without closing it. */
  adopt(): boolean {
    const openers = Atomics.load(this.#words, Word.openers);
    return openers > 0n && this.#replaceOpeners(openers, 1n);
  }

  /** Counts an opener out. @returns whether it was the last, which releases the session */
  leave(): boolean {
    return Atomics.sub(this.#words, Word.openers, 1n) === 1n;
  }

  #replaceOpeners(expected: bigint, replacement: bigint): boolean {
    return Atomics.compareExchange(this.#words, Word.openers, expected, replacement) === expected;
  }
}
