import { readMemory } from "../../models/devices/memory-reading.ts";
import type { ProcessMemory } from "../process/worker-messages.ts";

export interface RoomOptions {
  readonly device: string;
  /** What the running process takes; its successor will take as much. */
  readonly memory: ProcessMemory;
  /** To be left for others. */
  readonly keepFreeBytes: number;
}

/** What a successor may take more than the process that it is measured by. */
const margin = 1.1;

/** Whether this machine and the device can hold a second process beside the one that runs. */
export function hasRoomForTwo({ device, memory, keepFreeBytes }: RoomOptions): boolean {
  // What the container allows, where there is one.
  const freeBytes = process.availableMemory();
  if (margin * memory.processBytes + keepFreeBytes > freeBytes) return false;
  const [gpu] = readMemory([device]).gpus;
  if (gpu === undefined) return true;
  return margin * memory.gpuBytes + keepFreeBytes <= gpu.totalBytes - gpu.usedBytes;
}
