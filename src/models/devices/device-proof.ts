import { OrangeryError } from "../../errors.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime } from "../../native/runtime.ts";
import { type Device, executionProvider } from "./device.ts";
import { whyMissing } from "./device-survey.ts";

/**
 * Proves a device by a run: a small convolution with a known result and CPU fallback disabled. A
 * library may claim to support what does not work on this machine.
 *
 * @param chosenBy `name` for a device that was asked for, `auto` for a candidate
 * @throws what the runtime throws, or `DEVICE_UNAVAILABLE` for a wrong answer
 */
export async function proveDevice(
  device: Device,
  { runtime, chosenBy = "name" }: { runtime: Runtime; chosenBy?: "name" | "auto" },
): Promise<void> {
  if (device.kind === "cpu") return;
  const reason = runtime === onnxRuntime ? whyMissing(device, chosenBy) : undefined;
  if (reason !== undefined) throw new OrangeryError("DEVICE_UNAVAILABLE", reason);
  await using session = await runtime.createSession(proofModel(), {
    provider: executionProvider(device),
    config: { "session.disable_cpu_ep_fallback": "1" },
  });
  using input = runtime.createTensor("float32", [1, 1, side, side]);
  input.data.set(Array.from({ length: side * side }, (_, index) => index));
  const { y } = await session.run({ x: input });
  using output = y!;
  // Not `> 0.5`, which is false for NaN.
  const wrong = [...(output.data as Float32Array)].findIndex(
    (value, index) => !(Math.abs(value - neighbourhoodSum(index)) <= 0.5),
  );
  if (wrong < 0) return;
  throw new OrangeryError(
    "DEVICE_UNAVAILABLE",
    `Expected ${device.label} to compute a convolution, got ${output.data[wrong]} ` +
      `for ${neighbourhoodSum(wrong)}.`,
  );
}

const side = 8;

/** A 3 × 3 convolution of ones with zero padding: the sum of each element's neighbourhood. */
function proofModel(): Uint8Array {
  const graph = new GraphBuilder("device-proof");
  const x = graph.input("x", "float32", [1, 1, side, side]);
  const ones = graph.floats(Array(9).fill(1), [1, 1, 3, 3]);
  const sum = graph.node("Conv", [x, ones], { pads: [1, 1, 1, 1] });
  graph.output("y", sum, "float32", [1, 1, side, side]);
  return serializeModel(graph.toModel());
}

/** The result of the proof's convolution for the input 0, 1, 2, … */
function neighbourhoodSum(index: number): number {
  const [row, column] = [Math.floor(index / side), index % side];
  let sum = 0;
  for (let y = Math.max(0, row - 1); y <= Math.min(side - 1, row + 1); y++) {
    for (let x = Math.max(0, column - 1); x <= Math.min(side - 1, column + 1); x++) {
      sum += y * side + x;
    }
  }
  return sum;
}
