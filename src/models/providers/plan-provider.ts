import { statSync } from "node:fs";
import { basename } from "node:path";
import { cacheVariable } from "../../base/files/cache-folder.ts";
import { OrangeryError } from "../../errors.ts";
import {
  type AddableProvider,
  addedFolder,
  providersVariable,
  readAdded,
} from "../../native/library/added-runtime.ts";
import { findLibrary } from "../../native/library/library.ts";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { type ProviderWheels, providerWheels, type Wheel } from "./provider-wheels.ts";
import { isUnpacked } from "./unpack-wheel.ts";

/** What is to be fetched so that a provider can be loaded. */
export interface ProviderPlan {
  readonly provider: AddableProvider;
  readonly folder: string;
  readonly runtimeVersion: string;
  /** The size of the runtime's file. */
  readonly runtimeBytes: number;
  readonly wheels: ProviderWheels;
  /** Those that are neither in the folder nor installed on the machine. */
  readonly missing: readonly Wheel[];
  /** Whether everything is in place. */
  readonly isComplete: boolean;
  /** To fetch, and then to keep on the disk. */
  readonly downloadBytes: number;
  readonly diskBytes: number;
}

/** The providers, as people know them. */
export const providerTitles: Readonly<Record<AddableProvider, string>> = {
  cuda: "CUDA",
  openvino: "OpenVINO",
};

export interface PlanOptions {
  /** Default: those that are known for the runtime and the platform. */
  readonly wheels?: ProviderWheels | undefined;
}

/**
 * Finds out what is missing for a provider.
 *
 * @throws `DEVICE_UNAVAILABLE` where none is known for this runtime or platform, `NOT_WRITABLE`
 *   without a cache folder
 */
export async function planProvider(
  provider: AddableProvider,
  options: PlanOptions = {},
): Promise<ProviderPlan> {
  const runtimeVersion = onnxRuntime.version;
  const wheels = options.wheels ?? providerWheels(provider, runtimeVersion);
  if (wheels === undefined) {
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected ${providerTitles[provider]} for ONNX Runtime ${runtimeVersion} on ` +
        `${process.platform}/${process.arch}, but none is known. See docs/gpu.md for how to ` +
        "name a library of your own (ORANGERY_ORT_LIBRARY, ORANGERY_EP_LIBRARY).",
      { details: { runtimeVersion, platform: process.platform, arch: process.arch } },
    );
  }
  const folder = addedFolder(provider);
  if (folder === undefined) {
    throw new OrangeryError(
      "NOT_WRITABLE",
      "Expected a cache folder for a provider's libraries, but this user has none. " +
        `Set ${cacheVariable} or ${providersVariable}.`,
    );
  }
  const added = readAdded(provider);
  const isOfThisVersion =
    added !== undefined &&
    (wheels.runtimeVersion === undefined || added.runtimeVersion === runtimeVersion);
  const missing: Wheel[] = [];
  for (const wheel of [wheels.provider, ...wheels.libraries]) {
    const isThere = await isUnpacked(wheel, folder);
    const isFit = wheel !== wheels.provider || added === undefined || isOfThisVersion;
    if (isThere && isFit) continue;
    if (wheel === wheels.provider || !isInstalled(wheel)) missing.push(wheel);
  }
  const runtimeBytes = statSync(findLibrary()).size;
  const isForFile = wheels.runtimeVersion === undefined || added?.runtimeBytes === runtimeBytes;
  return {
    provider,
    folder,
    runtimeVersion,
    runtimeBytes,
    wheels,
    missing,
    isComplete: missing.length === 0 && isOfThisVersion && isForFile,
    downloadBytes: sum(missing.map(({ bytes }) => bytes)),
    diskBytes: sum(missing.flatMap(({ members }) => members.map(({ bytes }) => bytes))),
  };
}

/** Whether the system finds all libraries of a wheel by itself. */
function isInstalled({ members }: Wheel): boolean {
  return members.every(({ path }) => canLoadLibrary(basename(path)));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
