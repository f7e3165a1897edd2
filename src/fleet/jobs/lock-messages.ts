import type { RedisOptions } from "bullmq";

/** What the thread that keeps locks begins with. */
export interface LockThreadData {
  readonly connection: RedisOptions;
  readonly queue: string;
  readonly prefix: string | undefined;
  readonly lockDurationMs: number;
  /** Without a sign of the main thread for this long, its locks are left to run out. */
  readonly maxBlockedMs: number;
  /** One number that the main thread changes whenever its event loop turns. */
  readonly heartbeat: SharedArrayBuffer;
}

/** To the thread: from now on keep this lock, or no longer. */
export type LockOrder = { readonly hold: HeldLock } | { readonly release: HeldLock };

/** From the thread. */
export type LockMessage =
  | { readonly ready: true }
  | { readonly lost: HeldLock }
  | { readonly failed: string };

/** A job's lock is known by its token: the job may meanwhile be locked by another worker. */
export interface HeldLock {
  readonly jobId: string;
  readonly token: string;
}
