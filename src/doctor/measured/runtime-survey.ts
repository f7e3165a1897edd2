import { type Device, devicesToTry, parseDevice } from "../../models/devices/device.ts";
import { hasGpuNode, whyMissing } from "../../models/devices/device-survey.ts";
import { cudaEntries } from "../../native/gpu/cuda-visible-devices.ts";
import { openNvml } from "../../native/gpu/nvml.ts";
import { environment } from "../../native/library/environment.ts";
import { whyNoBridge } from "../../native/providers/cuda-provider.ts";
import {
  pluginDeviceLabel,
  pluginDevices,
  pluginLibraries,
  registerPlugins,
} from "../../native/providers/plugins.ts";
import type { CandidateDevice, NvidiaSurvey, RuntimeSurvey } from "./measuring-messages.ts";

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
  const devices = [...(await surveyPlugins()), ...surveyOwn(nvidia)];
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
    // A card that has fallen off the bus still counts.
    return undefined;
  }
}

/**
 * What `auto` would try, with CUDA once per card. CUDA is left out if there is neither a card nor
 * its provider.
 */
function surveyOwn(nvidia: NvidiaSurvey | undefined): CandidateDevice[] {
  const cards = nvidia?.gpus.length ?? 0;
  return devicesToTry("auto")
    .flatMap((device) => (device.kind === "cuda" ? cudaDevices(cards) : [device]))
    .filter(({ kind }) => kind !== "cuda" || cards > 0 || whyNoBridge("cuda") === undefined)
    .filter(({ kind }) => kind !== "webgpu" || hasGpuNode())
    .map((device) => ({ device: device.label, missing: whyMissingHere(device, nvidia) }))
    .filter(isFirstToLack);
}

/** If several cards lack the same, one finding is enough. */
function isFirstToLack(
  { missing }: CandidateDevice,
  index: number,
  all: readonly CandidateDevice[],
): boolean {
  return missing === undefined || all.findIndex((other) => other.missing === missing) === index;
}

/** The CUDA that `orangery devices add cuda` brings, and the driver that it takes. */
const addedCuda = { major: 13, driver: 580 };

function whyMissingHere(device: Device, nvidia: NvidiaSurvey | undefined): string | undefined {
  const missing = whyMissing(device, "auto");
  const major = Number.parseInt(nvidia?.cudaVersion ?? "", 10);
  if (device.kind !== "cuda" || missing === undefined || !(major < addedCuda.major)) return missing;
  return (
    `${missing}. Update the driver to ${addedCuda.driver} or newer, since this one runs no CUDA ` +
    `${addedCuda.major}, then run \`orangery devices add cuda\`.`
  );
}

/** The cards that CUDA may use; without any, the first card, to find the reason. */
function cudaDevices(cards: number): readonly Device[] {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  const count = visible === undefined ? cards : Math.min(cards, cudaEntries(visible).length);
  return Array.from({ length: Math.max(1, count) }, (_, index) => parseDevice(`cuda:${index}`));
}

/** The devices of plugins, and the libraries of which there are none. */
async function surveyPlugins(): Promise<CandidateDevice[]> {
  if (pluginLibraries().length === 0) return [];
  const failures = await registerPlugins();
  const found = pluginDevices().map((device): CandidateDevice => {
    // CUDA's plugin takes the place of its other provider.
    if (device.provider === "cuda") return { device: `cuda:${device.index}`, missing: undefined };
    return { device: pluginDeviceLabel(device), missing: undefined };
  });
  const failed = failures.map(({ error }) => ({
    device: "provider",
    missing: error.message,
  }));
  const offering = new Set(pluginDevices().map(({ library }) => library));
  const idle = pluginLibraries().filter(
    (file) => !offering.has(file) && !failures.some(({ library }) => library === file),
  );
  const empty = idle.map((library) => ({ device: "provider", missing: `${library} ${noDevice}` }));
  const isNew = ({ device }: CandidateDevice, index: number) =>
    found.findIndex((other) => other.device === device) === index;
  return [...failed, ...empty, ...found.filter(isNew)];
}

const noDevice =
  "was registered, and offers no device on this machine. See which processors and cards it is " +
  "for, or leave it out of ORANGERY_EP_LIBRARY.";
