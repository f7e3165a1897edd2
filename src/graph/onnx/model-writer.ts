import { onnxDataTypes } from "../onnx-data-type.ts";
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  ValueInfo,
} from "../onnx-nodes.ts";
import { domainsOf } from "./domains.ts";
import { WireWriter } from "./wire-writer.ts";

/** Returns the bytes of an `.onnx` file. @throws `INVALID_ARGUMENT` from 2 GiB on */
export function serializeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  return writeModel(model).finish();
}

/** An ONNX model in two files. */
export interface SplitModel {
  /** The bytes of the `.onnx` file. */
  readonly model: Uint8Array<ArrayBuffer>;
  /** The contents of the weights file, in order: views of the arrays of the model. */
  readonly weights: readonly Uint8Array[];
}

/**
 * Writes a model whose weights are in a file beside it, which ONNX Runtime maps: reading them from
 * one file it has them in memory twice.
 *
 * @param weightsFile the name of that file, in the folder of the model
 */
export function serializeSplitModel(model: OnnxModel, weightsFile: string): SplitModel {
  const external = new ExternalWeights(weightsFile);
  const bytes = writeModel(model, external).finish();
  return { model: bytes, weights: external.parts };
}

/** Smaller ones stay in the model: shapes and axes are looked at before it is run. */
const leastExternalBytes = 4096;
/** A page of memory, at whose beginning a mapping begins. */
const pageBytes = 4096;

class ExternalWeights {
  readonly file: string;
  readonly parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(file: string) {
    this.file = file;
  }

  /** Adds weights from the next page on. @returns where they begin in the file */
  add(weights: Uint8Array): number {
    const offset = Math.ceil(this.#bytes / pageBytes) * pageBytes;
    if (offset > this.#bytes) this.parts.push(new Uint8Array(offset - this.#bytes));
    this.parts.push(weights);
    this.#bytes = offset + weights.length;
    return offset;
  }
}

/**
 * The numbers below are the field numbers of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
function writeModel(model: OnnxModel, external?: ExternalWeights): WireWriter {
  const wire = new WireWriter();
  wire.integer(1, model.irVersion);
  wire.text(2, model.producerName);
  wire.text(3, model.producerVersion);
  wire.message(7, (graph) => writeGraph(graph, model.graph, external));
  wire.message(8, (opset) => opset.integer(2, model.opsetVersion));
  for (const domain of domainsOf(model.graph)) {
    wire.message(8, (opset) => {
      opset.text(1, domain);
      opset.integer(2, 1);
    });
  }
  for (const [key, value] of model.metadata) {
    wire.message(14, (entry) => {
      entry.text(1, key);
      entry.text(2, value);
    });
  }
  return wire;
}

function writeGraph(wire: WireWriter, graph: OnnxGraph, external?: ExternalWeights): void {
  for (const node of graph.nodes) wire.message(1, (message) => writeNode(message, node));
  wire.text(2, graph.name);
  for (const tensor of graph.initializers)
    wire.message(5, (message) => writeTensor(message, tensor, external));
  for (const input of graph.inputs) wire.message(11, (message) => writeValueInfo(message, input));
  for (const output of graph.outputs)
    wire.message(12, (message) => writeValueInfo(message, output));
}

function writeNode(wire: WireWriter, node: OnnxNode): void {
  for (const input of node.inputs) wire.text(1, input);
  for (const output of node.outputs) wire.text(2, output);
  wire.text(3, node.name);
  wire.text(4, node.opType);
  for (const [name, attribute] of Object.entries(node.attributes)) {
    wire.message(5, (message) => writeAttribute(message, name, attribute));
  }
  if (node.domain !== undefined) wire.text(7, node.domain);
}

/** `AttributeProto.AttributeType`. */
const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
} as const satisfies Record<OnnxAttribute["type"], number>;

function writeAttribute(wire: WireWriter, name: string, attribute: OnnxAttribute): void {
  wire.text(1, name);
  switch (attribute.type) {
    case "float":
      wire.float(2, attribute.value);
      break;
    case "int":
      wire.integer(3, attribute.value);
      break;
    case "string":
      wire.text(4, attribute.value);
      break;
    case "tensor":
      wire.message(5, (tensor) => writeTensor(tensor, attribute.value));
      break;
    case "graph":
      wire.message(6, (graph) => writeGraph(graph, attribute.value));
      break;
    case "floats":
      for (const value of attribute.value) wire.float(7, value);
      break;
    case "ints":
      for (const value of attribute.value) wire.integer(8, value);
      break;
  }
  wire.integer(20, attributeTypes[attribute.type]);
}

function writeTensor(wire: WireWriter, tensor: OnnxTensor, external?: ExternalWeights): void {
  const { rawData } = tensor;
  for (const dim of tensor.dims) wire.integer(1, dim);
  wire.integer(2, onnxDataTypes.indexOf(tensor.elementType));
  wire.text(8, tensor.name);
  if (external === undefined || rawData.length < leastExternalBytes) {
    wire.bytes(9, rawData);
    return;
  }
  const [location, offset, length] = [external.file, external.add(rawData), rawData.length];
  for (const [key, value] of Object.entries({ location, offset, length })) {
    wire.message(13, (entry) => {
      entry.text(1, key);
      entry.text(2, `${value}`);
    });
  }
  wire.integer(14, isExternal);
}

/** `TensorProto.DataLocation`. */
const isExternal = 1;

function writeValueInfo(wire: WireWriter, value: ValueInfo): void {
  wire.text(1, value.name);
  wire.message(2, (type) => {
    type.message(1, (tensorType) => {
      tensorType.integer(1, onnxDataTypes.indexOf(value.elementType));
      tensorType.message(2, (shape) => {
        for (const dim of value.dims) shape.message(1, (message) => writeDim(message, dim));
      });
    });
  });
}

function writeDim(wire: WireWriter, dim: number | string): void {
  if (typeof dim === "number") wire.integer(1, dim);
  else wire.text(2, dim);
}
