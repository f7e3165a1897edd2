import { setTimeout as sleep } from "node:timers/promises";
import { threadId } from "node:worker_threads";

/*
 * Locks that hold across the threads of this process, on Web Locks. They go when their thread dies,
 * however it dies.
 *
 * Every request here is made with `ifAvailable`, and made again a little later, instead of waiting
 * in the lock's queue. Node 24.21 wakes all waiting threads at every change, and each of them wakes
 * all others: with 8 waiting threads a 20 ms lock took 1.4 s, with 10 it did not end and took all
 * memory. Asking again costs 32 threads nothing that can be measured, and the timer keeps a waiting
 * thread alive, which a queued request does not.
 */

const retryMs = 4;

/** Runs `action` unless another thread runs one under this name: then `undefined`. */
export async function tryProcessLock<T>(
  name: string,
  action: () => Promise<T>,
): Promise<{ readonly value: T } | undefined> {
  return await navigator.locks.request(name, { ifAvailable: true }, async (lock) =>
    lock === null ? undefined : { value: await action() },
  );
}

/** Runs `action` once no other thread runs one under this name. */
export async function withProcessLock<T>(
  name: string,
  action: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const outcome = await tryProcessLock(name, action);
    if (outcome !== undefined) return outcome.value;
    await sleep(retryMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

/** Marks this thread as alive under a name, until the returned function is called or it dies. */
export async function holdMark(name: string): Promise<() => void> {
  for (;;) {
    const letGo = await new Promise<(() => void) | undefined>((resolve, reject) => {
      navigator.locks
        .request(name, { mode: "shared", ifAvailable: true }, async (lock) => {
          if (lock === null) return resolve(undefined);
          await new Promise<void>((done) => resolve(done));
        })
        .catch(reject);
    });
    if (letGo !== undefined) return letGo;
    // Another thread is just checking whether the name is marked.
    await sleep(retryMs);
  }
}

/** Whether any live thread of the process marks the name. */
export async function isMarked(name: string): Promise<boolean> {
  return (await tryProcessLock(name, async () => {})) === undefined;
}

/** This thread's number in tables: ids begin with 0, which stands for nobody there. */
export const thisThread = threadId + 1;

const threadMark = (thread: number) => `orangery:thread:${thread}`;
let marked: Promise<unknown> | undefined;

/** Marks this thread as alive for as long as it is. */
export async function markThread(): Promise<void> {
  marked ??= holdMark(threadMark(thisThread));
  await marked;
}

/** Whether a thread that has marked itself is alive. */
export async function isThreadAlive(thread: number): Promise<boolean> {
  return await isMarked(threadMark(thread));
}
