import { type ExecFileException, execFile } from "node:child_process";
import { basename, delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { programModule } from "../../base/files/program-file.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { readAdded } from "../library/added-runtime.ts";
import { environment } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { withProcessLock } from "../process-lock.ts";
import { processMemory } from "../process-memory.ts";
import type { PluginDeviceName } from "../runtime.ts";
import { openProvider } from "./open-provider.ts";

/** The environment variable that lists libraries of providers, separated as in PATH. */
export const pluginVariable = "ORANGERY_EP_LIBRARY";

/** `OrtHardwareDeviceType` of onnxruntime_ep_c_api.h, by position. */
const hardwareTypes = ["cpu", "gpu", "npu"] as const;

/** A device that a registered plugin offers. */
export interface PluginDevice {
  readonly provider: string;
  readonly hardware: (typeof hardwareTypes)[number];
  /** Which of this provider's devices on such hardware, from 0. */
  readonly index: number;
  readonly vendor: string;
  /** The version that the plugin states; undefined where it states none. */
  readonly version: string | undefined;
  readonly library: string;
  /** `OrtEpDevice*`, which lives as long as the process. */
  readonly address: Address;
}

/** OpenVINO's plugin, in the folder that `orangery devices add openvino` makes. */
export const openVinoLibrary = "libonnxruntime_providers_openvino_plugin.so";

/**
 * Lists the libraries of plugins, as absolute paths: those that `ORANGERY_EP_LIBRARY` names, and
 * OpenVINO's where it was added. Of one that is named as well, only the named file counts.
 */
export function pluginLibraries(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const named = (env[pluginVariable] ?? "").split(delimiter).filter((file) => file !== "");
  const libraries = new Set(named.map((file) => resolve(file)));
  const added = readAdded("openvino", env);
  const isNamed = [...libraries].some((file) => basename(file) === openVinoLibrary);
  if (added !== undefined && !isNamed) libraries.add(join(added.folder, openVinoLibrary));
  return [...libraries];
}

/**
 * Adds files to `ORANGERY_EP_LIBRARY`, for this process and those that it starts.
 *
 * @throws `INVALID_ARGUMENT` for a path that the variable cannot hold
 */
export function addPluginLibraries(files: readonly string[]): void {
  if (files.length === 0) return;
  const divided = files.find((file) => file.includes(delimiter));
  if (divided !== undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the library of an execution provider at a path without \`${delimiter}\`, which ` +
        `separates paths in ${pluginVariable}, got ${divided}. Rename the file or its folder.`,
      { details: { file: divided } },
    );
  }
  process.env[pluginVariable] = [...pluginLibraries(), ...files].join(delimiter);
}

/** A library that could not be registered. */
export interface PluginFailure {
  readonly library: string;
  readonly error: OrangeryError;
}

/** Registers all libraries that are named, and returns those that failed. */
export async function registerPlugins(): Promise<readonly PluginFailure[]> {
  const failures: PluginFailure[] = [];
  for (const library of pluginLibraries()) {
    try {
      await register(library);
    } catch (error) {
      if (!isOrangeryError(error)) throw error;
      failures.push({ library, error });
    }
  }
  return failures;
}

/**
 * Finds a device among those of the registered plugins.
 *
 * @throws why a library could not be registered, or `DEVICE_UNAVAILABLE`
 */
export async function findPluginDevice(name: PluginDeviceName): Promise<PluginDevice> {
  const failures = await registerPlugins();
  const devices = pluginDevices();
  const found = devices.filter(
    ({ provider, hardware }) =>
      provider === name.provider && hardware === (name.hardware ?? hardware),
  )[name.index];
  if (found !== undefined) return found;
  if (failures.length > 0) throw togetherOf(failures.map(({ error }) => error));
  const offered = devices.map(pluginDeviceLabel);
  throw new OrangeryError(
    "DEVICE_UNAVAILABLE",
    `${pluginLibraries().join(", ")} offers ` +
      (offered.length === 0 ? "no device on this machine" : offered.join(", ")),
    { details: { offered } },
  );
}

/** Any of the plugins may have the device that is missing. */
function togetherOf([first, ...others]: readonly OrangeryError[]): OrangeryError {
  if (others.length === 0) return first!;
  const { code, details } = first!;
  const message = [first!, ...others].map((error) => error.message).join(" ");
  return new OrangeryError(code, message, { cause: first, details });
}

