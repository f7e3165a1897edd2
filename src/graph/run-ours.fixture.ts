import { onnxRuntime } from "../native/onnx-runtime.ts";
import { serializeModel } from "./onnx/model-writer.ts";
import type { OnnxModel } from "./onnx-nodes.ts";
import type { Floats, RunInput } from "./run-model.fixture.ts";

/** Runs a network of one input and one output with operators of `native/kernels/`. */
export async function runOurs(
  model: OnnxModel,
  { data, dims }: RunInput,
  onOpen: () => void = () => {},
): Promise<Floats> {
  const how = { unoptimized: true, kernels: true, intraOpThreads: 2 };
  await using session = await onnxRuntime.createSession(serializeModel(model), how);
  onOpen();
  using input = onnxRuntime.createTensor("uint8", dims);
  input.data.set(data);
  const [output] = Object.values(await session.run({ [session.inputs[0]!.name]: input }));
  using held = output!;
  return { data: (held.data as Float32Array).slice(), dims: held.shape };
}
