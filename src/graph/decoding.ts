import { constantsOf, makersOf } from "./graph-values.ts";
import type { OnnxGraph, OnnxNode } from "./onnx-nodes.ts";
import { floatsOf } from "./onnx-tensor.ts";

/**
 * Finds the decoding of a network's head: all nodes between the outputs and the convolutions with
 * learned weights next to them. It computes coordinates, which fewer bits would displace.
 */
export function findDecoding(graph: OnnxGraph): ReadonlySet<OnnxNode> {
  const producers = makersOf(graph);
  const weights = constantsOf(graph);
  const decoding = new Set<OnnxNode>();
  const open = graph.outputs.map(({ name }) => name);
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const node = producers.get(name);
    if (node === undefined || decoding.has(node) || isLearned(node)) continue;
    decoding.add(node);
    // A map's size is the same in every type.
    if (node.opType !== "Shape") open.push(...node.inputs);
  }
  return decoding;

  /** The convolution of a distribution's mean has the weights 0, 1, 2 … 15. */
  function isLearned({ opType, inputs: [, weightName = ""] }: OnnxNode): boolean {
    if (opType !== "Conv") return false;
    const weight = weights.get(weightName);
    if (weight?.elementType !== "float32" || weight.dims[0] !== 1) return true;
    return !floatsOf(weight).every((value, index) => value === index);
  }
}

/**
 * Describes why a network cannot compute in fewer bits; undefined if it can: it is float32 and has
 * a convolution with stored weights.
 */
export function whyNotReducible(graph: OnnxGraph): string | undefined {
  const { inputs, nodes, initializers } = graph;
  if (
    nodes.some(({ opType }) => /^(Dynamic)?(Q|Deq)uantizeLinear$|Integer$|^QLinear/.test(opType))
  ) {
    return "one that is quantised already";
  }
  const odd = inputs.find(({ elementType }) => elementType !== "float32");
  if (odd !== undefined) return `one whose input \`${odd.name}\` is ${odd.elementType}`;
  const weights = new Map(initializers.map(({ name, elementType }) => [name, elementType]));
  const decoding = findDecoding(graph);
  const convolutions = nodes.filter((node) => node.opType === "Conv" && !decoding.has(node));
  const types = convolutions.map((node) => weights.get(node.inputs[1] ?? ""));
  if (types.includes("float16")) return "one whose weights are float16";
  if (types.includes("float32")) return undefined;
  return "one without a convolution whose weights are float32";
}
