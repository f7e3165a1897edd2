import { describeFile } from "../../base/files/file-kind.ts";
import { OrangeryError } from "../../errors.ts";
import { type OnnxDataType, onnxDataTypes } from "../onnx-data-type.ts";
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { domainsOf } from "./domains.ts";
import { readValueInfo } from "./model-reader.ts";
import { WireMessage } from "./wire-message.ts";

/** What a model may have besides ONNX's own operators. */
export interface ReadWholeModelOptions {
  /** Operators of other domains, of their first version. Default false. */
  readonly otherDomains?: boolean;
}

/**
 * Reads an `.onnx` file with everything that its graph computes, so that it can be changed and
 * written again. Weights are views of the bytes, where the file has them as raw data.
 *
 * @throws `MODEL_NOT_ONNX`, and where the file has parts that are not read (weights in files beside
 *   it, operators of other domains, functions), naming them
 */
export function readWholeModel(
  bytes: Uint8Array,
  { otherDomains = false }: ReadWholeModelOptions = {},
): OnnxModel {
  try {
    const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const model = readParts(new WireMessage(view));
    const [other] = otherDomains ? [] : domainsOf(model.graph);
    if (other !== undefined) throw new Error(`it has operators of ${other}`);
    return model;
  } catch (cause) {
    throw new OrangeryError(
      "MODEL_NOT_ONNX",
      "Expected an ONNX model of standard operators with its weights in one file, " +
        `got ${describeFile(bytes)} (${(cause as Error).message}). ` +
        "Give the .pt that was trained, or a whole export of it, as `yolo export format=onnx` " +
        "writes it.",
      { cause, details: { byteLength: bytes.length } },
    );
  }
}

/** The numbers are the field numbers of onnx.proto, as in `serializeModel`. */
function readParts(model: WireMessage): OnnxModel {
  if (!model.has(7) || !model.has(8)) throw new Error("it has no graph or was cut off before it");
  if (model.has(25)) throw new Error("it defines functions of its own");
  const opset = model.messages(8).find((each) => each.text(1) === "");
  if (opset === undefined) throw new Error("it states no set of standard operators");
  return {
    irVersion: model.integer(1),
    opsetVersion: opset.integer(2),
    producerName: model.text(2),
    producerVersion: model.text(3),
    graph: readGraph(model.message(7)),
    metadata: new Map(model.messages(14).map((entry) => [entry.text(1), entry.text(2)])),
  };
}

function readGraph(graph: WireMessage): OnnxGraph {
  const all = graph.messages(1).map(readNode);
  const constants = all.flatMap((node) => constantOf(node) ?? []);
  const initializers = [...graph.messages(5).map(readTensor), ...constants];
  const initialized = new Set(initializers.map(({ name }) => name));
  return {
    name: graph.text(2),
    nodes: all.filter((node) => constantOf(node) === undefined),
    initializers,
    inputs: graph
      .messages(11)
      .map(readValueInfo)
      .filter(({ name }) => !initialized.has(name)),
    outputs: graph.messages(12).map(readValueInfo),
  };
}

/** Some writers have weights as nodes, which are the same as initializers. */
function constantOf({ opType, outputs, attributes }: OnnxNode): OnnxTensor | undefined {
  const { value } = attributes;
  if (opType !== "Constant" || value?.type !== "tensor") return undefined;
  return { ...value.value, name: outputs[0] ?? "" };
}

function readNode(node: WireMessage): OnnxNode {
  const domain = node.text(7);
  const isOwn = domain === "" || domain === "ai.onnx";
  return {
    name: node.text(3),
    opType: node.text(4),
    ...(!isOwn && { domain }),
    inputs: node.texts(1),
    outputs: node.texts(2),
    attributes: Object.fromEntries(
      node.messages(5).map((attribute) => [attribute.text(1), readAttribute(attribute)]),
    ),
  };
}

function readAttribute(attribute: WireMessage): OnnxAttribute {
  switch (attribute.integer(20)) {
    case 1:
      return { type: "float", value: attribute.floats(2).at(-1) ?? 0 };
    case 2:
      return { type: "int", value: attribute.integer(3) };
    case 3:
      return { type: "string", value: attribute.text(4) };
    case 4:
      return { type: "tensor", value: readTensor(attribute.message(5)) };
    case 5:
      return { type: "graph", value: readGraph(attribute.message(6)) };
    case 6:
      return { type: "floats", value: attribute.floats(7) };
    case 7:
      return { type: "ints", value: attribute.integers(8) };
    default:
      throw new Error(`the attribute ${attribute.text(1)} has an unusual type`);
  }
}

function readTensor(tensor: WireMessage): OnnxTensor {
  const name = tensor.text(8);
  if (tensor.integer(14) !== 0) throw new Error(`the tensor ${name} lies in another file`);
  const elementType = onnxDataTypes[tensor.integer(2)] ?? "undefined";
  const rawData = tensor.bytes(9) ?? typedData(tensor, elementType);
  return { name, elementType, dims: tensor.integers(1), rawData };
}

/** The elements of small tensors, which some writers put into fields by their type. */
function typedData(tensor: WireMessage, elementType: OnnxDataType): Uint8Array {
  const elements = typedElements(tensor, elementType);
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}

function typedElements(tensor: WireMessage, elementType: OnnxDataType): ArrayBufferView {
  switch (elementType) {
    case "float32":
      return Float32Array.from(tensor.floats(4));
    case "int64":
      return BigInt64Array.from(tensor.integers(7), BigInt);
    case "int32":
      return Int32Array.from(tensor.integers(5));
    case "uint8":
    case "int8":
    case "bool":
      return Uint8Array.from(tensor.integers(5));
    case "float16":
      return Uint16Array.from(tensor.integers(5));
    default:
      throw new Error(`the tensor ${tensor.text(8)} is of ${elementType}`);
  }
}
