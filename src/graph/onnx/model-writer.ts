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

/**
 * Returns the bytes of an `.onnx` file in parts, of which the large ones are the model's weights
 * themselves. @throws `INVALID_ARGUMENT` from 2 GiB on
 */
export function serializeModelInParts(model: OnnxModel): readonly Uint8Array[] {
  return writeModel(model).parts();
}

/**
 * The numbers below are the field numbers of onnx.proto
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */
function writeModel(model: OnnxModel): WireWriter {
  const wire = new WireWriter();
  wire.integer(1, model.irVersion);
  wire.text(2, model.producerName);
  wire.text(3, model.producerVersion);
  wire.message(7, (graph) => writeGraph(graph, model.graph));
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

function writeGraph(wire: WireWriter, graph: OnnxGraph): void {
  for (const node of graph.nodes) wire.message(1, (message) => writeNode(message, node));
  wire.text(2, graph.name);
  for (const tensor of graph.initializers)
    wire.message(5, (message) => writeTensor(message, tensor));
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

function writeTensor(wire: WireWriter, tensor: OnnxTensor): void {
  for (const dim of tensor.dims) wire.integer(1, dim);
  wire.integer(2, onnxDataTypes.indexOf(tensor.elementType));
  wire.text(8, tensor.name);
  wire.bytes(9, tensor.rawData);
}

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
