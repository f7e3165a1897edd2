import { OrangeryError } from "../../errors.ts";
import { findDecoding, whyNotReducible } from "../decoding.ts";
import { readersOf } from "../graph-values.ts";
import type { OnnxGraph, OnnxModel, OnnxNode } from "../onnx-nodes.ts";

/**
 * Operators that ONNX Runtime runs on bytes. Those that keep their range only move or choose
 * elements, so that their output has the range of their input.
 */
const operators: { readonly [opType in string]?: { readonly keepsRange: boolean } } = {
  Conv: { keepsRange: false },
  Sigmoid: { keepsRange: false },
  LeakyRelu: { keepsRange: false },
  Mul: { keepsRange: false },
  Add: { keepsRange: false },
  Concat: { keepsRange: false },
  AveragePool: { keepsRange: false },
  MaxPool: { keepsRange: true },
  Resize: { keepsRange: true },
  Split: { keepsRange: true },
};

/** The values of a network that are to be bytes. */
export interface QuantizedValues {
  /** The nodes that read and write bytes. */
  readonly nodes: ReadonlySet<OnnxNode>;
  /**
   * The values that are bytes, each with the value whose range it has: itself, or the one that it
   * was moved or chosen from. In the order in which the network computes them.
   */
  readonly rangeOf: ReadonlyMap<string, string>;
}

/**
 * Chooses the values of a YOLO network that can be bytes: the convolutions and what stands between
 * them. The decoding of the head stays in float32, since a rounded box is off by hundreds of pixels
 * (measured: 480). Attention does too: only its convolutions are chosen.
 */
export function chooseQuantizedValues(graph: OnnxGraph): QuantizedValues {
  const decoding = findDecoding(graph);
  const weights = new Set(
    graph.initializers.flatMap(({ name, elementType }) => (elementType === "float32" ? name : [])),
  );
  const readers = readersOf(graph);
  const nodes = new Set<OnnxNode>();
  const rangeOf = new Map<string, string>();
  const rectified = new Set<string>();
  for (const node of graph.nodes) {
    const [input = ""] = node.inputs;
    if (node.opType === "Relu" && rectified.has(input) && !decoding.has(node)) {
      nodes.add(node);
      for (const name of node.outputs) rangeOf.set(name, name);
      continue;
    }
    const operator = operators[node.opType];
    if (operator === undefined || decoding.has(node)) continue;
    const activations = activationsOf(node);
    if (node.opType === "Conv") {
      if (!node.inputs.slice(1).every((name) => name === "" || weights.has(name))) continue;
      // Only for a convolution is rounding the input worthwhile.
      for (const name of activations) if (!rangeOf.has(name)) rangeOf.set(name, name);
    } else if (!activations.every((name) => rangeOf.has(name))) {
      continue;
    }
    nodes.add(node);
    const [reader, ...others] = node.outputs.flatMap((name) => readers.get(name) ?? []);
    if (node.opType === "Conv" && reader?.opType === "Relu" && others.length === 0) {
      // Unsigned bytes are already rectified: ONNX Runtime removes the Relu.
      rectified.add(node.outputs[0]!);
      continue;
    }
    const [first = ""] = activations;
    for (const name of node.outputs) {
      rangeOf.set(name, operator.keepsRange ? rangeOf.get(first)! : name);
    }
  }
  return { nodes, rangeOf };
}

/** Before it, weights could not have a scale for each output channel. */
const leastOpset = 13;

/**
 * Makes sure that a model can be quantised.
 *
 * @throws `MODEL_NOT_QUANTIZABLE` for one that is not of float32, is quantised, has no convolution
 *   that could be, or is of an older set of operators
 */
export function requireQuantizable({ graph, opsetVersion }: OnnxModel): void {
  const came = whyNotReducible(graph);
  if (came !== undefined) {
    throw notQuantizable(
      `Expected a network of float32 with convolutions to quantise, got ${came}. ` +
        "Give the .pt that was trained, or its export in float32.",
    );
  }
  if (opsetVersion >= leastOpset) return;
  throw notQuantizable(
    `Expected a network of ONNX's operators of version ${leastOpset} or newer to quantise, got ` +
      `${opsetVersion}. Give the .pt that was trained, or export it again with \`opset=17\`.`,
  );
}

function notQuantizable(message: string): OrangeryError {
  return new OrangeryError("MODEL_NOT_QUANTIZABLE", message);
}

/** The inputs of a node that are activations; the others are weights, sizes and scales. */
function activationsOf({ opType, inputs }: OnnxNode): readonly string[] {
  return ["Conv", "Resize", "Split"].includes(opType) ? inputs.slice(0, 1) : inputs;
}
