import type { CacheInfo } from "../../models/cache/model-cache.ts";

/** What only the process that works knows: its models and its memory. */
export interface MachineView {
  readonly models: readonly {
    readonly name: string;
    readonly state: string;
    readonly device: string | undefined;
    readonly bytes: number | undefined;
  }[];
  readonly loads: number;
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
    models: info.models.map(({ name, state, device, bytes }) => ({ name, state, device, bytes })),
    loads: info.loads,
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
