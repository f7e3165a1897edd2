import type { Address } from "../library/function-table.ts";
import { processMemory } from "../process-memory.ts";
import { MappedFile } from "./mapped-file.ts";
import { UserCount } from "./user-count.ts";

/** Words of 64 bits in a record. */
const Word = { session: 0, openers: 1, waiters: 2, file: 3 } as const;
const bytes = 4 * 8;

/**
 * The state of one session that the threads of a process share, in native memory: numbers that are
 * only changed atomically. There is one record a key, and a key that is loaded again uses it again.
 */
export class SessionRecord {
  readonly #words: BigInt64Array;
  /** Threads that have the session open. */
  readonly openers: UserCount;

  private constructor(memory: ArrayBuffer) {
    this.#words = new BigInt64Array(memory);
    this.openers = new UserCount(this.#words, Word.openers);
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
    this.openers.begin();
  }
}
