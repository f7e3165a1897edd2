import { Gauge, type Registry } from "prom-client";
import type { CacheInfo, ModelCache } from "../models/cache/model-cache.ts";
import type { GpuMemory } from "../models/devices/memory-reading.ts";

type DeviceLabel = "device";

/** Adds gauges of what a cache holds and of its devices; they are read when the metrics are. */
export function addModelGauges(registry: Registry, cache: ModelCache | undefined): void {
  const info = (): CacheInfo | undefined => cache?.info();
  new Gauge({
    name: "orangery_models_loaded",
    help: "Models that can be used",
    labelNames: ["model", "device"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name: model, state, device } of info()?.models ?? []) {
        if (state === "ready" && device !== undefined) this.inc({ model, device });
      }
    },
  });
  const addDeviceGauge = (
    name: string,
    options: { readonly help: string; readonly aggregator?: "max" },
    read: (gpu: GpuMemory, info: CacheInfo) => number | undefined,
  ) =>
    new Gauge<DeviceLabel>({
      name,
      ...options,
      labelNames: ["device"],
      registers: [registry],
      collect() {
        this.reset();
        const now = info();
        for (const gpu of now?.memory.gpus ?? []) {
          const value = read(gpu, now!);
          if (value !== undefined) this.set({ device: gpu.device }, value);
        }
      },
    });
  addDeviceGauge(
    "orangery_device_memory_bytes",
    { help: "GPU memory of the worker processes" },
    ({ device, processBytes }, { models }) => processBytes ?? bytesOn(device, models),
  );
  // The processes on one device all read the same.
  addDeviceGauge(
    "orangery_device_memory_used_bytes",
    { help: "GPU memory in use by all processes of the machine", aggregator: "max" },
    ({ usedBytes }) => usedBytes,
  );
  addDeviceGauge(
    "orangery_device_memory_total_bytes",
    { help: "GPU memory that there is", aggregator: "max" },
    ({ totalBytes }) => totalBytes,
  );
  addDeviceGauge(
    "orangery_device_utilisation_ratio",
    { help: "Share of the last moment in which the GPU computed", aggregator: "max" },
    ({ busyPercent }) => busyPercent && busyPercent / 100,
  );
}

/** If the driver does not report the process: the measured memory of its models. */
function bytesOn(device: string, models: CacheInfo["models"]): number {
  const here = models.filter((model) => model.device === device);
  return here.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
}
