import { InferenceSession, Tensor } from "onnxruntime-node";
import { serializeModel } from "./onnx/model-writer.ts";
import type { OnnxModel } from "./onnx-nodes.ts";

export interface Floats {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** The input of a run. */
export interface RunInput {
  readonly data: Float32Array | Uint8Array;
  readonly dims: readonly number[];
}

/** A model of float32 or uint8 inputs in ONNX Runtime's own binding, which is enough for tests. */
export class RunnableModel implements AsyncDisposable {
  readonly #session: InferenceSession;

  private constructor(session: InferenceSession) {
    this.#session = session;
  }

  static async open(model: OnnxModel | Uint8Array): Promise<RunnableModel> {
    const bytes = model instanceof Uint8Array ? model : serializeModel(model);
    const options = { logSeverityLevel: 3, intraOpNumThreads: 1 } as const;
    return new RunnableModel(await InferenceSession.create(bytes, options));
  }

  async run(inputs: Readonly<Record<string, RunInput>>): Promise<Record<string, Floats>> {
    const feeds = Object.entries(inputs).map(([name, { data, dims }]) => [
      name,
      data instanceof Uint8Array
        ? new Tensor("uint8", data, dims)
        : new Tensor("float32", data, dims),
    ]);
    const outputs = await this.#session.run(Object.fromEntries(feeds));
    return Object.fromEntries(
      Object.entries(outputs).map(([name, { data, dims }]) => [
        name,
        { data: data as Float32Array, dims },
      ]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.release();
  }
}

/** Runs a model once. */
export async function runModel(
  model: OnnxModel | Uint8Array,
  inputs: Readonly<Record<string, RunInput>>,
): Promise<Record<string, Floats>> {
  await using runnable = await RunnableModel.open(model);
  return await runnable.run(inputs);
}
