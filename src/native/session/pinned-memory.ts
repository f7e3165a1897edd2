import { isOrangeryError } from "../../errors.ts";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { NativeObject } from "../library/native-object.ts";

/** `OrtDeviceAllocator` and `OrtMemTypeCPUOutput`. */
const [deviceAllocator, readByCpu] = [0, -1];

/**
 * Opens the allocator of host memory that a session's CUDA device copies from without a detour;
 * undefined for a session on another device. With it, a batch of 16 pictures took 16.4 ms instead
 * of 17.7 (YOLO11m in float16, two runs in flight, H200).
 */
export function openPinnedMemory(session: NativeObject): NativeObject | undefined {
  const { api } = environment();
  const info: Out<Address | null> = [null];
  api.CreateMemoryInfo("CudaPinned", deviceAllocator, 0, readByCpu, info);
  const allocator: Out<Address | null> = [null];
  try {
    api.CreateAllocator(session.address, info[0]!, allocator);
  } catch (error) {
    if (isOrangeryError(error, "ORT_FAILED")) return undefined;
    throw error;
  } finally {
    api.ReleaseMemoryInfo(info[0]!);
  }
  return new NativeObject("allocator", allocator[0]!, api.ReleaseAllocator);
}
