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
  /** The parts before and after a job's id in its lock's key. */
  readonly lockKey?: readonly [before: string, after: string] | undefined;
}

/** The start data of the thread that renews locks. */
export interface LockThreadData {
  /** To Redis. */
  readonly connection?: RedisOptions | undefined;
  readonly renewal: LockRenewal | PostgresRenewal;
  readonly lockDurationMs: number;
  /** If the main thread has not changed `heartbeat` for this long, its locks are not renewed. */
  readonly maxBlockedMs: number;
  /** A number that the main thread changes with every turn of its event loop. */
  readonly heartbeat: SharedArrayBuffer;
}

/** To the thread: start or stop renewing this lock. */
export type LockOrder = { readonly hold: HeldLock } | { readonly release: HeldLock };

/** From the thread. */
export type LockMessage =
  | { readonly ready: true }
  | { readonly lost: HeldLock }
  | { readonly failed: string };
