import { isMainThread } from "node:worker_threads";
import { environment } from "../library/environment.ts";
import type { Address } from "../library/function-table.ts";
import { isThreadAlive, markThread, thisThread, tryProcessLock } from "../process-lock.ts";
import { processMemory } from "../process-memory.ts";

/*
 * The tensors of threads that were killed. A thread that ends by itself releases its own, but one
 * that is terminated runs no more code, and the process kept its inputs: 15 MB each at 1280 × 960.
 *
 * - Worker threads note their tensors in a table that all threads see, and forget them before they
 *   release them. One that is killed in between loses one tensor; none is released twice.
 * - Whoever opens a session, or trims memory, releases what dead threads have left. A thread is
 *   dead when its mark has gone. Node waits for native calls before it lets go of the mark, so no
 *   run reads a tensor of a dead thread.
 */

/** Words of 64 bits in a slot. The address is written last, and cleared first. */
const Word = { thread: 0, address: 1 } as const;
/** More are not noted: they are left in the process if their thread is killed. */
const mostNoted = 4096;

const self = BigInt(thisThread);
let table: BigInt64Array | undefined;
/** The slots of this thread's tensors. */
const slots = new Map<Address, number>();

/** Lets this thread note its tensors, and release those of dead threads. */
export async function joinTensors(): Promise<void> {
  if (table !== undefined) return;
  await markThread();
  table = new BigInt64Array(await processMemory("tensors", 16 * mostNoted));
}

/** Notes a tensor of this thread, unless that is the main thread, whose end is the process's. */
export function noteTensor(address: Address): void {
  if (isMainThread || table === undefined) return;
  for (let slot = 0; slot < table.length; slot += 2) {
    if (Atomics.compareExchange(table, slot + Word.thread, 0n, self) !== 0n) continue;
    Atomics.store(table, slot + Word.address, address);
    slots.set(address, slot);
    return;
  }
}

/** Releases a tensor of this thread. */
export function releaseTensor(address: Address): void {
  const slot = slots.get(address);
  if (table !== undefined && slot !== undefined) {
    slots.delete(address);
    free(table, slot);
  }
  environment().api.ReleaseValue(address);
}

/** Releases the tensors that dead threads have left. */
export async function releaseLeftTensors(): Promise<void> {
  // One thread at a time: what another has released may belong to a live thread again.
  await tryProcessLock("orangery:tensors", async () => {
    const alive = new Set([0n, self]);
    for (let slot = 0; table !== undefined && slot < table.length; slot += 2) {
      const thread = Atomics.load(table, slot + Word.thread);
      if (alive.has(thread)) continue;
      if (await isThreadAlive(Number(thread))) {
        alive.add(thread);
        continue;
      }
      const address = Atomics.load(table, slot + Word.address);
      free(table, slot);
      if (address !== 0n) environment().api.ReleaseValue(address);
    }
  });
}

function free(noted: BigInt64Array, slot: number): void {
  Atomics.store(noted, slot + Word.address, 0n);
  Atomics.store(noted, slot + Word.thread, 0n);
}
