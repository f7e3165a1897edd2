import { createHash } from "node:crypto";
import koffi from "koffi";
import { environment } from "./library/environment.ts";
import type { Address, Out } from "./library/function-table.ts";
import { withProcessLock } from "./process-lock.ts";

/** Words of 64 bits before the bytes of a record. */
const Head = { keyLow: 0, keyHigh: 1, next: 2 } as const;
const headBytes = 3 * 8;

/**
 * Memory that all threads of the process see under a key: zero until one writes to it, to be
 * changed by `Atomics`. It is never freed, since any thread may use it at any time.
 *
 * @param bytes The same for a key in every thread, a multiple of 8.
 */
export async function processMemory(key: string, bytes: number): Promise<ArrayBuffer> {
  const digest = createHash("sha256").update(key).digest();
  const [low, high] = [digest.readBigInt64LE(0), digest.readBigInt64LE(8)];
  listHead ??= await findListHead();
  for (;;) {
    const first = Atomics.load(listHead, 0);
    for (let address = first; address !== 0n; ) {
      const head = new BigInt64Array(koffi.view(address, headBytes));
      if (head[Head.keyLow] === low && head[Head.keyHigh] === high) return view(address, bytes);
      address = head[Head.next]!;
    }
    const made = koffi.alloc("int64_t", (headBytes + bytes) / 8) as Address;
    const words = new BigInt64Array(koffi.view(made, headBytes + bytes));
    words.fill(0n);
    words.set([low, high, first], Head.keyLow);
    if (Atomics.compareExchange(listHead, 0, first, made) === first) return view(made, bytes);
    // Another thread has prepended a record, perhaps for this key: look again.
    koffi.free(made);
  }
}

function view(record: Address, bytes: number): ArrayBuffer {
  return koffi.view(record + BigInt(headBytes), bytes);
}

/** One word: the address of the first record, 0 for none. */
let listHead: BigInt64Array | undefined;

/**
 * Threads need a common place to share an address. ONNX Runtime keeps one environment per process,
 * with a list of devices to which key-value texts can be added: there the first thread leaves the
 * address for the others.
 */
async function findListHead(): Promise<BigInt64Array> {
  const { api, env } = environment();
  return await withProcessLock("orangery:memory", async () => {
    const devices: Out<Address | null> = [null];
    api.GetEpDevices(env, devices, [0]);
    const [first] = koffi.decode(devices[0], koffi.array("void *", 1)) as [Address];
    const texts = api.EpDevice_EpMetadata(first);
    let address = api.GetKeyValue(texts, "orangery.memory");
    if (address === null) {
      const head = koffi.alloc("int64_t", 1) as Address;
      new BigInt64Array(koffi.view(head, 8))[0] = 0n;
      address = String(head);
      api.AddKeyValuePair(texts, "orangery.memory", address);
    }
    return new BigInt64Array(koffi.view(BigInt(address), 8));
  });
}
