import { basename } from "node:path";
import { OrangeryError } from "../../errors.ts";
import { openVinoLibrary, pluginLibraries } from "../../native/providers/plugins.ts";
import type {
  ExecutionProvider,
  ExecutionProviderName,
  PluginDeviceName,
} from "../../native/runtime.ts";

/**
 * A place to run models: `cpu`, `webgpu`, `coreml`, `directml:N`, `cuda:N`, `tensorrt:N`, or a
 * plugin's, such as `openvino:gpu`.
 */
export interface Device {
  /** The name as users write it, with its index: `cuda:0`. */
  readonly label: string;
  readonly kind: ExecutionProviderName;
  /** Which device of that kind, from 0. */
  readonly index: number;
  /** The device of a plugin, where that is the kind. */
  readonly plugin?: PluginDeviceName | undefined;
}

/** Whether a device computes on the processor's cores, whatever provider it belongs to. */
export function computesOnCpu({ kind, plugin }: Device): boolean {
  return kind === "cpu" || plugin?.hardware === "cpu";
}

/** Whether a device is one of OpenVINO's plugin, whatever the hardware. */
export function isOpenVino({ plugin }: Device): boolean {
  return plugin?.provider.startsWith("openvino") === true;
}

/** Whether networks in int8 are run on a device as they are meant to be. */
export function takesInt8(device: Device): boolean {
  return device.kind === "cpu" || isOpenVino(device);
}

/** How a device's memory is used, and its provider's own options. */
export interface GpuMemoryOptions {
  /** Most bytes that the arena of one model may take, on CUDA and TensorRT. Default: no limit. */
  readonly gpuMemoryLimitBytes?: number | undefined;
  /**
   * How that arena grows: to the next power of two, or by what is asked for, which takes less
   * memory and more time. Default `power-of-two`.
   */
  readonly arenaGrowth?: "power-of-two" | "as-requested" | undefined;
  /**
   * Options of the device's provider, by the names of its own documentation; they go before ours.
   * Default: ORANGERY_DEVICE_OPTIONS, a JSON object. The CPU has none.
   */
  readonly deviceOptions?: Readonly<Record<string, string>> | undefined;
}

/** How a session is to use its device. */
export interface DeviceUseOptions extends GpuMemoryOptions {
  /** CPU threads of all runs together, where they are a plugin's. Default 0: as many as cores. */
  readonly intraOpThreads?: number | undefined;
  /** Runs at a time that share those threads, where they are a plugin's. Default 1. */
  readonly streams?: number | undefined;
}

/** The environment variable with the options of the device's provider, as a JSON object. */
export const deviceOptionsVariable = "ORANGERY_DEVICE_OPTIONS";

/**
 * Reads `ORANGERY_DEVICE_OPTIONS`.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function readDeviceOptions(
  env: NodeJS.ProcessEnv = process.env,
): Readonly<Record<string, string>> {
  const value = env[deviceOptionsVariable];
  if (!value) return {};
  try {
    const options = JSON.parse(value);
    const isObject = typeof options === "object" && !Array.isArray(options);
    if (isObject && Object.values(options).every((text) => typeof text === "string")) {
      return options;
    }
  } catch {
    // Reported below, as what is JSON of another kind.
  }
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${deviceOptionsVariable} to be a JSON object of texts, ` +
      `as in {"num_streams":"1"}, got \`${value}\`.`,
    { details: { variable: deviceOptionsVariable, value } },
  );
}

/** Kinds of which a machine can have several. */
const indexedKinds = ["cuda", "tensorrt", "directml"] as const;
const singleKinds = ["cpu", "webgpu", "coreml"] as const;

export const cpu: Device = { label: "cpu", kind: "cpu", index: 0 };

/**
 * Reads a device name. `cuda` alone is the device of the worker: `cuda:N` for worker id N.
 *
 * @throws `DEVICE_UNKNOWN`
 */
export function parseDevice(name: string, workerId = 0): Device {
  const single = singleKinds.find((kind) => kind === name);
  if (single) return { label: name, kind: single, index: 0 };
  const [kindName, index, ...rest] = name.split(":");
  const kind = indexedKinds.find((known) => known === kindName);
  if (kind !== undefined && index === undefined) return indexed(kind, workerId);
  const plugin = kind === undefined ? parsePluginDevice(name) : undefined;
  if (plugin !== undefined) return plugin;
  if (kind === undefined || rest.length > 0 || !/^\d{1,3}$/.test(index!)) {
    throw new OrangeryError(
      "DEVICE_UNKNOWN",
      "Expected a device of auto, cpu, cuda:N, tensorrt:N, webgpu, coreml or directml:N " +
        `(N from 0), got \`${name}\`. OpenVINO's take \`orangery devices add openvino\`, ` +
        "those of other plugins their library (ORANGERY_EP_LIBRARY).",
      { details: { device: name } },
    );
  }
  return indexed(kind, Number(index));
}

