import type { CacheInfo } from "../../models/cache/model-cache.ts";

/** What only the process that works knows: its models and its memory. */
export interface MachineView {
  readonly models: readonly {
    readonly name: string;
    readonly state: string;
    readonly device: string | undefined;
    /** Why it is not on the device that was wanted. */
    readonly fallbackReason: string | undefined;
    readonly precision: string | undefined;
    readonly bytes: number | undefined;
    /** ISO 8601, UTC. */
    readonly loadedAt: string | undefined;
  }[];
  readonly loads: number;
  readonly tasks: number;
  readonly loadsPer1000Tasks: number;
  readonly processBytes: number;
  readonly devices: readonly {
    readonly device: string;
    readonly usedBytes: number;
    readonly totalBytes: number;
    readonly busyPercent: number | undefined;
  }[];
}

/** Shows what a cache holds, as `info()` and the metrics do. */
export function viewMachine(info: CacheInfo): MachineView {
  return {
    models: info.models.map((model) => ({
      name: model.name,
      state: model.state,
      device: model.device,
      fallbackReason: model.fallbackReason,
      precision: model.precision,
      bytes: model.bytes,
      loadedAt: model.loadedAt?.toISOString(),
    })),
    loads: info.loads,
    tasks: info.tasks,
    loadsPer1000Tasks: info.loadsPer1000Tasks,
    processBytes: process.memoryUsage.rss(),
    devices: info.memory.gpus.map(({ device, usedBytes, totalBytes, busyPercent }) => ({
      device,
      usedBytes,
      totalBytes,
      busyPercent,
    })),
  };
}
