import type { RedisOptions } from "bullmq";
import type { ErrorCode } from "../../errors.ts";
import type { MetricsSnapshot } from "../../monitor/metrics-snapshot.ts";
import type { WorkerTuning } from "../worker/worker-options.ts";
import type { DeviceSlot } from "./device-slot.ts";
import type { StartFailure } from "./start-failure.ts";

/**
 * What a worker process needs to start. It is sent as a message, so that no password is on a
 * command line.
 */
export interface WorkerConfig {
  readonly slot: DeviceSlot;
  /** The URL of the module of tasks. */
  readonly task: string;
  /** Model files by name. */
  readonly models: Readonly<Record<string, string>>;
  /** Other structured-cloneable settings for the task module. */
  readonly settings: unknown;
  readonly queue: string;
  readonly connection: string | RedisOptions;
  readonly worker: WorkerTuning;
  /** How many processes the slot has had before. */
  readonly earlierProcesses?: number | undefined;
  /** How long running jobs may take after the supervisor is gone. */
  readonly orphanDeadlineMs: number;
}

/** From the supervisor to a worker process. */
export type WorkerOrder =
  | { readonly type: "begin"; readonly config: WorkerConfig }
  | { readonly type: "take" }
  /** Whether it takes jobs at all, as a person has asked of it or of an earlier process. */
  | { readonly type: "direct"; readonly isTaking: boolean }
  | { readonly type: "drain"; readonly deadlineMs: number };

/** From a worker process to the supervisor. */
export type WorkerMessage =
  | { readonly type: "ready"; readonly device: WorkerDevice; readonly stats: WorkerStats }
  | ({ readonly type: "failed" } & StartFailure)
  | { readonly type: "taking" }
  /** Somebody has asked for a fresh process to replace it. */
  | { readonly type: "recycle" }
  /** Somebody has let it take no more jobs, or jobs again. */
  | { readonly type: "directed"; readonly isTaking: boolean }
  /** Somebody has asked it to end, for good. */
  | { readonly type: "shutdown" }
  /** It takes no more jobs, and none is running. */
  | { readonly type: "drained" }
  | { readonly type: "stats"; readonly stats: WorkerStats }
  /** Everything it has counted since it started. */
  | { readonly type: "metrics"; readonly metrics: MetricsSnapshot };

/** The device that a worker process has proved. */
export interface WorkerDevice {
  /** `cpu`, `cuda:0`, … */
  readonly label: string;
  readonly kind: "gpu" | "cpu";
}

/** The state of a worker process at one moment. */
export interface WorkerStats {
  /** Jobs that it has finished, in whatever way. */
  readonly tasks: number;
  /** Jobs that are running. */
  readonly active: number;
  /** How long the current inference has taken so far; 0 where none runs. */
  readonly inferenceMs: number;
  /** Whether Redis answers it. */
  readonly isConnected: boolean;
  /** The code of the error why the queue is not served. */
  readonly queueTrouble?: ErrorCode | undefined;
  /** Models that compute on the CPU. */
  readonly modelsOnCpu: number;
  readonly memory: ProcessMemory;
  /** How much memory grows with each job, at least. */
  readonly growthBytesPerTask: number;
}

/** The memory of one process. */
export interface ProcessMemory {
  /** Resident memory. */
  readonly processBytes: number;
  /** GPU memory: what the driver reports, or else what the models were measured to take. */
  readonly gpuBytes: number;
}
