import { type OnnxDataType, onnxDataTypes } from "../onnx-data-type.ts";
import type { OnnxGraph, OnnxNode } from "../onnx-nodes.ts";

/** The types of an operator's outputs, in order; of further ones the last. */
type OutputTypes = (
  node: OnnxNode,
  typeOf: (input: number) => OnnxDataType,
) => readonly OnnxDataType[];

const bool: OutputTypes = () => ["bool"];
const int64: OutputTypes = () => ["int64"];
const withIndices: OutputTypes = (_, typeOf) => [typeOf(0), "int64"];

/** Those of all other operators are of the first input's type. */
const outputTypes: { readonly [opType in string]?: OutputTypes } = {
  And: bool,
  Equal: bool,
  Greater: bool,
  GreaterOrEqual: bool,
  IsInf: bool,
  IsNaN: bool,
  Less: bool,
  LessOrEqual: bool,
  Not: bool,
  Or: bool,
  Xor: bool,
  ArgMax: int64,
  ArgMin: int64,
  NonMaxSuppression: int64,
  NonZero: int64,
  Shape: int64,
  Size: int64,
  MaxPool: withIndices,
  TopK: withIndices,
  Unique: withIndices,
  Cast: ({ attributes: { to } }) => [
    onnxDataTypes[to?.type === "int" ? to.value : 0] ?? "undefined",
  ],
  CastLike: (_, typeOf) => [typeOf(1)],
  Where: (_, typeOf) => [typeOf(1)],
  OneHot: (_, typeOf) => [typeOf(2)],
  ConstantOfShape: ({ attributes: { value } }) => [
    value?.type === "tensor" ? value.value.elementType : "float32",
  ],
  Constant: ({ attributes }) => [constantType(attributes)],
};

/** Finds the type of each value of a graph. */
export function valueTypes(graph: OnnxGraph): ReadonlyMap<string, OnnxDataType> {
  const types = new Map(
    [...graph.inputs, ...graph.initializers].map(({ name, elementType }) => [name, elementType]),
  );
  for (const node of graph.nodes) {
    const typeOf = (input: number) => types.get(node.inputs[input] ?? "") ?? "undefined";
    const found = outputTypes[node.opType]?.(node, typeOf) ?? [typeOf(0)];
    for (const [i, output] of node.outputs.entries()) {
      types.set(output, found[Math.min(i, found.length - 1)]!);
    }
  }
  return types;
}

function constantType(attributes: OnnxNode["attributes"]): OnnxDataType {
  const [[name = "", attribute] = []] = Object.entries(attributes);
  if (attribute?.type === "tensor") return attribute.value.elementType;
  if (name.startsWith("value_int")) return "int64";
  return name.startsWith("value_float") ? "float32" : "string";
}
