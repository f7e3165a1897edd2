import type { WorkerStats } from "../process/worker-messages.ts";

/** When a worker process is replaced by a fresh one. */
export interface RecycleOptions {
  /** After so many jobs. Default: never. */
  readonly tasks?: number;
  /** So long after it became ready. Default: never. */
  readonly ageMs?: number;
  /** When its memory certainly grows by more than this with each job. Default 64 KiB. */
  readonly growthBytesPerTask?: number;
}

export type RecycleReason = "tasks" | "age" | "memory growth" | "asked for";

export const slotStates = [
  "starting",
  "working",
  "replacing",
  "waiting",
  "stopping",
  "stopped",
  "given up",
] as const;
export type SlotState = (typeof slotStates)[number];

/** What a slot is like at one moment. */
export interface SlotStatus {
  readonly name: string;
  readonly state: SlotState;
  /** Whether a process takes jobs that has loaded its models and proved itself. */
  readonly healthy: boolean;
  /** Why it is not healthy, where that is known. */
  readonly reason?: string;
  readonly pid?: number;
  /** Where the process works. */
  readonly device?: string;
  readonly stats?: WorkerStats;
  /** For how long the process has told nothing. */
  readonly silentMs?: number;
  /** Processes that ended without being told to, or never became ready. */
  readonly failures: number;
  readonly recycled: number;
}

/** What happens to the processes of a slot. */
export type SlotEvent =
  | {
      readonly type: "ready";
      readonly pid: number;
      readonly device: string;
      readonly startMs: number;
    }
  | { readonly type: "failed"; readonly reason: string; readonly retryInMs: number }
  | { readonly type: "died"; readonly pid: number; readonly reason: string }
  | {
      readonly type: "recycled";
      readonly reason: RecycleReason;
      readonly pid: number;
      /** For how long the slot took no jobs: 0 where the successor was ready before. */
      readonly gapMs: number;
    }
  | { readonly type: "given up"; readonly reason: string };
