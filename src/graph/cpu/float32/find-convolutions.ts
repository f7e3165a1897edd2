import { constantsOf, isOperator, makersOf, outputNamesOf, readersOf } from "../../graph-values.ts";
import { blockedDomain, microsoftDomain } from "../../onnx/domains.ts";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { elementCount, floatsOf, hasFloats, integersOf } from "../../onnx-tensor.ts";
import { wholeSteps } from "../whole-steps.ts";
import type { BlockedWeights } from "./pack-weights.ts";

/** What a place of the output sees at most: `most_inputs` of `convolve.h`. */
const mostSeen = 65_536;

/** A convolution that an operator of Orangery's can compute. */
export interface Convolution extends BlockedWeights {
  /** The value that it reads. */
  readonly input: string;
  /** The name of its bias. */
  readonly bias: string;
  readonly stride: number;
  readonly pad: number;
  /** Pixels of the network's input for one of its output. */
  readonly inputPixels: number;
  /** Whether the SiLU of its result is computed. */
  readonly hasSilu: boolean;
  /** The value that is added to that. */
  readonly added: string | undefined;
  /** The convolution and what computes the rest; the last has the result. */
  readonly nodes: readonly [OnnxNode, ...OnnxNode[]];
}

/** What a convolution is without its surroundings. */
type Bare = Omit<Convolution, "inputPixels" | "hasSilu" | "added" | "nodes">;

/**
 * Finds the convolutions of a network that ONNX Runtime has optimised for its CPU provider, where
 * their channels are in blocks, each with the SiLU that follows it and with what is added to that.
 *
 * @param lanes channels of a block on this processor
 */
export function findConvolutions(graph: OnnxGraph, lanes: number): Convolution[] {
  const tensors = constantsOf(graph);
  const inputPixels = inputPixelsOf(graph);
  const followers = new Followers(graph, { tensors, inputPixels });
  return graph.nodes.flatMap((node) => {
    const bare = readConvolution(node, tensors, lanes);
    if (bare === undefined) return [];
    const pixels = inputPixels.get(node.outputs[0]!) ?? 1;
    return { ...bare, inputPixels: pixels, ...followers.of(node) };
  });
}

/** Returns the pixels of the input for one of each value; infinite where it has one pixel. */
function inputPixelsOf({ nodes }: OnnxGraph): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { opType, inputs, outputs, attributes } of nodes) {
    if (opType.startsWith("Global") || opType.startsWith("Reduce")) {
      for (const output of outputs) found.set(output, Number.POSITIVE_INFINITY);
      continue;
    }
    const before = found.get(inputs[0] ?? "") ?? 1;
    const factor =
      product(attributes.strides) / (opType === "Upsample" ? product(attributes.scales) : 1);
    for (const output of outputs) found.set(output, before * factor);
  }
  return found;
}

function product(attribute: OnnxAttribute | undefined): number {
  return attribute?.type === "ints" ? elementCount(attribute.value) : 1;
}

function readConvolution(
  node: OnnxNode,
  tensors: ReadonlyMap<string, OnnxTensor>,
  lanes: number,
): Bare | undefined {
  const { inputs: names, attributes } = node;
  // A fourth input is a sum, which is added before an activation.
  if (!isOperator(node, "Conv", blockedDomain) || names.filter(Boolean).length !== 3) {
    return undefined;
  }
  const [input = "", filters = "", biasName = ""] = names;
  const [weights, bias] = [tensors.get(filters), tensors.get(biasName)];
  const [outputs = 0, inputs = 0, kernel = 0] = weights?.dims ?? [];
  if (weights === undefined || !hasFloats(weights, [outputs, inputs, kernel, kernel])) {
    return undefined;
  }
  const { stride, pad } = wholeSteps(node) ?? {};
  const isPlain = hasFloats(bias, [outputs]) && attributes.activation === undefined;
  const isInBlocks = outputs % lanes === 0 && inputs % lanes === 0 && inputs > 0;
  if (!isPlain || !isInBlocks || kernel ** 2 * inputs > mostSeen) return undefined;
  if (stride === undefined || pad === undefined || stride > 255 || pad > 255) return undefined;
  const values = floatsOf(weights);
  return { input, bias: biasName, values, outputs, inputs, kernel, lanes, stride, pad };
}

