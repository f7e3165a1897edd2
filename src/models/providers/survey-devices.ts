import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { isOrangeryError } from "../../errors.ts";
import { openNvml } from "../../native/gpu/nvml.ts";
import { readAdded } from "../../native/library/added-runtime.ts";
import { environment } from "../../native/library/environment.ts";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { hasNvidiaDriver, whyNoBridge } from "../../native/providers/cuda-provider.ts";
import {
  pluginDeviceLabel,
  pluginDevices,
  registerPlugins,
} from "../../native/providers/plugins.ts";
import { cpu, type Device, parseDevice } from "../devices/device.ts";
import { proveDevice } from "../devices/device-proof.ts";
import { hasGpuNode } from "../devices/device-survey.ts";

/** Something that a device needs and the machine lacks. */
export interface MissingPart {
  readonly what: string;
  /** What to do, if known. */
  readonly remedy?: string | undefined;
}

/** A device, and whether it works. */
export interface SurveyedDevice {
  /** The name to ask for it by. */
  readonly device: string;
  /** What it is, such as the name of the card, where that is known. */
  readonly about?: string | undefined;
  /** Whether it has computed a known result just now. */
  readonly isUsable: boolean;
  /** Why it is not usable. */
  readonly reason?: string | undefined;
  /** The code of the error that is the reason. */
  readonly code?: string | undefined;
  readonly missing: readonly MissingPart[];
}

/** What this machine can run models on. */
export interface DeviceSurvey {
  readonly runtime: { readonly version: string; readonly file: string };
  /** NVIDIA's driver; undefined where there is none. */
  readonly nvidiaDriver: { readonly version?: string | undefined } | undefined;
  /** Where CUDA was added to, and for which runtime. */
  readonly addedCuda: { readonly folder: string; readonly runtimeVersion: string } | undefined;
  readonly devices: readonly SurveyedDevice[];
  /** Libraries of plugins that could not be registered. */
  readonly pluginFailures: readonly {
    readonly library: string;
    readonly code: string;
    readonly message: string;
  }[];
}

/** The libraries of CUDA 13 and cuDNN that the provider of ONNX Runtime 1.30 needs. */
const cudaLibraries = [
  "libcudart.so.13",
  "libcublasLt.so.13",
  "libcublas.so.13",
  "libcurand.so.10",
  "libcudnn.so.9",
];

/** Finds the devices of this machine, proves each by a small run, and lists what others lack. */
export async function surveyDevices(): Promise<DeviceSurvey> {
  const { file, version } = environment().library;
  const failures = await registerPlugins();
  const added = readAdded("cuda");
  const devices: SurveyedDevice[] = [];
  for (const candidate of candidates()) devices.push(await survey(candidate));
  return {
    runtime: { version, file },
    nvidiaDriver: hasNvidiaDriver() ? { version: readDriverVersion() } : undefined,
    addedCuda: added && { folder: added.folder, runtimeVersion: added.runtimeVersion },
    devices,
    pluginFailures: failures.map(({ library, error: { code, message } }) => ({
      library,
      code,
      message,
    })),
  };
}

interface Candidate {
  readonly device: Device;
  readonly about?: string | undefined;
}

/** The devices that this platform may have, and those of plugins. */
function candidates(): Candidate[] {
  const names = nvidiaNames();
  const cuda = (names.length === 0 ? [undefined] : names).map((about, index) => ({
    device: parseDevice(`cuda:${index}`),
    about,
  }));
  const tensorrt = hasNvidiaDriver() ? [{ device: parseDevice("tensorrt:0") }] : [];
  const nvidia = process.platform === "darwin" ? [] : [...cuda, ...tensorrt];
  const own = { darwin: "coreml", win32: "directml:0" }[process.platform as string] ?? "webgpu";
  const plugins = pluginDevices()
    .filter(({ provider }) => provider !== "cuda")
    .map((found) => ({
      device: parseDevice(pluginDeviceLabel(found)),
      about: [found.vendor, found.version].filter((text) => text).join(" "),
    }));
  return [{ device: cpu }, ...nvidia, { device: parseDevice(own) }, ...plugins];
}

async function survey({ device, about }: Candidate): Promise<SurveyedDevice> {
  const missing = missingParts(device);
  try {
    await proveDevice(device, { runtime: onnxRuntime });
    return { device: device.label, about, isUsable: true, missing: [] };
  } catch (error) {
    const reason = (error as Error).message.trim();
    const code = isOrangeryError(error) ? error.code : undefined;
    return { device: device.label, about, isUsable: false, reason, code, missing };
  }
}

function missingParts({ kind }: Device): readonly MissingPart[] {
  if (kind === "cuda" || kind === "tensorrt") return missingForNvidia(kind);
  if (kind === "webgpu" && process.platform === "linux") {
    return [
      ...(canLoadLibrary("libvulkan.so.1")
        ? []
        : [{ what: "the Vulkan loader (libvulkan.so.1)", remedy: "apt install libvulkan1" }]),
      ...(hasGpuNode() ? [] : [{ what: "a GPU that the system shows in /dev" }]),
    ];
  }
  return [];
}

function missingForNvidia(kind: "cuda" | "tensorrt"): readonly MissingPart[] {
  const remedy = "orangery devices add cuda";
  const parts: MissingPart[] = [];
  if (!hasNvidiaDriver()) {
    parts.push({ what: "NVIDIA's driver", remedy: "install driver 580 or newer for your card" });
  }
  if (kind === "cuda" && pluginDevices().some(({ provider }) => provider === "cuda")) return parts;
  const noProvider = whyNoBridge(kind);
  if (noProvider !== undefined) {
    parts.push({ what: `the ${kind} provider`, remedy: kind === "cuda" ? remedy : undefined });
  }
  if (process.platform === "linux") {
    const absent = cudaLibraries.filter((name) => !isFound(name));
    if (absent.length > 0) parts.push({ what: absent.join(", "), remedy });
    if (kind === "tensorrt" && !canLoadLibrary("libnvinfer.so.10")) {
      parts.push({ what: "TensorRT 10 (libnvinfer.so.10)" });
    }
  }
  return parts;
}

/** Whether a library lies beside the runtime, or the system finds it. */
function isFound(name: string): boolean {
  return existsSync(join(dirname(environment().library.file), name)) || canLoadLibrary(name);
}

/** The names of NVIDIA's cards, in the order of CUDA's numbers; none without a driver. */
function nvidiaNames(): readonly string[] {
  try {
    const nvml = openNvml();
    const names: string[] = [];
    for (let index = 0; ; index++) {
      const gpu = nvml?.cudaGpu(index);
      if (gpu === undefined) return names;
      names.push(gpu.name);
    }
  } catch (error) {
    if (isOrangeryError(error, "NVML_FAILED")) return [];
    throw error;
  }
}

function readDriverVersion(): string | undefined {
  try {
    return openNvml()?.driverVersion;
  } catch (error) {
    if (isOrangeryError(error, "NVML_FAILED")) return undefined;
    throw error;
  }
}