/** Lists the devices of the registered plugins, in their own order. */
export function pluginDevices(): readonly PluginDevice[] {
  const { api, env } = environment();
  const [list, count]: [Out<Address | null>, Out<number>] = [[null], [0]];
  api.GetEpDevices(env, list, count);
  const addresses = koffi.decode(list[0], koffi.array("void *", Number(count[0]))) as Address[];
  const counts = new Map<string, number>();
  return addresses.flatMap((address) => {
    const texts = api.EpDevice_EpMetadata(address);
    const library = api.GetKeyValue(texts, "library_path");
    // What is built into the runtime has no library of its own.
    if (library === null) return [];
    const device = api.EpDevice_Device(address);
    const provider = shortName(api.EpDevice_EpName(address) ?? "");
    const hardware = hardwareTypes[api.HardwareDevice_Type(device)] ?? "cpu";
    const key = `${provider}:${hardware}`;
    const index = counts.get(key) ?? 0;
    counts.set(key, index + 1);
    const vendor = api.HardwareDevice_Vendor(device) ?? "";
    const version = api.GetKeyValue(texts, "version") ?? undefined;
    return { provider, hardware, index, vendor, version, library, address };
  });
}

/** Returns the name by which a device is asked for: `openvino:gpu`, `openvino:gpu:1`, `cuda:0`. */
export function pluginDeviceLabel({ provider, hardware, index }: PluginDevice): string {
  if (provider === "cuda") return `cuda:${index}`;
  return `${provider}:${hardware}${index === 0 ? "" : `:${index}`}`;
}

/**
 * `OpenVINOExecutionProvider` is `openvino`, `CudaPluginExecutionProvider` is `cuda`, and what
 * follows stays: `openvino.auto`.
 */
function shortName(providerName: string): string {
  return providerName.toLowerCase().replace(/(plugin)?executionprovider/, "");
}

/**
 * Registers a library, once for the process.
 *
 * @throws `PROVIDER_NOT_FOUND`, `PROVIDER_DAMAGED`, `PROVIDER_DEPENDENCY_MISSING`,
 *   `PROVIDER_NOT_PLUGIN`, `PROVIDER_VERSION_MISMATCH`, `PROVIDER_FAILED`
 */
async function register(file: string): Promise<void> {
  const done = new Int32Array(await processMemory(`plugin ${file}`, 8));
  await withProcessLock(`orangery:plugin:${file}`, async () => {
    if (Atomics.load(done, 0) === 1) return;
    checkIsPlugin(file);
    await probe(file);
    const { api, env } = environment();
    try {
      await api.async.RegisterExecutionProviderLibrary(env, file, file);
    } catch (cause) {
      throw registrationFailed(file, (cause as Error).message, cause);
    }
    Atomics.store(done, 0, 1);
  });
}

function checkIsPlugin(file: string): void {
  const handle = openProvider(file);
  try {
    handle.func("CreateEpFactories", "void *", []);
  } catch (cause) {
    throw new OrangeryError(
      "PROVIDER_NOT_PLUGIN",
      `Expected ${file} to be the plugin of an execution provider, but it has no ` +
        "CreateEpFactories. Name the library that its package calls the plugin.",
      { cause, details: { file } },
    );
  }
}

/** Long enough for a plugin that opens devices, but not for ever. */
const probeTimeoutMs = 120_000;

/**
 * Registers a library in a process of its own first. A plugin that asks for a newer runtime gets no
 * table of functions, and most call into it all the same: their process ends.
 */
async function probe(file: string): Promise<void> {
  const program = fileURLToPath(programModule("native/providers/plugin-probe"));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile(
    process.execPath,
    [program, file],
    { timeout: probeTimeoutMs, killSignal: "SIGKILL", encoding: "utf8" },
    (error, _, errorOutput) => {
      // Other failures will also occur in this process, with the same message.
      if (error === null || (!error.killed && !error.signal)) resolve();
      else reject(crashed(file, error, errorOutput));
    },
  );
  await promise;
}

function crashed(
  file: string,
  { signal, killed }: ExecFileException,
  errorOutput: string,
): OrangeryError {
  const { version } = environment().library;
  // ONNX Runtime's own words, before it returns no table.
  const [, asked, least, most] =
    /requested API version \[(\d+)\].*\[(\d+), (\d+)\]/.exec(errorOutput) ?? [];
  if (asked !== undefined) {
    return new OrangeryError(
      "PROVIDER_VERSION_MISMATCH",
      `Expected a plugin for ONNX Runtime ${version}, which offers the API versions ${least} to ` +
        `${most}, but ${file} asks for ${asked}. Install an older version of the plugin, or name ` +
        "a newer runtime in ORANGERY_ORT_LIBRARY.",
      { details: { file, runtime: version, offered: Number(most), asked: Number(asked) } },
    );
  }
  const how = killed
    ? `it did not end within ${probeTimeoutMs / 1000} s`
    : `it ended its process (${signal})`;
  return registrationFailed(file, `${how}, with ONNX Runtime ${version}`);
}

function registrationFailed(file: string, reason: string, cause?: unknown): OrangeryError {
  return new OrangeryError(
    "PROVIDER_FAILED",
    `Expected to register the execution provider ${file}, but ${reason}. ` +
      "See which versions of ONNX Runtime it is made for.",
    { cause, details: { file } },
  );
}