/** What is known of a graph's values. */
interface Values {
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
  readonly inputPixels: ReadonlyMap<string, number>;
}

/** What follows convolutions and can be computed with them. */
class Followers {
  readonly #tensors: ReadonlyMap<string, OnnxTensor>;
  readonly #readers: ReadonlyMap<string, readonly OnnxNode[]>;
  readonly #makers: ReadonlyMap<string, OnnxNode>;
  readonly #outputs: ReadonlySet<string>;
  readonly #inputPixels: ReadonlyMap<string, number>;
  /** The sums that are computed with a convolution: where two convolutions are added, one is. */
  readonly #sums = new Set<OnnxNode>();

  constructor(graph: OnnxGraph, { tensors, inputPixels }: Values) {
    this.#tensors = tensors;
    this.#inputPixels = inputPixels;
    this.#readers = readersOf(graph);
    this.#makers = makersOf(graph);
    this.#outputs = outputNamesOf(graph);
  }

  of(node: OnnxNode): Pick<Convolution, "hasSilu" | "added" | "nodes"> {
    const silu = this.#onlyReader(node);
    const hasSilu = silu !== undefined && isSilu(silu);
    const before: Convolution["nodes"] = hasSilu ? [node, silu] : [node];
    const sum = this.#sumOf(before.at(-1)!);
    return { hasSilu, added: sum?.added, nodes: [...before, ...(sum?.nodes ?? [])] };
  }

  /** What is added to a node's result, where it is of the same size. */
  #sumOf(node: OnnxNode): Sum | undefined {
    const found = this.#plainSumOf(node) ?? this.#reshapedSumOf(node);
    // A pixel may be added to each of many.
    const [size, added] = [node.outputs[0]!, found?.added ?? ""];
    if (this.#inputPixels.get(added) !== this.#inputPixels.get(size)) return undefined;
    return found;
  }

  /** ONNX Runtime adds blocks as they are where it knows that their sizes are the same. */
  #plainSumOf(node: OnnxNode): Sum | undefined {
    const sum = this.#onlyReader(node);
    if (!isOperator(sum, "Add") || this.#sums.has(sum)) return undefined;
    this.#sums.add(sum);
    return { added: otherOf(sum, node), nodes: [sum] };
  }

  /** Elsewhere it gives them an axis of their own for that time. */
  #reshapedSumOf(node: OnnxNode): Sum | undefined {
    const apart = this.#onlyReader(node);
    const sum = apart && this.#onlyReader(apart);
    const together = sum && this.#onlyReader(sum);
    if (!isOperator(apart, "Reshape") || !isOperator(sum, "Add")) return undefined;
    if (!isOperator(together, "Reshape") || this.#sums.has(sum)) return undefined;
    const other = this.#makers.get(otherOf(sum, apart));
    if (!isOperator(other, "Reshape")) return undefined;
    const [first, second, last] = [apart, other, together].map((each) => this.#shapeOf(each));
    if (first?.length !== 5 || `${second}` !== `${first}` || `${last}` !== "0,-1,0,0") {
      return undefined;
    }
    this.#sums.add(sum);
    const isOnlyHere = this.#onlyReader(other) === sum;
    return {
      added: other.inputs[0]!,
      nodes: [apart, ...(isOnlyHere ? [other] : []), sum, together],
    };
  }

  /** The one node that reads the result of another, which is no output of the network. */
  #onlyReader({ outputs: [output = ""] }: OnnxNode): OnnxNode | undefined {
    const readers = this.#readers.get(output) ?? [];
    return readers.length === 1 && !this.#outputs.has(output) ? readers[0] : undefined;
  }

  #shapeOf({ inputs: [, shape = ""] }: OnnxNode): number[] | undefined {
    const tensor = this.#tensors.get(shape);
    return tensor?.elementType === "int64" ? integersOf(tensor) : undefined;
  }
}

interface Sum {
  readonly added: string;
  /** What computes it, in order. */
  readonly nodes: readonly OnnxNode[];
}

function otherOf({ inputs }: OnnxNode, { outputs: [output] }: OnnxNode): string {
  return inputs.find((name) => name !== output) ?? "";
}

/** x · sigmoid(α · x), as ONNX Runtime calls it. */
function isSilu(node: OnnxNode): boolean {
  return isOperator(node, "QuickGelu", microsoftDomain) && node.attributes.alpha?.value === 1;
}