/** Names that users may type and that are not plugins. */
const noProviders = ["auto", "gpu", "npu"];

/**
 * Reads the name of a plugin's device: `openvino`, `openvino:gpu`, `openvino:gpu:1`. Which ones
 * there are is known once the plugins are registered; without plugins, no such name is one, and
 * where OpenVINO was added, only its own are.
 */
function parsePluginDevice(name: string): Device | undefined {
  const libraries = pluginLibraries();
  if (libraries.length === 0) return undefined;
  const [, provider, hardware, digits = "0"] =
    /^([a-z][a-z0-9._-]*)(?::(cpu|gpu|npu))?(?::(\d{1,3}))?$/.exec(name) ?? [];
  if (provider === undefined || noProviders.includes(provider)) return undefined;
  const isOpenVinoAlone = libraries.every((file) => basename(file) === openVinoLibrary);
  if (isOpenVinoAlone && !provider.startsWith("openvino")) return undefined;
  const index = Number(digits);
  const plugin = { provider, hardware: hardware as PluginDeviceName["hardware"], index };
  return { label: name, kind: "plugin", index, plugin };
}

function indexed(kind: (typeof indexedKinds)[number], index: number): Device {
  return { label: `${kind}:${index}`, kind, index };
}

/**
 * The devices to try for a worker, best first. `auto` is CUDA, then what the platform has of its
 * own, then the CPU; TensorRT must be asked for by name, since it takes minutes to build engines.
 * Every list ends with the CPU.
 */
export function devicesToTry(
  name: string,
  { workerId = 0, platform = process.platform }: { workerId?: number; platform?: string } = {},
): readonly Device[] {
  if (name !== "auto") {
    const device = parseDevice(name, workerId);
    return device.kind === "cpu" ? [cpu] : [device, cpu];
  }
  const platformDevice = { darwin: "coreml", win32: "directml" }[platform] ?? "webgpu";
  return [parseDevice("cuda", workerId), parseDevice(platformDevice, workerId), cpu];
}

/** The execution provider that stands for a device. @throws `INVALID_ARGUMENT` */
export function executionProvider(
  device: Device,
  { deviceOptions = readDeviceOptions(), ...use }: DeviceUseOptions = {},
): ExecutionProvider {
  const { kind, plugin } = device;
  const options = { ...ownOptions(device, use), ...deviceOptions };
  return {
    name: kind,
    ...(plugin !== undefined && { plugin }),
    ...(kind !== "cpu" && Object.keys(options).length > 0 && { options }),
  };
}

/** The options that a device needs, and those of its memory and its threads. */
function ownOptions(
  device: Device,
  {
    gpuMemoryLimitBytes,
    arenaGrowth = "power-of-two",
    intraOpThreads = 0,
    streams = 1,
  }: DeviceUseOptions,
): Readonly<Record<string, string>> {
  const { kind, index } = device;
  if (isOpenVino(device)) return openVinoOptions(intraOpThreads, streams);
  if (kind === "cuda") {
    return {
      device_id: String(index),
      arena_extend_strategy:
        arenaGrowth === "as-requested" ? "kSameAsRequested" : "kNextPowerOfTwo",
      ...(gpuMemoryLimitBytes !== undefined && { gpu_mem_limit: String(gpuMemoryLimitBytes) }),
    };
  }
  if (kind === "tensorrt") {
    return {
      device_id: String(index),
      ...(gpuMemoryLimitBytes !== undefined && {
        trt_max_workspace_size: String(gpuMemoryLimitBytes),
      }),
    };
  }
  return kind === "directml" ? { device_id: String(index) } : {};
}

/**
 * By default, OpenVINO silently computes a float32 network in bfloat16 on processors with AMX, and
 * in float16 on a GPU, which changes counts.
 */
function openVinoOptions(threads: number, streams: number): Readonly<Record<string, string>> {
  const precision = { INFERENCE_PRECISION_HINT: "f32" };
  const cpu = {
    ...precision,
    ...(threads > 0 && { INFERENCE_NUM_THREADS: String(threads) }),
    NUM_STREAMS: String(streams),
  };
  return { load_config: JSON.stringify({ CPU: cpu, GPU: precision }) };
}

/** The arenas that hold a device's working memory, as run options name them. */
export function arenasOf({ kind, index }: Device): string {
  return kind === "cuda" || kind === "tensorrt" ? `gpu:${index};cpu:0` : "cpu:0";
}
