import type { RedisOptions } from "bullmq";
import type { HeldLock } from "../jobs/job-locks.ts";

/** What the thread that renews locks begins with. */
export interface LockThreadData {
  readonly connection: RedisOptions;
  readonly queue: string;
  readonly prefix: string | undefined;
  readonly lockDurationMs: number;
  /**
   * When the main thread has not changed `heartbeat` for this long, its locks are left to expire.
   */
  readonly maxBlockedMs: number;
  /** One number, which the main thread changes whenever its event loop turns. */
  readonly heartbeat: SharedArrayBuffer;
}

/** To the thread: renew this lock from now on, or no longer. */
export type LockOrder = { readonly hold: HeldLock } | { readonly release: HeldLock };

/** From the thread. */
export type LockMessage =
  | { readonly ready: true }
  | { readonly lost: HeldLock }
  | { readonly failed: string };
