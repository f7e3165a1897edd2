import { describeFile } from "../../base/files/file-kind.ts";
import { OrangeryError } from "../../errors.ts";
import { type OnnxDataType, onnxDataTypes } from "../onnx-data-type.ts";
import type { ValueInfo } from "../onnx-nodes.ts";
import { WireMessage } from "./wire-message.ts";

/** The contents of an `.onnx` file, without its nodes' attributes. */
export interface OnnxSummary {
  readonly irVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  /** Operator set versions by domain; "" is ONNX itself. */
  readonly opsetVersions: ReadonlyMap<string, number>;
  /** `metadata_props`, in the order of the file. */
  readonly metadata: ReadonlyMap<string, string>;
  /** The inputs of a run, without the initializers that old files list among them. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly NodeView[];
  readonly initializers: readonly InitializerView[];
}

export interface NodeView {
  readonly opType: string;
  /** Names of values and initializers; "" for an optional one that is left out. */
  readonly inputs: readonly string[];
}

export interface InitializerView {
  readonly name: string;
  readonly elementType: OnnxDataType;
  readonly dims: readonly number[];
  /**
   * The elements, little-endian: a view of the bytes that were read, at any alignment. Undefined
   * where they are in typed fields, as small constants are, or in another file.
   */
  readonly rawData: Uint8Array | undefined;
}

/**
 * Reads an `.onnx` file, without its nodes' attributes and without copying its weights.
 *
 * @throws `MODEL_NOT_ONNX` for anything else, saying what it is
 */
export function readModel(bytes: Uint8Array): OnnxSummary {
  try {
    // A plain view: the `slice` of a Buffer does not copy, unlike that of a Uint8Array.
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return readSummary(new WireMessage(view));
  } catch (cause) {
    throw new OrangeryError(
      "MODEL_NOT_ONNX",
      `Expected an ONNX model, got ${describeFile(bytes)} (${(cause as Error).message}).`,
      { cause, details: { byteLength: bytes.length } },
    );
  }
}

/** The numbers are the field numbers of onnx.proto, as in `serializeModel`. */
function readSummary(model: WireMessage): OnnxSummary {
  if (model.integer(1) < 1) throw new Error("it states no ONNX version");
  if (!model.has(7)) throw new Error("it has no graph or was cut off before it");
  if (!model.has(8)) throw new Error("it states no operator set or was cut off before it");
  const graph = model.message(7);
  if (!graph.has(12)) throw new Error("its graph has no outputs");

  const initializers = graph.messages(5).map(readTensor);
  const initialized = new Set(initializers.map((tensor) => tensor.name));
  return {
    irVersion: model.integer(1),
    producerName: model.text(2),
    producerVersion: model.text(3),
    opsetVersions: new Map(model.messages(8).map((opset) => [opset.text(1), opset.integer(2)])),
    metadata: new Map(model.messages(14).map((entry) => [entry.text(1), entry.text(2)])),
    inputs: graph
      .messages(11)
      .map(readValueInfo)
      .filter((input) => !initialized.has(input.name)),
    outputs: graph.messages(12).map(readValueInfo),
    nodes: graph.messages(1).map((node) => ({ opType: node.text(4), inputs: node.texts(1) })),
    initializers,
  };
}

function readTensor(tensor: WireMessage): InitializerView {
  return {
    name: tensor.text(8),
    elementType: elementType(tensor.integer(2)),
    dims: tensor.integers(1),
    rawData: tensor.bytes(9),
  };
}

export function readValueInfo(value: WireMessage): ValueInfo {
  const tensorType = value.message(2).message(1);
  return {
    name: value.text(1),
    elementType: elementType(tensorType.integer(1)),
    dims: tensorType.message(2).messages(1).map(readDim),
  };
}

function readDim(dim: WireMessage): number | string {
  return dim.has(1) && dim.integer(1) >= 0 ? dim.integer(1) : dim.text(2) || "?";
}

function elementType(code: number): OnnxDataType {
  return onnxDataTypes[code] ?? "undefined";
}
