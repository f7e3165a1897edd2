import { findDecoding } from "../decoding.ts";
import { constantsOf } from "../graph-values.ts";
import type { OnnxDataType } from "../onnx-data-type.ts";
import type { OnnxGraph, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { floatsOf } from "../onnx-tensor.ts";

/** Operators of sums of products: a weight that is rounded to zero changes next to nothing. */
const products: ReadonlySet<string> = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * Operators that only move or choose elements, which are exact in both types: they keep their
 * input's type, so that casts are placed where the fewest elements pass.
 */
const movers: ReadonlySet<string> = new Set([
  "Concat",
  "DepthToSpace",
  "Expand",
  "Flatten",
  "Gather",
  "Identity",
  "Reshape",
  "Slice",
  "SpaceToDepth",
  "Split",
  "Squeeze",
  "Tile",
  "Transpose",
  "Unsqueeze",
]);

/** Operators that compute in float16 where they are not part of the decoding. */
const halves: ReadonlySet<string> = new Set([
  ...products,
  "Add",
  "AveragePool",
  "Clip",
  "Div",
  "GlobalAveragePool",
  "HardSigmoid",
  "HardSwish",
  "LeakyRelu",
  "Max",
  "MaxPool",
  "Min",
  "Mul",
  "Neg",
  "PRelu",
  "Pad",
  "Relu",
  "Resize",
  "Sigmoid",
  "Softmax",
  "Sub",
  "Tanh",
]);

/** Operators that only ask for a value's shape or convert it themselves: any type is right. */
export const takesAnyType: ReadonlySet<string> = new Set(["Cast", "Shape", "Size"]);

/** The inputs of a node that are as precise as the node itself. */
export function floatInputs({ opType, inputs }: OnnxNode): readonly string[] {
  // The region and the scales are float32, whatever is enlarged.
  return opType === "Resize" ? inputs.slice(0, 1) : inputs;
}

/**
 * Chooses the nodes that compute in float16. In float32 remain the decoding of the head, where half
 * precision has steps of half a pixel from 512 px on; operators that are not known to be safe; and
 * those with a constant that float16 cannot hold.
 */
export function chooseHalfNodes(
  graph: OnnxGraph,
  types: ReadonlyMap<string, OnnxDataType>,
): ReadonlySet<OnnxNode> {
  const decoding = findDecoding(graph);
  const constants = constantsOf(graph);
  const chosen = new Set<OnnxNode>();
  const isHalf = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    const floats = floatInputs(node).filter((name) => types.get(name) === "float32");
    const activations = floats.filter((name) => !constants.has(name));
    if (activations.length === 0) continue;
    const isRight = movers.has(node.opType)
      ? activations.every((name) => isHalf.has(name))
      : halves.has(node.opType) && !decoding.has(node);
    if (!isRight) continue;
    const holds = (name: string) => {
      const tensor = constants.get(name);
      return tensor === undefined || fitsHalf(tensor, products.has(node.opType));
    };
    if (!floats.every(holds)) continue;
    chosen.add(node);
    for (const name of node.outputs) isHalf.add(name);
  }
  return chosen;
}

/** Whether float16 holds all elements: none is beyond 65,504, and none becomes zero. */
function fitsHalf(tensor: OnnxTensor, mayBecomeZero: boolean): boolean {
  return floatsOf(tensor).every((value) => {
    const half = Math.f16round(value);
    if (Number.isFinite(value) && !Number.isFinite(half)) return false;
    return mayBecomeZero || half !== 0 || value === 0;
  });
}
