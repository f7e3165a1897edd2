import type { Address, Out } from "../library/function-table.ts";
import { findCudaGpu, type GpuIdentity } from "./cuda-visible-devices.ts";
import {
  driverNotLoaded,
  libraryNotFound,
  type NvmlFunctionName,
  NvmlLibrary,
  notAvailable,
  nvmlLibraryVariable,
} from "./nvml-library.ts";

/** One GPU at one moment. A value that this GPU or driver does not report is absent. */
export interface GpuReading {
  readonly memoryTotalBytes: number;
  /** In use by every process and by the driver. */
  readonly memoryUsedBytes: number;
  readonly memoryFreeBytes: number;
  /** 0–100: the share of the last sample period (up to a second) in which the GPU computed. */
  readonly gpuBusyPercent?: number;
  /** 0–100: the share of that period in which its memory was read or written. */
  readonly memoryBusyPercent?: number;
  /**
   * GPU memory of this process; absent on Windows, where the driver does not know it, and in a
   * container with process ids of its own, where NVML lists the ids of the host.
   */
  readonly processMemoryBytes?: number;
}

let shared: Nvml | undefined | "not asked" = "not asked";

/**
 * NVIDIA's management library, opened once per thread and kept; silently `undefined` without a
 * library or driver, as on a machine without an NVIDIA GPU.
 *
 * @throws `NVML_FAILED` where there is a driver but NVML does not start (after an
 *   update of the driver, say), or `ORANGERY_NVML_LIBRARY` names something else. Not remembered:
 *   the next call tries again.
 */
export function openNvml(): Nvml | undefined {
  if (shared === "not asked") shared = Nvml.open();
  return shared;
}

/** An open NVML. Its calls are synchronous and take microseconds, opening it milliseconds. */
export class Nvml implements Disposable {
  readonly driverVersion: string;
  readonly nvmlVersion: string;
  /** The newest CUDA that the driver runs, as in `13.1`; undefined where it does not say. */
  readonly cudaVersion: string | undefined;
  /** Every GPU of the machine by PCI address, whatever `CUDA_VISIBLE_DEVICES` says. */
  readonly gpus: readonly NvmlGpu[];
  readonly #library: NvmlLibrary;

  private constructor(library: NvmlLibrary) {
    this.#library = library;
    this.driverVersion = library.text("nvmlSystemGetDriverVersion");
    this.nvmlVersion = library.text("nvmlSystemGetNVMLVersion");
    const cuda: Out<number> = [0];
    const isCudaKnown = library.hasFigure("nvmlSystemGetCudaDriverVersion_v2", cuda);
    const [major, minor] = [Math.floor(cuda[0] / 1000), Math.floor((cuda[0] % 1000) / 10)];
    this.cudaVersion = isCudaKnown ? `${major}.${minor}` : undefined;
    const count: Out<number> = [0];
    library.call("nvmlDeviceGetCount_v2", count);
    this.gpus = Array.from({ length: count[0] }, (_, index) => new NvmlGpu(library, index));
  }

  /** An NVML of one's own, to be disposed; {@link openNvml} gives the shared one. */
  static open(libraryFile = process.env[nvmlLibraryVariable]): Nvml | undefined {
    const library = NvmlLibrary.load(libraryFile);
    if (library === undefined) return undefined;
    const status = library.status("nvmlInit_v2");
    if (status === driverNotLoaded || status === libraryNotFound) return undefined;
    library.check("nvmlInit_v2", status);
    try {
      return new Nvml(library);
    } catch (error) {
      library.status("nvmlShutdown");
      throw error;
    }
  }

  /**
   * Finds the GPU that CUDA, and with it Orangery, calls `cuda:<ordinal>`; `undefined` where there
   * is none or only CUDA knows. See {@link findCudaGpu} for how `CUDA_VISIBLE_DEVICES` is read.
   */
  cudaGpu(ordinal: number, env: NodeJS.ProcessEnv = process.env): NvmlGpu | undefined {
    const found = findCudaGpu({ ordinal, gpus: this.gpus, env });
    return found && this.gpus[found.index];
  }

  [Symbol.dispose](): void {
    this.#library.shutdown();
  }
}

/** One GPU of the machine. */
export class NvmlGpu implements GpuIdentity {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  readonly #library: NvmlLibrary;
  readonly #handle: Address;

  constructor(library: NvmlLibrary, index: number) {
    const handle: Out<Address | null> = [null];
    library.call("nvmlDeviceGetHandleByIndex_v2", index, handle);
    this.#library = library;
    this.#handle = handle[0]!;
    this.index = index;
    this.name = library.text("nvmlDeviceGetName", this.#handle);
    this.uuid = library.text("nvmlDeviceGetUUID", this.#handle);
  }

  /** @throws `NVML_FAILED`, when the GPU has fallen off the bus, say. */
  read(): GpuReading {
    const memory = { total: 0, free: 0, used: 0 };
    this.#library.call("nvmlDeviceGetMemoryInfo", this.#handle, memory);
    const busy = { gpu: 0, memory: 0 };
    const isBusyKnown = this.#library.hasFigure(
      "nvmlDeviceGetUtilizationRates",
      this.#handle,
      busy,
    );
    const processMemoryBytes = this.#processMemoryBytes();
    return {
      memoryTotalBytes: Number(memory.total),
      memoryUsedBytes: Number(memory.used),
      memoryFreeBytes: Number(memory.free),
      ...(isBusyKnown && { gpuBusyPercent: busy.gpu, memoryBusyPercent: busy.memory }),
      ...(processMemoryBytes !== undefined && { processMemoryBytes }),
    };
  }

  /**
   * A process that draws (Vulkan, so WebGPU) is in the graphics list; one that does both, in both.
   */
  #processMemoryBytes(): number | undefined {
    const figures = [
      this.#memoryIn("nvmlDeviceGetComputeRunningProcesses_v2"),
      this.#memoryIn("nvmlDeviceGetGraphicsRunningProcesses_v2"),
    ].filter((figure) => figure !== undefined);
    return figures.length === 0 ? undefined : Math.max(...figures);
  }

  #memoryIn(list: NvmlFunctionName): number | undefined {
    const own = this.#library
      .processes(list, this.#handle)
      .filter(({ pid, usedGpuMemory }) => pid === process.pid && usedGpuMemory !== notAvailable);
    // One entry for each part of a partitioned (MIG) GPU.
    return own.length === 0
      ? undefined
      : own.reduce((bytes, { usedGpuMemory }) => bytes + Number(usedGpuMemory), 0);
  }
}
