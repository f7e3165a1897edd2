import type { StartFailure } from "../process/start-failure.ts";
import type { WorkerStats } from "../process/worker-messages.ts";

export const recycleReasons = ["tasks", "age", "memory growth", "asked for"] as const;
export type RecycleReason = (typeof recycleReasons)[number];

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

/** The state of a slot at one moment. */
export interface SlotStatus {
  readonly name: string;
  /** The device it is meant for; `device` is where its process works. */
  readonly kind: "gpu" | "cpu";
  readonly state: SlotState;
  /** Whether a process takes jobs that has loaded its models and proved itself. */
  readonly healthy: boolean;
  /** Why it is not healthy, where that is known. */
  readonly reason?: string;
  readonly pid?: number;
  /** Where the process works. */
  readonly device?: string;
  readonly stats?: WorkerStats;
  /** For how long the process has reported nothing. */
  readonly silentMs?: number;
  /** Processes that ended without an order, or never became ready. */
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
  | {
      readonly type: "given up";
      readonly reason: string;
      /** What the last process has reported, where it could. */
      readonly failure?: StartFailure | undefined;
    };

/** A change of a slot's state. */
export interface SlotChange {
  readonly from: SlotState;
  readonly to: SlotState;
}

/** A healthy process reports every two seconds. */
const patienceMs = 30_000;

/**
 * Returns why a slot is not ready: it has no process that is proved, alive and connected to Redis.
 * Undefined when it is ready.
 */
export function slotProblem({
  healthy,
  state,
  reason,
  silentMs = 0,
  stats,
}: SlotStatus): string | undefined {
  if (!healthy) return `it is ${state}${reason === undefined ? "" : `: ${reason}`}`;
  if (silentMs > patienceMs) return `it has reported nothing for ${Math.floor(silentMs / 1000)} s`;
  if (!stats?.isConnected || stats.queueTrouble === "QUEUE_UNREACHABLE") {
    return "it does not reach Redis";
  }
  if (stats.queueTrouble !== undefined) return `Redis does not serve it: ${stats.queueTrouble}`;
  return undefined;
}

/** Whether a GPU's slot works on the CPU, with one of its models or with all. */
export function isOnCpu({ kind, device, stats }: SlotStatus): boolean {
  return kind === "gpu" && (device === "cpu" || (stats?.modelsOnCpu ?? 0) > 0);
}

/** Whether the queue serves a slot's process, as far as the process has reported. */
export function isServed({ healthy, stats }: SlotStatus): boolean {
  if (stats?.queueTrouble !== undefined) return false;
  // Before it is ready, it may not have asked the queue yet.
  return !healthy || stats?.isConnected === true;
}
