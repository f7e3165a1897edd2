import type { ModelCache } from "../../models/cache/model-cache.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";
import type { DeviceSlot } from "./device-slot.ts";
import { MemoryTrend } from "./memory-trend.ts";
import type { ProcessMemory, WorkerDevice, WorkerStats } from "./worker-messages.ts";

/** Reads what a worker process reports of itself. */
export class ProcessStats {
  readonly #cache: ModelCache | undefined;
  readonly #trends = { process: new MemoryTrend(), gpu: new MemoryTrend() };
  #tasks = 0;

  constructor(cache: ModelCache | undefined) {
    this.#cache = cache;
  }

  countTask(): void {
    this.#tasks++;
    const { processBytes, gpuBytes } = this.#memory;
    this.#trends.process.add(this.#tasks, processBytes);
    if (gpuBytes > 0) this.#trends.gpu.add(this.#tasks, gpuBytes);
  }

  read(worker: Pick<WorkerStats, "active" | "isConnected" | "queueTrouble">): WorkerStats {
    const { process, gpu } = this.#trends;
    const info = this.#cache?.info();
    return {
      ...worker,
      tasks: this.#tasks,
      inferenceMs: info?.longestRunMs ?? 0,
      modelsOnCpu: info?.models.filter(({ deviceKind }) => deviceKind === "cpu").length ?? 0,
      memory: this.#memory,
      growthBytesPerTask: Math.max(process.growthBytesPerTask, gpu.growthBytesPerTask),
    };
  }

  /** The first model's device; a task without models is assumed to run on its slot's. */
  deviceOf(slot: DeviceSlot): WorkerDevice {
    const { device, deviceKind } = this.#cache?.info().models[0] ?? {};
    if (device === undefined) return { label: slot.device, kind: slot.kind };
    return { label: device, kind: deviceKind === "cpu" ? "cpu" : "gpu" };
  }

  get #memory(): ProcessMemory {
    const info = this.#cache?.info();
    const { processBytes, gpus } = info?.memory ?? readMemory();
    const modelBytes = info?.models.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) ?? 0;
    const gpuBytes = gpus.map((gpu) => gpu.processBytes ?? modelBytes);
    return { processBytes, gpuBytes: gpuBytes.reduce((sum, bytes) => sum + bytes, 0) };
  }
}
