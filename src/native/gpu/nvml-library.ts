import koffi, { type LibraryHandle } from "koffi";
import { OrangeryError } from "../../errors.ts";
import type { Address, Out } from "../library/function-table.ts";
import { loadLibrary } from "../library/load-library.ts";

/** The environment variable that names another NVML library than the driver's own. */
export const nvmlLibraryVariable = "ORANGERY_NVML_LIBRARY";

/** `nvmlReturn_t` of nvml.h, those that mean something here. */
const success = 0;
const notSupported = 3;
const noPermission = 4;
const insufficientSize = 7;
export const driverNotLoaded = 9;
export const libraryNotFound = 12;
const functionNotFound = 13;

/** `NVML_VALUE_NOT_AVAILABLE`. */
export const notAvailable = 0xffff_ffff_ffff_ffffn;

/** Room for any text that NVML writes (`NVML_DEVICE_UUID_V2_BUFFER_SIZE`, the largest, is 96). */
const textBytes = 96;

// Named, so that the parameters below can be written as in nvml.h.
koffi.struct("nvmlMemory_t", { total: "uint64_t", free: "uint64_t", used: "uint64_t" });
koffi.struct("nvmlUtilization_t", { gpu: "uint32_t", memory: "uint32_t" });

/** `nvmlProcessInfo_v2_t`, 24 bytes. */
const processStruct = koffi.struct({
  pid: "uint32_t",
  usedGpuMemory: "uint64_t",
  gpuInstanceId: "uint32_t",
  computeInstanceId: "uint32_t",
});

interface NativeProcess {
  readonly pid: number;
  readonly usedGpuMemory: number | bigint;
}

/** Parameters of the functions in use. All return an `nvmlReturn_t`; `func` takes the name. */
const device = "void *";
const buffer = "void *";
const outUint = "_Out_ uint32_t *";
const inoutUint = "_Inout_ uint32_t *";
const functions = {
  nvmlInit_v2: [],
  nvmlShutdown: [],
  nvmlSystemGetDriverVersion: [buffer, "uint32_t"],
  nvmlSystemGetNVMLVersion: [buffer, "uint32_t"],
  nvmlSystemGetCudaDriverVersion_v2: ["_Out_ int *"],
  nvmlDeviceGetCount_v2: [outUint],
  nvmlDeviceGetHandleByIndex_v2: ["uint32_t", "_Out_ void **"],
  nvmlDeviceGetName: [device, buffer, "uint32_t"],
  nvmlDeviceGetUUID: [device, buffer, "uint32_t"],
  nvmlDeviceGetMemoryInfo: [device, "_Out_ nvmlMemory_t *"],
  nvmlDeviceGetUtilizationRates: [device, "_Out_ nvmlUtilization_t *"],
  // `_v2`, because early drivers of the 535 series write 32-byte entries for `_v3`
  // (XuehaiPan/nvitop#79); the entries of `_v2` never changed.
  nvmlDeviceGetComputeRunningProcesses_v2: [device, inoutUint, buffer],
  nvmlDeviceGetGraphicsRunningProcesses_v2: [device, inoutUint, buffer],
} as const;

export type NvmlFunctionName = keyof typeof functions;

/** NVML's functions by name, with their statuses made errors. */
export class NvmlLibrary {
  readonly #library: LibraryHandle;
  readonly #functions = new Map<NvmlFunctionName, (...args: readonly unknown[]) => number>();
  #isOpen = true;

  private constructor(library: LibraryHandle) {
    this.#library = library;
  }

  static load(file: string | undefined): NvmlLibrary | undefined {
    const named = file !== undefined && file !== "";
    const ownFile = process.platform === "win32" ? "nvml.dll" : "libnvidia-ml.so.1";
    try {
      return new NvmlLibrary(loadLibrary(named ? file : ownFile));
    } catch (cause) {
      if (!named) return undefined;
      throw new OrangeryError(
        "NVML_FAILED",
        `Expected ${file} to be NVIDIA's management library, but it could not be opened: ` +
          `${(cause as Error).message}. ` +
          `Correct ${nvmlLibraryVariable}, or unset it to use the driver's own.`,
        { cause, details: { lookedFor: file } },
      );
    }
  }

  /** Calls and returns the status; a function that an older library lacks has one, too. */
  status(name: NvmlFunctionName, ...args: readonly unknown[]): number {
    const native = this.#functions.get(name) ?? this.#find(name);
    this.#functions.set(name, native);
    return native(...args);
  }

  #find(name: NvmlFunctionName): (...args: readonly unknown[]) => number {
    try {
      return this.#library.func(name, "int", [...functions[name]]);
    } catch {
      return () => functionNotFound;
    }
  }

  check(name: NvmlFunctionName, status: number): void {
    if (status === success) return;
    const text = this.#errorText(status);
    throw new OrangeryError(
      "NVML_FAILED",
      `NVIDIA's management library failed in ${name} (status ${status}): ${text}. ` +
        "`nvidia-smi` shows whether the driver works.",
      { details: { function: name, status, text } },
    );
  }

  call(name: NvmlFunctionName, ...args: readonly unknown[]): void {
    if (!this.#isOpen) {
      throw new OrangeryError(
        "NVML_FAILED",
        `Expected an open NVML for ${name}, but it was disposed.`,
      );
    }
    this.check(name, this.status(name, ...args));
  }

  /** Calls for a figure that not every GPU, driver or user gets; false where there is none. */
  hasFigure(name: NvmlFunctionName, ...args: readonly unknown[]): boolean {
    const status = this.status(name, ...args);
    if (status === notSupported || status === noPermission || status === functionNotFound) {
      return false;
    }
    this.check(name, status);
    return true;
  }

  /** Calls a function whose last parameters are a buffer for a text and its size. */
  text(name: NvmlFunctionName, ...args: readonly unknown[]): string {
    const bytes = Buffer.alloc(textBytes);
    this.call(name, ...args, bytes, bytes.length);
    return bytes.toString("utf8", 0, bytes.indexOf(0));
  }

  /** Lists the processes of a running-processes function; none where they are not reported. */
  processes(name: NvmlFunctionName, handle: Address): readonly NativeProcess[] {
    let room = 64;
    for (;;) {
      const entries = Buffer.alloc(room * koffi.sizeof(processStruct));
      const count: Out<number> = [room];
      const status = this.status(name, handle, count, entries);
      if (status === insufficientSize && count[0] > room) {
        // Others may start while we ask again.
        room = count[0] + 16;
        continue;
      }
      if (status !== success) return [];
      return koffi.decode(entries, processStruct, count[0]) as NativeProcess[];
    }
  }

  shutdown(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.status("nvmlShutdown");
  }

  #errorText(status: number): string {
    try {
      return this.#library.func("nvmlErrorString", "str", ["int"])(status) as string;
    } catch {
      return "no text for it";
    }
  }
}
