import { InferenceSession, Tensor } from "onnxruntime-node";
import { serializeModel } from "./onnx/model-writer.ts";
import type { OnnxModel } from "./onnx-nodes.ts";

export interface Floats {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Runs a model on float32 inputs, in ONNX Runtime's own binding, which is enough for tests. */
export async function runModel(
  model: OnnxModel | Uint8Array,
  inputs: Readonly<Record<string, Floats>>,
): Promise<Record<string, Floats>> {
  const bytes = model instanceof Uint8Array ? model : serializeModel(model);
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  try {
    const feeds = Object.entries(inputs).map(([name, { data, dims }]) => [
      name,
      new Tensor("float32", data, dims),
    ]);
    const outputs = await session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data, dims }]) => [
        name,
        { data: data as Float32Array, dims },
      ]),
    );
  } finally {
    await session.release();
  }
}
