import type { RedisOptions } from "bullmq";
import type { HeldLock } from "../jobs/job-locks.ts";
import type { PostgresRenewal } from "./postgres-renewal.ts";

/** How the locks of a kind of queue in Redis are renewed. */
export interface LockRenewal {
  /**
   * A Lua script that renews locks and returns the ids of the jobs whose locks are lost. KEYS:
   * `keys`, then that of each lock, where locks have keys of their own. ARGV: the duration in
   * milliseconds, then the id and the token of each job.
   */
  readonly script: string;
  readonly keys: readonly string[];
  /** What stands before and after a job's id in the key of its lock. */
  readonly lockKey?: readonly [before: string, after: string] | undefined;
}

/** What the thread that renews locks begins with. */
export interface LockThreadData {
  /** To Redis. */
  readonly connection?: RedisOptions | undefined;
  readonly renewal: LockRenewal | PostgresRenewal;
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
