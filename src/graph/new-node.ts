import { type Attributes, toOnnxAttributes } from "./attributes.ts";
import type { OnnxNode } from "./onnx-nodes.ts";

/** Makes a node of one output, which gives the node its name. */
export function newNode(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Attributes = {},
): OnnxNode {
  return {
    name: output,
    opType,
    inputs,
    outputs: [output],
    attributes: toOnnxAttributes(opType, attributes),
  };
}
