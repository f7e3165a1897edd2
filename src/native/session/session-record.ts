import { createHash } from "node:crypto";
import koffi from "koffi";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { withProcessLock } from "../process-lock.ts";

/** Words of 64 bits in a record. */
const Word = { session: 0, openers: 1, waiters: 2, keyLow: 3, keyHigh: 4, next: 5 } as const;
const words = 6;

/**
 * The state of one session that the threads of a process share, in native memory: numbers that are
 * only changed atomically. There is one record a key; it is never freed, since any thread may read
 * it at any time, and a key that is loaded again uses it again.
 */
export class SessionRecord {
  readonly address: Address;
  readonly #words: BigInt64Array;

  private constructor(address: Address) {
    this.address = address;
    this.#words = new BigInt64Array(koffi.view(address, words * 8));
  }

  /** The record of a key, the same in every thread; made where there is none. */
  static async of(key: string): Promise<SessionRecord> {
    const digest = createHash("sha256").update(key).digest();
    const [low, high] = [digest.readBigInt64LE(0), digest.readBigInt64LE(8)];
    listHead ??= await findListHead();
    for (;;) {
      const first = Atomics.load(listHead, 0);
      for (let address = first; address !== 0n; ) {
        const record = new SessionRecord(address);
        if (record.#words[Word.keyLow] === low && record.#words[Word.keyHigh] === high) {
          return record;
        }
        address = record.#words[Word.next]!;
      }
      const made = new SessionRecord(koffi.alloc("int64_t", words) as Address);
      made.#words.fill(0n);
      made.#words.set([low, high, first], Word.keyLow);
      if (Atomics.compareExchange(listHead, 0, first, made.address) === first) return made;
      // Another thread has put a record in front, perhaps this key's: look again.
      koffi.free(made.address);
    }
  }

  get session(): Address {
    return Atomics.load(this.#words, Word.session);
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
  publish(session: Address): void {
    Atomics.store(this.#words, Word.session, session);
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

/** One word: the address of the first record, 0 for none. */
let listHead: BigInt64Array | undefined;

/**
 * Threads can only meet at an address that they all know. ONNX Runtime keeps one environment for
 * the process, and in it a list of devices with texts attached, to which texts can be added: there
 * the first thread leaves the address for the others.
 */
async function findListHead(): Promise<BigInt64Array> {
  const { api, env } = environment();
  return await withProcessLock("orangery:records", async () => {
    const devices: Out<Address | null> = [null];
    api.GetEpDevices(env, devices, [0]);
    const [first] = koffi.decode(devices[0], koffi.array("void *", 1)) as [Address];
    const texts = api.EpDevice_EpMetadata(first);
    let address = api.GetKeyValue(texts, "orangery.records");
    if (address === null) {
      const head = koffi.alloc("int64_t", 1) as Address;
      new BigInt64Array(koffi.view(head, 8))[0] = 0n;
      address = String(head);
      api.AddKeyValuePair(texts, "orangery.records", address);
    }
    return new BigInt64Array(koffi.view(BigInt(address), 8));
  });
}
