import { readdirSync } from "node:fs";
import { join } from "node:path";
import { cudaEntries } from "../../native/gpu/cuda-visible-devices.ts";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { whyNoBridge } from "../../native/providers/cuda-provider.ts";
import { pluginLibraries } from "../../native/providers/plugins.ts";
import type { Device } from "./device.ts";

/**
 * Names what ONNX Runtime obviously lacks here, more helpfully than the library itself. Finding
 * nothing missing proves nothing.
 */
export function whyMissing(
  { kind, index, label }: Device,
  chosenBy: "name" | "auto" = "name",
): string | undefined {
  if (kind === "cuda" || kind === "tensorrt") {
    const visible = process.env.CUDA_VISIBLE_DEVICES;
    const count = visible === undefined ? undefined : cudaEntries(visible).length;
    if (count !== undefined && index >= count) {
      return (
        `CUDA_VISIBLE_DEVICES is \`${visible}\`, which leaves ${count} devices, ` +
        `so there is no ${label}`
      );
    }
    // A plugin may take the place of CUDA's provider.
    if (kind === "tensorrt" || pluginLibraries().length === 0) return whyNoBridge(kind);
  }
  // Checked first: without Vulkan's loader the library would print to stderr.
  if (kind === "webgpu" && process.platform === "linux" && !canLoadLibrary("libvulkan.so.1")) {
    return "there is no Vulkan driver (libvulkan.so.1)";
  }
  if (kind === "webgpu" && chosenBy === "auto" && process.platform === "linux" && !hasGpuNode()) {
    return "there is a Vulkan driver but no GPU, so it would compute on the CPU, slowly";
  }
  return undefined;
}

/** Whether this machine may have a GPU: false only where the system would show it and does not. */
export function mayHaveGpu(): boolean {
  return process.platform !== "linux" || hasGpuNode();
}

/**
 * Whether Linux shows a GPU: a render node, NVIDIA's own nodes, or Windows' GPU in WSL. Vulkan
 * drivers in software (llvmpipe, SwiftShader) pass every proof and take 500 times as long as the
 * CPU: 10 s against 20 ms for a YOLO11n at 320 × 320.
 */
export function hasGpuNode(devices = "/dev"): boolean {
  return (
    namesIn(devices).some((name) => /^(nvidia\d+|dxg)$/.test(name)) ||
    namesIn(join(devices, "dri")).some((name) => name.startsWith("renderD"))
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
