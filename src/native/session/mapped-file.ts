import { open } from "node:fs/promises";
import koffi from "koffi";
import type { Address } from "../library/function-table.ts";
import { loadLibrary } from "../library/load-library.ts";
import { withProcessLock } from "../process-lock.ts";
import { processMemory } from "../process-memory.ts";
import { UserCount } from "./user-count.ts";

/** Words of 64 bits in a record. */
const Word = { address: 0, bytes: 1, users: 2 } as const;
const recordBytes = 3 * 8;

/**
 * A file mapped into memory once for all sessions of the process. ONNX Runtime by itself maps it
 * for every session, and the process counts the same pages each time: YOLOv8m, which has three
 * sessions, took 1,231 MB instead of 563.
 *
 * Its state is in native memory, since any thread may release the last session that reads the file.
 */
export class MappedFile {
  readonly #words: BigInt64Array<ArrayBuffer>;
  readonly #users: UserCount;

  private constructor(memory: ArrayBuffer) {
    this.#words = new BigInt64Array(memory);
    this.#users = new UserCount(this.#words, Word.users);
  }

  /**
   * Maps a file, or counts in one more user of the mapping that there is.
   *
   * @returns undefined where it cannot be mapped, or the system has no `mmap`
   */
  static async open(path: string): Promise<MappedFile | undefined> {
    if (systemCalls() === undefined) return undefined;
    try {
      await using file = await open(path);
      const { dev, ino, size, mtimeNs } = await file.stat({ bigint: true });
      // Some file systems of a network number their files anew.
      const key = `file ${dev} ${ino} ${size} ${mtimeNs}`;
      const mapped = new MappedFile(await processMemory(key, recordBytes));
      return await withProcessLock(`orangery:map:${key}`, async () =>
        mapped.#users.enter() || mapped.#map(file.fd, size) ? mapped : undefined,
      );
    } catch {
      // The runtime reports what is wrong with it.
      return undefined;
    }
  }

  /** The mapped file whose {@link record} another thread has left. */
  static at(record: Address): MappedFile {
    return new MappedFile(koffi.view(record, recordBytes));
  }

  /** The address of its state, the same in every thread. */
  get record(): Address {
    return koffi.address(this.#words);
  }

  get address(): Address {
    return Atomics.load(this.#words, Word.address);
  }

  get bytes(): number {
    return Number(Atomics.load(this.#words, Word.bytes));
  }

  /** Counts a user out. The last one unmaps the file. */
  leave(): void {
    // Without users, another thread may map the file anew, elsewhere.
    const { address, bytes } = this;
    if (this.#users.leave()) systemCalls()!.munmap(address, bytes);
  }

  #map(file: number, bytes: bigint): boolean {
    const address = systemCalls()!.mmap(null, bytes, readable, isPrivate, file, 0);
    if (address === failed) return false;
    Atomics.store(this.#words, Word.address, address);
    Atomics.store(this.#words, Word.bytes, bytes);
    this.#users.begin();
    return true;
  }
}

/** `PROT_READ`, `MAP_PRIVATE` and `MAP_FAILED` of sys/mman.h. */
const readable = 1;
const isPrivate = 2;
const failed = 2n ** 64n - 1n;

interface SystemCalls {
  readonly mmap: (
    near: null,
    bytes: bigint,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ) => Address;
  readonly munmap: (address: Address, bytes: number) => number;
}

let calls: SystemCalls | undefined;

/** undefined on Windows, which has others. */
function systemCalls(): SystemCalls | undefined {
  if (process.platform === "win32") return undefined;
  if (calls === undefined) {
    const library = loadLibrary(null);
    calls = {
      mmap: library.func("mmap", "void *", ["void *", "size_t", "int", "int", "int", "int64_t"]),
      munmap: library.func("munmap", "int", ["void *", "size_t"]),
    };
  }
  return calls;
}
