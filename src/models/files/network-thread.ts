/**
 * The thread that `buildNetwork` starts: it reads one model file, answers with the bytes of its
 * ONNX model, and ends; the memory that it took goes with it.
 */
import { readFile } from "node:fs/promises";
import { parentPort, workerData } from "node:worker_threads";
import { isOrangeryError } from "../../errors.ts";
import { suitCpu } from "../../graph/cpu/suit-cpu.ts";
import { halveModel } from "../../graph/half/halve-model.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import type { OnnxModel } from "../../graph/onnx-nodes.ts";
import { rangesOf } from "../../graph/quantize/calibration.ts";
import { leaveSiluInFloat } from "../../graph/quantize/float-silu.ts";
import { observeModel } from "../../graph/quantize/observe-model.ts";
import { quantizeModel } from "../../graph/quantize/quantize-model.ts";
import { requireQuantizable } from "../../graph/quantize/quantized-values.ts";
import { moveToDevice, precisionKey } from "../../graph/yolo/device-network.ts";
import type { NetworkAnswer, NetworkChange, NetworkRequest } from "./built-network.ts";
import { buildCheckpointModel } from "./checkpoint-model.ts";

const answer = (value: NetworkAnswer, transfer: ArrayBuffer[] = []) =>
  parentPort!.postMessage(value, transfer);
try {
  const { model, values } = await build(workerData as NetworkRequest);
  const bytes = serializeModel(model);
  const inputShape = model.graph.inputs[0]!.dims;
  answer({ bytes, inputShape, values, isQuantized: isQuantized(model) }, [bytes.buffer]);
} catch (error) {
  if (!isOrangeryError(error)) throw error;
  const { code, message, details } = error;
  answer({ error: { code, message, details } });
}

async function build({ file: { path, format }, options }: NetworkRequest) {
  const { change, target, ...checkpointOptions } = options;
  const model =
    format === "checkpoint"
      ? await buildCheckpointModel(path, checkpointOptions)
      : readWholeModel(await readFile(path));
  const built = change === undefined ? { model, values: [] } : changed(model, change);
  const isInt8 = built.model.metadata.get(precisionKey) === "int8";
  if (target === "gpu" && format === "checkpoint") {
    return { ...built, model: moveToDevice(built.model) };
  }
  if (target === "openvino" && isInt8) return { ...built, model: leaveSiluInFloat(built.model) };
  // Without its shapes a network in int8 stays in the slower of two layouts: 190 ms for 145.
  if (target === "cpu" && change === undefined && !isQuantized(built.model)) {
    return { ...built, model: suitCpu(built.model) };
  }
  return built;
}

function isQuantized({ graph }: OnnxModel): boolean {
  return graph.nodes.some(({ opType }) => opType === "QuantizeLinear");
}

function changed(
  model: OnnxModel,
  change: NetworkChange,
): { readonly model: OnnxModel; readonly values: readonly string[] } {
  if (change.kind === "observed") {
    requireQuantizable(model);
    return observeModel(model);
  }
  const { metadata = {} } = change;
  const all = new Map([...model.metadata, ...Object.entries(metadata)]);
  return { model: { ...inFewerBits(model, change), metadata: all }, values: [] };
}

function inFewerBits(
  model: OnnxModel,
  change: Exclude<NetworkChange, { readonly kind: "observed" }>,
): OnnxModel {
  const { input } = change;
  if (change.kind === "halved") return halveModel(model, { input });
  requireQuantizable(model);
  return quantizeModel(model, { ranges: rangesOf(change.calibration, model), input });
}
