import type { RangeMethod, ValueRange } from "../../graph/quantize/calibration.ts";
import { type Calibration, createCalibration } from "../../graph/quantize/calibration.ts";
import { rangesOutput } from "../../graph/quantize/observe-model.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { RunOptions, Session, Tensor } from "../../native/runtime.ts";
import { processTurns } from "../../native/turns/process-turns.ts";
import { cpu } from "../devices/device.ts";
import { buildNetwork } from "../files/built-network.ts";
import { type ModelFile, requireUnchanged } from "../files/model-file.ts";
import { ModelRuns } from "../runs/model-runs.ts";
import { readYoloNetwork } from "../yolo/network-signature.ts";
import { proveNetwork } from "../yolo/prove-network.ts";
import { YoloModel } from "../yolo/yolo-model.ts";

/** A model in float32 that remembers the ranges of its network's values on all that it predicts. */
export interface ObservedYoloModel extends AsyncDisposable {
  readonly model: YoloModel;
  /** How many predictions the ranges are of. */
  readonly runs: number;
  /** Makes a calibration of all predictions so far, one at least. */
  calibration(method: RangeMethod): Calibration;
}

/**
 * Loads a model on the CPU, to be calibrated. It takes a third longer than the model itself.
 *
 * @throws `MODEL_NOT_ONNX`, `MODEL_NOT_YOLO`, `MODEL_NOT_QUANTIZABLE`, `MODEL_LOAD_FAILED`,
 *   `ORT_FAILED`, and what `readYoloCheckpoint` throws
 */
export async function openObservedModel(
  file: ModelFile,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ObservedYoloModel> {
  const { bytes, values } = await buildNetwork(file, {
    imageSize: "dynamic",
    batch: "dynamic",
    change: { kind: "observed" },
    signal,
  });
  await requireUnchanged(file);
  // Not optimised: its values are observed, so operators cannot be fused. YOLO11m loads in 3.9 s of
  // CPU time instead of 10, and runs in 1.0 instead of 1.2.
  const observed = await onnxRuntime.createSession(bytes, { unoptimized: true, signal });
  const session = new ObservingSession(observed, values);
  try {
    const runtime = onnxRuntime;
    let network = readYoloNetwork(file.path, session);
    if (!network.isCertain) {
      const how = { file: file.path, device: cpu, runtime, network, signal };
      network = await proveNetwork(session, how);
    }
    session.forget();
    const runs = new ModelRuns({ session, device: cpu, turns: await processTurns(cpu.label) });
    const model = new YoloModel({ runtime, runs, network, file, device: cpu });
    return {
      model,
      get runs() {
        return session.runs;
      },
      calibration: (method) =>
        createCalibration({ method, model: file.sha256, ranges: session.ranges(method) }),
      [Symbol.asyncDispose]: () => model[Symbol.asyncDispose](),
    };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The session of an observed network: it looks like the network's own, and keeps the ranges. */
class ObservingSession implements Session {
  readonly #session: Session;
  readonly #values: readonly string[];
  /** Of each value: the least and the greatest element, and both bounds. */
  readonly #ranges: Float32Array;

  constructor(session: Session, values: readonly string[]) {
    this.#session = session;
    this.#values = values;
    this.#ranges = new Float32Array(4 * values.length);
    this.forget();
  }

  get inputs() {
    return this.#session.inputs;
  }

  get outputs() {
    return this.#session.outputs.filter(({ name }) => name !== rangesOutput);
  }

  get metadata() {
    return this.#session.metadata;
  }

  get disposed() {
    return this.#session.disposed;
  }

  runs = 0;

  forget(): void {
    this.runs = 0;
    for (let at = 0; at < this.#ranges.length; at += 2) {
      this.#ranges.set([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY], at);
    }
  }

  ranges(method: RangeMethod): ReadonlyMap<string, ValueRange> {
    const first = method === "extremes" ? 0 : 2;
    return new Map(
      this.#values.map((value, index) => {
        const at = 4 * index + first;
        return [value, [this.#ranges[at]!, this.#ranges[at + 1]!]];
      }),
    );
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    options?: RunOptions,
  ): Promise<Record<string, Tensor>> {
    const { [rangesOutput]: ranges, ...outputs } = await this.#session.run(inputs, options);
    this.#widen(ranges!.data as Float32Array);
    ranges![Symbol.dispose]();
    return outputs;
  }

  #widen(seen: Float32Array): void {
    this.runs++;
    for (let at = 0; at < seen.length; at += 2) {
      this.#ranges[at] = Math.min(this.#ranges[at]!, seen[at]!);
      this.#ranges[at + 1] = Math.max(this.#ranges[at + 1]!, seen[at + 1]!);
    }
  }

  async trimMemory(arenas: string): Promise<void> {
    await this.#session.trimMemory(arenas);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }
}
