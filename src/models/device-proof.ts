import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { OrangeryError } from "../errors.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { serializeModel } from "../graph/model-writer.ts";
import { environment } from "../native/environment.ts";
import { canLoadLibrary } from "../native/load-library.ts";
import { onnxRuntime } from "../native/onnx-runtime.ts";
import type { Runtime } from "../native/runtime.ts";
import { type Device, executionProvider } from "./device.ts";

/**
 * Proves a device by a run: a small convolution whose answer is known, with the CPU forbidden as a
 * stand-in. What a library claims to support says nothing about what works on this machine.
 *
 * @throws What the runtime threw, or `DEVICE_UNAVAILABLE` for a wrong answer.
 */
export async function proveDevice(
  device: Device,
  { runtime }: { runtime: Runtime },
): Promise<void> {
  if (device.kind === "cpu") return;
  const reason = runtime === onnxRuntime ? whyMissing(device) : undefined;
  if (reason !== undefined) throw new OrangeryError("DEVICE_UNAVAILABLE", reason);
  await using session = await runtime.createSession(proofModel(), {
    provider: executionProvider(device),
    config: { "session.disable_cpu_ep_fallback": "1" },
  });
  using input = runtime.createTensor("float32", [1, 1, SIDE, SIDE]);
  input.data.set(Array.from({ length: SIDE * SIDE }, (_, index) => index));
  const { y } = await session.run({ x: input });
  using output = y!;
  // Not `> 0.5`, which NaN would pass.
  const wrong = [...(output.data as Float32Array)].findIndex(
    (value, index) => !(Math.abs(value - neighbourhoodSum(index)) <= 0.5),
  );
  if (wrong < 0) return;
  throw new OrangeryError(
    "DEVICE_UNAVAILABLE",
    `Expected ${device.label} to compute a convolution, got ${output.data[wrong]} for ${neighbourhoodSum(wrong)}.`,
  );
}

const SIDE = 8;

/** A 3 × 3 convolution of ones with zero padding: the sum of each element's neighbourhood. */
function proofModel(): Uint8Array {
  const graph = new GraphBuilder("device-proof");
  const x = graph.input("x", "float32", [1, 1, SIDE, SIDE]);
  const ones = graph.floats(Array(9).fill(1), [1, 1, 3, 3]);
  const sum = graph.node("Conv", [x, ones], { pads: [1, 1, 1, 1] });
  graph.output("y", sum, "float32", [1, 1, SIDE, SIDE]);
  return serializeModel(graph.toModel());
}

/** What the proof's convolution gives for the input 0, 1, 2, … */
function neighbourhoodSum(index: number): number {
  const [row, column] = [Math.floor(index / SIDE), index % SIDE];
  let sum = 0;
  for (let y = Math.max(0, row - 1); y <= Math.min(SIDE - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(SIDE - 1, column + 1); x++) {
      sum += y * SIDE + x;
    }
  }
  return sum;
}

/**
 * What ONNX Runtime plainly lacks here, in words that help more than what the library would say.
 * Finding nothing missing proves nothing.
 */
function whyMissing({ kind, index, label }: Device): string | undefined {
  if (kind === "cuda" || kind === "tensorrt") {
    const visible = process.env.CUDA_VISIBLE_DEVICES;
    const count = visible === undefined ? undefined : visibleDevices(visible);
    if (count !== undefined && index >= count) {
      return `CUDA_VISIBLE_DEVICES is \`${visible}\`, which leaves ${count} devices, so there is no ${label}`;
    }
    const { file } = environment().library;
    const provider = providerLibrary(kind);
    if (!existsSync(join(dirname(file), provider))) {
      return `this ONNX Runtime has no ${kind} provider (${provider} is missing)`;
    }
  }
  // Without its loader, Vulkan's absence would be printed to stderr by the library.
  if (kind === "webgpu" && process.platform === "linux" && !canLoadLibrary("libvulkan.so.1")) {
    return "there is no Vulkan driver (libvulkan.so.1)";
  }
  return undefined;
}

/** CUDA takes the list up to the first entry that is not a device. */
function visibleDevices(list: string): number {
  const entries = list.split(",").map((entry) => entry.trim());
  const end = entries.findIndex((entry) => entry === "" || entry.startsWith("-"));
  return end < 0 ? entries.length : end;
}

function providerLibrary(kind: "cuda" | "tensorrt"): string {
  if (process.platform === "win32") return `onnxruntime_providers_${kind}.dll`;
  return `libonnxruntime_providers_${kind}.so`;
}
