import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { isBesideAddedCuda, readAdded } from "../library/added-runtime.ts";
import { environment } from "../library/environment.ts";
import { canLoadLibrary, keepLibrary, loadLibrary } from "../library/load-library.ts";
import { checkSharedLibrary } from "../library/shared-library.ts";
import { missingDependency, openProvider } from "./open-provider.ts";

/** The providers that ONNX Runtime looks for beside itself. */
export type BridgeProvider = "cuda" | "tensorrt";

/** The library of NVIDIA's driver, which no package has. */
const driverLibrary = process.platform === "win32" ? "nvcuda.dll" : "libcuda.so.1";
/** The provider opens cuDNN by name when it needs it, and has no convolutions without. */
const cudnnLibrary = "libcudnn.so.9";

/** Returns the file in which ONNX Runtime looks for a provider. */
function bridgeFile(kind: BridgeProvider): string {
  const name =
    process.platform === "win32"
      ? `onnxruntime_providers_${kind}.dll`
      : `libonnxruntime_providers_${kind}.so`;
  return join(dirname(environment().library.file), name);
}

/** Says that a provider is missing beside the runtime; undefined where it is there. */
export function whyNoBridge(kind: BridgeProvider): string | undefined {
  const file = bridgeFile(kind);
  if (existsSync(file)) return undefined;
  const added = kind === "cuda" ? readAdded("cuda") : undefined;
  const { version } = environment().library;
  return (
    `this ONNX Runtime has no ${kind} provider (${basename(file)} is missing)` +
    (added === undefined || added.runtimeVersion === version
      ? ""
      : `: what \`orangery devices add cuda\` brought is for ${added.runtimeVersion}, ` +
        `and this is ${version}; add it again`)
  );
}

/** Whether NVIDIA's driver is installed. It stays open: CUDA uses it until the process ends. */
export function hasNvidiaDriver(): boolean {
  try {
    loadLibrary(driverLibrary);
  } catch {
    return false;
  }
  keepLibrary(driverLibrary);
  return true;
}

/**
 * Prepares what CUDA's provider needs, before ONNX Runtime opens it. A provider of another version
 * would be called through function positions that have moved.
 *
 * @throws `DEVICE_UNAVAILABLE` without a driver, `PROVIDER_DAMAGED`, `PROVIDER_VERSION_MISMATCH`,
 *   `PROVIDER_DEPENDENCY_MISSING`
 */
export async function prepareBridge(kind: BridgeProvider): Promise<void> {
  const missing = whyNoBridge(kind);
  if (missing !== undefined) throw new OrangeryError("DEVICE_UNAVAILABLE", missing);
  const file = bridgeFile(kind);
  checkSharedLibrary(file);
  await checkVersion(bridgeFile("cuda"));
  loadAddedLibraries();
  if (!hasNvidiaDriver()) {
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `there is no NVIDIA driver (${driverLibrary}); CUDA's provider itself fits the runtime`,
      { details: { library: driverLibrary } },
    );
  }
  if (process.platform === "linux" && !canLoadLibrary(cudnnLibrary)) {
    throw missingDependency(file, `${cudnnLibrary}: cannot open shared object file`);
  }
}

/**
 * Opens the CUDA libraries beside the provider. A running process cannot change its library search
 * path, but the system does not search for libraries that are already open.
 */
function loadAddedLibraries(): void {
  const added = readAdded("cuda");
  if (added === undefined || !isBesideAddedCuda(environment().library.file, added)) return;
  for (const name of added.libraries) openProvider(join(added.folder, name));
}

/** Explains a failure of ONNX Runtime with CUDA's provider. */
export function explainBridgeFailure(kind: BridgeProvider, error: unknown): unknown {
  if (!isOrangeryError(error, "ORT_FAILED")) return error;
  const missing = missingDependency(bridgeFile(kind), error.message, error);
  if (missing !== undefined) return missing;
  const [, status] = /CUDA failure (\d+):/.exec(error.message) ?? [];
  const reason = status === undefined ? undefined : cudaFailures[status];
  if (reason === undefined) return error;
  return new OrangeryError("DEVICE_UNAVAILABLE", reason, {
    cause: error,
    details: { cudaError: Number(status) },
  });
}

/** The `cudaError_t` values of a machine without a working card. */
const cudaFailures: Readonly<Record<string, string>> = {
  35: "NVIDIA's driver is too old for the CUDA of the provider (CUDA 13 takes 580 or newer)",
  100: "NVIDIA's driver shows no GPU",
  101: "NVIDIA's driver has no GPU of this number",
  803: "the NVIDIA driver's library and its kernel module are of two versions: restart the machine",
};

let checked: string | undefined;

/** Reads the version out of the file. The file states it as text between zero bytes. */
async function checkVersion(file: string): Promise<void> {
  const { version } = environment().library;
  // TensorRT's provider states none, and lies beside CUDA's, which it needs.
  if (checked === file || !existsSync(file)) return;
  const versions = await versionsIn(file, version);
  if (!versions.includes(version)) {
    const found = versions.length === 0 ? "another version" : versions.join(" or ");
    throw new OrangeryError(
      "PROVIDER_VERSION_MISMATCH",
      `Expected ${file} to be of ONNX Runtime ${version}, got ${found}. ` +
        `Take it from the package of ${version} (\`orangery devices add cuda\`).`,
      { details: { file, expected: version, versions } },
    );
  }
  checked = file;
}

const chunkBytes = 8 << 20;
/** The most bytes of a version and the zeros around it. */
const overlapBytes = 16;

/** Lists the versions that a file states, and no more of them once it has the wanted one. */
export async function versionsIn(file: string, wanted: string): Promise<string[]> {
  const found = new Set<string>();
  await using handle = await open(file);
  const buffer = Buffer.alloc(chunkBytes + overlapBytes);
  for (let position = 0; ; position += chunkBytes) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    const text = buffer.toString("latin1", 0, bytesRead);
    for (const [, version] of text.matchAll(/\0(1\.\d{1,2}\.\d{1,2})(?=\0)/g)) found.add(version!);
    if (found.has(wanted) || bytesRead < buffer.length) return [...found];
  }
}
