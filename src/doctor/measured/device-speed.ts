import { OrangeryError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { executionProvider, parseDevice } from "../../models/devices/device.ts";
import { proveDevice } from "../../models/devices/device-proof.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { DeviceSpeed } from "./measuring-messages.ts";

/** Convolutions of 3 × 3 after each other, as they make up most of a network. */
interface ConvolutionSize {
  readonly channels: number;
  readonly side: number;
  readonly layers: number;
}

/** 1.9 GFLOP, some 30 ms on two cores with AVX2; a GPU that is done at once gets 240 GFLOP. */
const small: ConvolutionSize = { channels: 64, side: 80, layers: 8 };
const large: ConvolutionSize = { channels: 256, side: 160, layers: 8 };
const tooShortMs = 10;

const runsMost = 9;
const runsForMs = 1_000;

/**
 * Proves a device by the convolution whose answer is known, and times larger ones.
 *
 * @throws what `proveDevice` throws
 */
export async function measureDevice(name: string): Promise<DeviceSpeed> {
  const device = parseDevice(name);
  await proveDevice(device, { runtime: onnxRuntime });
  const speed = await timeConvolutions(name, small);
  if (device.kind === "cpu" || speed.ms > tooShortMs) return speed;
  return await timeConvolutions(name, large);
}

async function timeConvolutions(name: string, size: ConvolutionSize): Promise<DeviceSpeed> {
  const device = parseDevice(name);
  const isCpu = device.kind === "cpu";
  await using session = await onnxRuntime.createSession(convolutions(size), {
    provider: executionProvider(device),
    config: isCpu ? {} : { "session.disable_cpu_ep_fallback": "1" },
  });
  using input = onnxRuntime.createTensor("float32", [1, 1, size.side, size.side]);
  input.data.fill(1);
  const times: number[] = [];
  const beganAtMs = performance.now();
  // The first run makes what later ones use.
  while (times.length < runsMost && performance.now() - beganAtMs < runsForMs + (times[0] ?? 0)) {
    const runAtMs = performance.now();
    const { y } = await session.run({ x: input });
    using output = y!;
    times.push(performance.now() - runAtMs);
    const value = (output.data as Float32Array)[0]!;
    // Ones stay ones, except at the edges, where fewer values are summed.
    if (value > 0.5 && value <= 1.001) continue;
    throw new OrangeryError(
      "DEVICE_UNAVAILABLE",
      `Expected ${name} to compute convolutions of ones, got ${value}.`,
    );
  }
  const later = times.length > 1 ? times.slice(1) : times;
  return { device: name, ms: median(later), gflop: gflopOf(size) };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}

/** Additions and multiplications, in 10⁹. */
function gflopOf({ channels, side, layers }: ConvolutionSize): number {
  return (2 * 9 * channels * side ** 2 * (1 + (layers - 1) * channels)) / 1e9;
}

/** From one channel to many, and to one number, so that copying takes no time. */
function convolutions({ channels, side, layers }: ConvolutionSize): Uint8Array {
  const graph = new GraphBuilder("device-speed");
  let value = graph.input("x", "float32", [1, 1, side, side]);
  const widen = ones(graph, "widen", [channels, 1]);
  const keep = ones(graph, "keep", [channels, channels]);
  for (let layer = 0; layer < layers; layer++) {
    value = graph.node("Conv", [value, layer === 0 ? widen : keep], { pads: [1, 1, 1, 1] });
  }
  const average = graph.node("GlobalAveragePool", [value]);
  graph.output("y", average, "float32", [1, channels, 1, 1]);
  return serializeModel(graph.toModel());
}

function ones(graph: GraphBuilder, name: string, [outputs, inputs]: [number, number]) {
  const values = new Float32Array(outputs * inputs * 9).fill(1 / (9 * inputs));
  return graph.weights(name, [outputs, inputs, 3, 3], values);
}
