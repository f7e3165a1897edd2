import { parentPort, workerData } from "node:worker_threads";
import type { HeldLock } from "../jobs/job-locks.ts";
import type { LockMessage, LockOrder, LockThreadData } from "./lock-messages.ts";

/** What the thread that renews locks does on a kind of server. */
export interface LockServer {
  /** Resolves when there is a connection. */
  readonly ready: Promise<unknown>;
  /** Renews locks; returns the ids of the jobs whose locks are lost. */
  renew(locks: readonly HeldLock[]): Promise<readonly string[]>;
}

const nameOf = ({ jobId, token }: HeldLock) => `${jobId}\n${token}`;
const send = (message: LockMessage) => parentPort?.postMessage(message);

/** Reports that locks cannot currently be renewed. */
export function reportLockProblem(error: unknown): void {
  send({ failed: String(error) });
}

/** Renews the main thread's locks for as long as its event loop turns. */
export function renewLocks({ ready, renew }: LockServer): void {
  const data: LockThreadData = workerData;
  const held = new Map<string, HeldLock>();
  const isMainThreadAlive = watchHeartbeat(data);
  let isRenewing = false;

  const renewHeld = async () => {
    // While the server is down, a single renewal waits for it.
    if (isRenewing || held.size === 0 || !isMainThreadAlive()) return;
    isRenewing = true;
    try {
      const locks = [...held.values()];
      const lost = await renew(locks);
      for (const lock of locks) {
        // A lock released before the answer arrived was not lost.
        if (lost.includes(lock.jobId) && held.delete(nameOf(lock))) send({ lost: lock });
      }
    } finally {
      isRenewing = false;
    }
  };

  // A third of the duration: two renewals may fail before a lock is lost.
  setInterval(() => renewHeld().catch(reportLockProblem), data.lockDurationMs / 3);
  parentPort?.on("message", (order: LockOrder) => {
    if ("hold" in order) held.set(nameOf(order.hold), order.hold);
    else held.delete(nameOf(order.release));
  });
  ready.then(() => send({ ready: true }), reportLockProblem);
}

/** A process that hangs for ever must lose its jobs, or nobody would do them. */
function watchHeartbeat({ heartbeat: buffer, maxBlockedMs }: LockThreadData): () => boolean {
  const heartbeat = new Int32Array(buffer);
  let lastBeat = Atomics.load(heartbeat, 0);
  let lastBeatAt = performance.now();
  return () => {
    const beat = Atomics.load(heartbeat, 0);
    if (beat !== lastBeat) {
      lastBeat = beat;
      lastBeatAt = performance.now();
    }
    return performance.now() - lastBeatAt < maxBlockedMs;
  };
}
