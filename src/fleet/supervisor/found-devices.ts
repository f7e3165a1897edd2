import { parseDevice } from "../../models/devices/device.ts";
import { hasGpuNode, whyMissing } from "../../models/devices/device-survey.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";

/** The devices of this machine, as far as can be known without using them. */
export interface FoundDevices {
  /** `cuda:0`, … */
  readonly cuda: readonly string[];
  /** Whether there may be a GPU that is used without CUDA. */
  readonly hasOtherGpu: boolean;
}

/**
 * Finds devices. CUDA devices are those that NVML lists and for which nothing is plainly missing.
 */
export function findDevices(): FoundDevices {
  const cuda: string[] = [];
  for (;;) {
    const device = parseDevice(`cuda:${cuda.length}`);
    const isThere = readMemory([device.label]).gpus.length > 0;
    if (!isThere || whyMissing(device, "auto") !== undefined) break;
    cuda.push(device.label);
  }
  return { cuda, hasOtherGpu: process.platform !== "linux" || hasGpuNode() };
}
