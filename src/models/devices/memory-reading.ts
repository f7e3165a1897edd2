import { isOrangeryError } from "../../errors.ts";
import { type GpuReading, openNvml } from "../../native/gpu/nvml.ts";

/** Memory of this process and of the GPUs in use, at one moment. */
export interface MemoryReading {
  /** Resident memory of the process. */
  readonly processBytes: number;
  /** One entry for every CUDA device in use that NVML knows. */
  readonly gpus: readonly GpuMemory[];
}

/** The memory of a CUDA device, as its driver reports it. */
export interface GpuMemory {
  /** `cuda:0`, … */
  readonly device: string;
  readonly totalBytes: number;
  /** In use by all processes. */
  readonly usedBytes: number;
  /** In use by this process, where the driver reports it. */
  readonly processBytes: number | undefined;
  /** Share of the last sample period in which the GPU computed, 0 to 100, where it is reported. */
  readonly busyPercent: number | undefined;
}

/** Reads the memory of this process and of the CUDA devices among `devices`. */
export function readMemory(devices: Iterable<string> = []): MemoryReading {
  return {
    processBytes: process.memoryUsage.rss(),
    gpus: [...new Set(devices)].flatMap((device) => readGpu(device) ?? []),
  };
}

function readGpu(device: string): GpuMemory | undefined {
  const ordinal = /^(?:cuda|tensorrt):(\d+)$/.exec(device)?.[1];
  if (ordinal === undefined) return undefined;
  const reading = askNvml(Number(ordinal));
  return (
    reading && {
      device,
      totalBytes: reading.memoryTotalBytes,
      usedBytes: reading.memoryUsedBytes,
      processBytes: reading.processMemoryBytes,
      busyPercent: reading.gpuBusyPercent,
    }
  );
}

/** A GPU that has fallen off the bus, or a driver that was replaced, is no reason to stop. */
function askNvml(ordinal: number): GpuReading | undefined {
  try {
    return openNvml()?.cudaGpu(ordinal)?.read();
  } catch (error) {
    if (isOrangeryError(error, "NVML_FAILED")) return undefined;
    throw error;
  }
}

/** How much more memory `device` takes in `after` than in `before`; never below 0. */
export function takenBytes(device: string, before: MemoryReading, after: MemoryReading): number {
  const gpuOf = ({ gpus }: MemoryReading) => gpus.find((gpu) => gpu.device === device);
  const [gpuBefore, gpuAfter] = [gpuOf(before), gpuOf(after)];
  if (gpuBefore === undefined || gpuAfter === undefined) {
    return Math.max(0, after.processBytes - before.processBytes);
  }
  // A driver that reports this process at all does so once it has something on the GPU.
  const taken =
    gpuAfter.processBytes === undefined
      ? gpuAfter.usedBytes - gpuBefore.usedBytes
      : gpuAfter.processBytes - (gpuBefore.processBytes ?? 0);
  return Math.max(0, taken);
}
