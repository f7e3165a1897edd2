import type { RedisOptions } from "bullmq";
import type { MetricsSnapshot } from "../../monitor/metrics-snapshot.ts";
import type { DeviceSlot } from "../supervisor/device-slots.ts";
import type { ProcessMemory } from "../supervisor/room-for-two.ts";
import type { FleetWorkerOptions } from "./worker-options.ts";

/** Everything that a worker process begins with. By message, so that no password is in a command line. */
export interface WorkerConfig {
  readonly slot: DeviceSlot;
  /** The URL of the module of tasks. */
  readonly task: string;
  readonly models: Readonly<Record<string, string>>;
  readonly settings: unknown;
  readonly queue: string;
  readonly connection: RedisOptions;
  readonly worker: Pick<
    FleetWorkerOptions,
    | "prefix"
    | "concurrency"
    | "attempts"
    | "backoffMs"
    | "maxCrashes"
    | "lockDurationMs"
    | "stalledIntervalMs"
    | "maxBlockedMs"
    | "jobLogs"
  >;
  /** How long the jobs in hand may take when the supervisor is gone. */
  readonly orphanDeadlineMs: number;
}

/** From the supervisor to a worker process. */
export type WorkerOrder =
  | { readonly type: "begin"; readonly config: WorkerConfig }
  | { readonly type: "take" }
  | { readonly type: "drain"; readonly deadlineMs: number }
  | { readonly type: "abort" };

/** From a worker process to the supervisor. */
export type WorkerMessage =
  | { readonly type: "ready"; readonly device: WorkerDevice; readonly stats: WorkerStats }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "taking" }
  /** It takes no more jobs and has none in hand. */
  | { readonly type: "drained" }
  | { readonly type: "stats"; readonly stats: WorkerStats }
  /** All that it has counted since it began. */
  | { readonly type: "metrics"; readonly metrics: MetricsSnapshot };

/** The device that a worker process has proved. */
export interface WorkerDevice {
  /** `cpu`, `cuda:0`, … */
  readonly label: string;
  readonly kind: "gpu" | "cpu";
}

/** What a worker process is like at one moment. */
export interface WorkerStats {
  /** Jobs that it is done with, in whatever way. */
  readonly tasks: number;
  readonly active: number;
  /** How long the inference that runs now has taken so far; 0 where none runs. */
  readonly inferenceMs: number;
  /** Whether Redis answers it. */
  readonly isConnected: boolean;
  readonly memory: ProcessMemory;
  /** How much memory grows with each task, at the least. */
  readonly growthBytesPerTask: number;
}
