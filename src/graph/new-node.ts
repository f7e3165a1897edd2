import type { OnnxNode } from "./onnx-nodes.ts";

/** Makes a node of one output, which gives the node its name. */
export function newNode(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: OnnxNode["attributes"] = {},
): OnnxNode {
  return { name: output, opType, inputs, outputs: [output], attributes };
}
