import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { devicesToTry } from "../../models/devices/device.ts";
import { hasGpuNode, whyMissing } from "../../models/devices/device-survey.ts";
import { openNvml } from "../../native/gpu/nvml.ts";
import { environment } from "../../native/library/environment.ts";
import type { NvidiaSurvey, RuntimeSurvey, SurveyedDevice } from "./measuring-messages.ts";

/** Surveys the runtime, NVIDIA's driver, and the devices that this machine may have. */
export async function surveyRuntime(): Promise<RuntimeSurvey> {
  const { version, file } = environment().library;
  let nvidia: NvidiaSurvey | undefined;
  let nvidiaFailure: string | undefined;
  try {
    nvidia = surveyNvidia();
  } catch (error) {
    nvidiaFailure = (error as Error).message;
  }
  const devices = candidates(nvidia?.gpus.length ?? 0);
  return { version, file, devices, nvidia, nvidiaFailure };
}

function surveyNvidia(): NvidiaSurvey | undefined {
  const nvml = openNvml();
  if (nvml === undefined) return undefined;
  const { driverVersion, cudaVersion } = nvml;
  return {
    driverVersion,
    cudaVersion,
    gpus: nvml.gpus.map((gpu) => ({ name: gpu.name, totalBytes: totalBytesOf(gpu) })),
  };
}

function totalBytesOf(gpu: { read(): { readonly memoryTotalBytes: number } }): number | undefined {
  try {
    return gpu.read().memoryTotalBytes;
  } catch {
    // A card that has fallen off the bus is still a card.
    return undefined;
  }
}

/**
 * What `auto` would try, CUDA once for each card, without what nothing hints at: where there is
 * neither a card nor a provider for it, there is nothing to say of CUDA.
 */
function candidates(cards: number): SurveyedDevice[] {
  const devices = devicesToTry("auto").flatMap((device) => {
    if (device.kind !== "cuda") return [device];
    return Array.from({ length: Math.max(1, cards) }, (_, index) => ({
      ...device,
      label: `cuda:${index}`,
      index,
    }));
  });
  return devices
    .filter(({ kind }) => kind !== "cuda" || cards > 0 || hasCudaLibrary())
    .filter(({ kind }) => kind !== "webgpu" || hasGpuNode())
    .map((device) => ({ device: device.label, missing: whyMissing(device, "auto") }));
}

function hasCudaLibrary(): boolean {
  const name = process.platform === "win32" ? "onnxruntime_providers_cuda.dll" : cudaLibrary;
  return existsSync(join(dirname(environment().library.file), name));
}

const cudaLibrary = "libonnxruntime_providers_cuda.so";
