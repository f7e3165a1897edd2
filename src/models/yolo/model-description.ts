import { readFile } from "node:fs/promises";
import { readYoloCheckpoint } from "../../checkpoint/yolo/yolo-checkpoint.ts";
import {
  type InitializerView,
  type OnnxSummary,
  readModel,
} from "../../graph/onnx/model-reader.ts";
import { elementCount } from "../../graph/onnx-tensor.ts";
import { complexityOf } from "../../graph/yolo/complexity.ts";
import {
  describeModelFile,
  identifyModelFile,
  type ModelFile,
  notAModel,
} from "../files/model-file.ts";
import { type Precision, proofKey, readYoloNetwork, type YoloTask } from "./network-signature.ts";

/** The contents of a model file, by its own account. What the file does not say is undefined. */
export interface ModelDescription {
  readonly file: ModelFile;
  readonly task: YoloTask;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** The input's [height, width] where nothing else is asked for. */
  readonly imageSizeHw: readonly [number, number];
  /** Whether it takes other sizes, too, which are multiples of `stride`. */
  readonly freeSize: boolean;
  readonly stride: number;
  /** Of the weights of an ONNX model. */
  readonly elementType: Precision | undefined;
  /** How a network in int8 was found to count as it does in float32, as JSON. */
  readonly proof: string | undefined;
  readonly description: string | undefined;
  /**
   * Of the network, as its configuration lists them, with the head. Ultralytics' summary counts the
   * modules inside them.
   */
  readonly layers: number | undefined;
  /** Operators of an ONNX graph. */
  readonly operators: number | undefined;
  /** Numbers that were learned, with batch norm folded into the convolutions. */
  readonly parameters: number | undefined;
  /** Additions and multiplications of the convolutions for one picture of `imageSizeHw`, in 10⁹. */
  readonly gflops: number | undefined;
  /** When it was trained or exported, as the file says. */
  readonly date: string | undefined;
  /** The version of Ultralytics that trained or exported it. */
  readonly ultralyticsVersion: string | undefined;
  /** Who exported an ONNX model. */
  readonly author: string | undefined;
  readonly license: string | undefined;
}

/**
 * Describes a model file by what it says of itself, without loading it.
 *
 * @param nameOrPath A checkpoint, an ONNX model, or the name of a sample model.
 * @throws `MODEL_NOT_FOUND`, `MODEL_NOT_ONNX`, `MODEL_NOT_YOLO`, and for a checkpoint
 *   what `readYoloCheckpoint` throws
 */
export async function describeModel(
  nameOrPath: string,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ModelDescription> {
  const file = await identifyModelFile(nameOrPath);
  return file.format === "checkpoint"
    ? await describeCheckpoint(file, signal)
    : await describeOnnx(file, signal);
}

async function describeCheckpoint(
  file: ModelFile,
  signal: AbortSignal | undefined,
): Promise<ModelDescription> {
  const { network, metadata, ...checkpoint } = await readYoloCheckpoint(file.path, { signal });
  const complexity = complexityOf(network, checkpoint.imageSizeHw);
  return {
    file,
    task: checkpoint.task,
    names: checkpoint.names,
    imageSizeHw: checkpoint.imageSizeHw,
    freeSize: true,
    stride: checkpoint.stride,
    elementType: undefined,
    proof: undefined,
    description: checkpoint.description,
    layers: complexity.layerCount,
    operators: undefined,
    parameters: complexity.parameterCount,
    gflops: complexity.gflops,
    date: metadata.date,
    ultralyticsVersion: metadata.version,
    author: undefined,
    license: metadata.license,
  };
}

async function describeOnnx(
  file: ModelFile,
  signal: AbortSignal | undefined,
): Promise<ModelDescription> {
  let model: OnnxSummary;
  try {
    model = readModel(await readFile(file.path, { signal }));
  } catch (cause) {
    signal?.throwIfAborted();
    throw notAModel(file, await describeModelFile(file), cause);
  }
  const { metadata } = model;
  const toInfo = ({ name, elementType, dims }: (typeof model.inputs)[number]) => ({
    name,
    elementType,
    shape: dims,
  });
  const network = readYoloNetwork(file.path, {
    inputs: model.inputs.map(toInfo),
    outputs: model.outputs.map(toInfo),
    metadata,
  });
  const learned = learnedTensors(model);
  return {
    file,
    task: network.task,
    names: network.names,
    imageSizeHw: network.defaultSizeHw,
    freeSize: network.fixedSizeHw === undefined,
    stride: network.stride,
    elementType: elementTypeOf(learned),
    proof: metadata.get(proofKey),
    description: metadata.get("description"),
    layers: undefined,
    operators: model.nodes.length,
    parameters: countElements(learned),
    gflops: undefined,
    date: metadata.get("date"),
    ultralyticsVersion: metadata.get("version"),
    author: metadata.get("author"),
    license: metadata.get("license"),
  };
}

/** Operators of which a network learns what they read besides its maps. */
const learning = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/** Other tensors are constants, such as anchor points. */
function learnedTensors({ nodes, initializers }: OnnxSummary): InitializerView[] {
  const learned = new Set(
    nodes.filter(({ opType }) => learning.has(opType)).flatMap(({ inputs }) => inputs),
  );
  return (
    initializers
      .filter(({ elementType }) => /^b?float|^int8$/.test(elementType))
      // Of four dimensions are also the scales of channels that YOLO12 multiplies with.
      .filter(({ name, dims }) => learned.has(name) || dims.length === 4)
  );
}

function countElements(tensors: readonly InitializerView[]): number {
  return tensors.reduce((sum, { dims }) => sum + elementCount(dims), 0);
}

/** The type of most numbers. */
function elementTypeOf(learned: readonly InitializerView[]): Precision {
  const isMostly = (type: Precision) => {
    const some = learned.filter(({ elementType }) => elementType === type);
    return 2 * countElements(some) > countElements(learned);
  };
  return (["int8", "float16"] as const).find(isMostly) ?? "float32";
}
