import type { RestartBackoffOptions } from "./restart-backoff.ts";

/** When a worker process is replaced by a fresh one. */
export interface RecycleOptions {
  /** After this many jobs. Default: never. */
  readonly tasks?: number | undefined;
  /** This long after it was started. Default: never. */
  readonly ageMs?: number | undefined;
  /** When its memory demonstrably grows by more than this per job. Default 64 KiB. */
  readonly growthBytesPerTask?: number | undefined;
}

/** How the worker processes of a device slot are started, watched and replaced. */
export interface SlotPolicy {
  readonly recycle: RecycleOptions;
  readonly backoff: RestartBackoffOptions;
  /** Memory to leave free for others when deciding whether a successor fits. Default 0. */
  readonly keepFreeBytes: number;
  /** A process that is not ready after this time is killed. Default 15 minutes. */
  readonly startTimeoutMs: number;
  /**
   * A process that reports nothing for this long, or spends it on one inference, hangs, and is
   * killed. Default 10 minutes.
   */
  readonly unresponsiveMs: number;
  /** How long a replaced process may take to finish its jobs. Default 10 minutes. */
  readonly drainDeadlineMs: number;
  /**
   * After its deadline, how long a process may take to give its jobs back and end, before it is
   * killed. Default 15 seconds.
   */
  readonly overdueMs: number;
  /**
   * How long a successor on the CPU lets its predecessor finish before it takes jobs itself.
   * Default 10 seconds.
   */
  readonly handOverMs: number;
}

const minuteMs = 60_000;

export const defaultSlotPolicy: SlotPolicy = {
  recycle: {},
  backoff: {},
  keepFreeBytes: 0,
  startTimeoutMs: 15 * minuteMs,
  unresponsiveMs: 10 * minuteMs,
  drainDeadlineMs: 10 * minuteMs,
  overdueMs: 15_000,
  handOverMs: 10_000,
};
