import { toOnnxAttributes } from "../../attributes.ts";
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
} from "../../onnx-nodes.ts";
import { readersOf, withoutUnread } from "../../readers.ts";
import { createWeights, elementCount, floatsOf, hasFloats } from "../../tensor.ts";
import {
  type BlockedWeights,
  packTiles,
  packWeights,
  type TileStride,
  tileEdge,
} from "./pack-weights.ts";

/** Where ONNX Runtime's CPU provider has its operators on channels in blocks. */
const blocked = "com.microsoft.nchwc";
/** Where Convolve and ConvolveTiles are, which are `native/kernels/`'s. */
const ownDomain = "orangery";

/** What a place of the output sees at most: `most_inputs` of `convolve.h`. */
const mostSeen = 65_536;
/** Values that Convolve takes at most: `most_tensors`. */
const mostValues = 16;
/** With more weights, transformed ones are too many bytes for what they save: 32 MB. */
const mostTransformed = 2 ** 23;

/**
 * Pixels of the input for one of the output from which a convolution that moves by two pixels is
 * computed whole: there its transformed weights take longer to read than the tiles save.
 */
const fewPixels = 32 ** 2;

/** A convolution that an operator of Orangery's computes. */
interface Convolution extends BlockedWeights {
  readonly node: OnnxNode;
  readonly stride: number;
  readonly pad: number;
  /** Pixels of the network's input for one of its output. */
  readonly inputPixels: number;
  /** What computes the SiLU of its result. */
  readonly silu: OnnxNode | undefined;
}

/**
 * Replaces the convolutions of a float32 network that ONNX Runtime has optimised for its CPU
 * provider, where their channels are in blocks, with the SiLUs that follow them: 3 × 3 ones by
 * ConvolveTiles, which has a quarter to two thirds of the multiplications, others by Convolve,
 * which takes values that would be put together for it as they are.
 *
 * @param lanes channels of a block on this processor
 * @returns undefined where there is nothing to replace
 */
export function convolveBlocks(model: OnnxModel, lanes: number): OnnxModel | undefined {
  const { graph } = model;
  const found = findConvolutions(graph, lanes);
  if (found.length === 0) return undefined;
  const concats = findConcats(graph, found);
  const added: OnnxTensor[] = [];
  const replaced = new Map<OnnxNode, readonly OnnxNode[]>();
  for (const concat of concats.values()) replaced.set(concat, []);
  for (const convolution of found) {
    const { node, silu } = convolution;
    const weights = createPacked(convolution);
    added.push(weights);
    const [x = ""] = node.inputs;
    const values = concats.get(x)?.inputs ?? [x];
    replaced.set(node, [toOwnNode(convolution, weights, values)]);
    if (silu !== undefined) replaced.set(silu, []);
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? node);
  const initializers = [...graph.initializers, ...added];
  return withoutUnread({ ...model, graph: { ...graph, nodes, initializers } });
}

/** Finds what puts values together for nothing but convolutions that are computed whole. */
function findConcats(
  graph: OnnxGraph,
  convolutions: readonly Convolution[],
): ReadonlyMap<string, OnnxNode> {
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const whole = new Set(
    convolutions.filter((each) => tileStrideOf(each) === undefined).map(({ node }) => node),
  );
  const found = graph.nodes.filter(
    ({ opType, domain, inputs, outputs: [output = ""], attributes }) => {
      const isConcat = opType === "Concat" && domain === undefined && attributes.axis?.value === 1;
      if (!isConcat || inputs.length > mostValues || outputs.has(output)) return false;
      return (readers.get(output) ?? []).every((reader) => whole.has(reader));
    },
  );
  return new Map(found.map((node) => [node.outputs[0]!, node]));
}

function findConvolutions(graph: OnnxGraph, lanes: number): Convolution[] {
  const tensors = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const inputPixels = inputPixelsOf(graph);
  return graph.nodes.flatMap((node) => {
    const weights = blockedWeights(node, tensors, lanes);
    if (weights === undefined) return [];
    const [output = ""] = node.outputs;
    const [reader, ...others] = readers.get(output) ?? [];
    const isSilu = others.length === 0 && !outputs.has(output) && reader && isSiluOf(reader);
    const silu = isSilu ? reader : undefined;
    return [{ ...weights, node, silu, inputPixels: inputPixels.get(output) ?? 1 }];
  });
}

/** Returns the pixels of the input for one of each value. */
function inputPixelsOf({ nodes }: OnnxGraph): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  for (const { opType, inputs, outputs, attributes } of nodes) {
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

function blockedWeights(
  { opType, domain, inputs: names, attributes }: OnnxNode,
  tensors: ReadonlyMap<string, OnnxTensor>,
  lanes: number,
): Omit<Convolution, "node" | "silu" | "inputPixels"> | undefined {
  // A fourth input is a sum, which is added before an activation.
  if (opType !== "Conv" || domain !== blocked || names.filter(Boolean).length !== 3) {
    return undefined;
  }
  const [weights, bias] = names.slice(1).map((name) => tensors.get(name));
  const [outputs = 0, inputs = 0, kernel = 0] = weights?.dims ?? [];
  if (weights === undefined || !hasFloats(weights, [outputs, inputs, kernel, kernel])) {
    return undefined;
  }
  const [stride, pad] = [sameOf(attributes.strides, 1), sameOf(attributes.pads, 0)];
  const isPlain =
    hasFloats(bias, [outputs]) &&
    attributes.activation === undefined &&
    sameOf(attributes.dilations, 1) === 1 &&
    (attributes.group?.value ?? 1) === 1 &&
    (attributes.auto_pad?.value ?? "NOTSET") === "NOTSET";
  const isInBlocks = outputs % lanes === 0 && inputs % lanes === 0 && inputs > 0;
  if (!isPlain || !isInBlocks || kernel ** 2 * inputs > mostSeen) return undefined;
  if (stride === undefined || pad === undefined || stride > 255 || pad > 255) return undefined;
  return { outputs, inputs, kernel, lanes, stride, pad, values: floatsOf(weights) };
}

/** The value that all of an attribute's integers have. */
function sameOf(attribute: OnnxAttribute | undefined, usual: number): number | undefined {
  if (attribute === undefined) return usual;
  if (attribute.type !== "ints") return undefined;
  const [first, ...others] = attribute.value;
  return others.every((value) => value === first) ? first : undefined;
}

/** x · sigmoid(α · x), as ONNX Runtime calls it. */
function isSiluOf({ opType, domain, attributes }: OnnxNode): boolean {
  return opType === "QuickGelu" && domain === "com.microsoft" && attributes.alpha?.value === 1;
}

function createPacked(convolution: Convolution): OnnxTensor {
  const { node, outputs, inputs, kernel } = convolution;
  const name = `${node.inputs[1]}.packed`;
  const tileStride = tileStrideOf(convolution);
  if (tileStride === undefined) {
    return createWeights(name, [outputs, inputs, kernel, kernel], packWeights(convolution));
  }
  const edge = tileEdge(tileStride);
  return createWeights(name, [outputs, inputs, edge, edge], packTiles(convolution, tileStride));
}

/** By how many pixels a convolution by tiles moves; undefined where it is to be computed whole. */
function tileStrideOf(convolution: Convolution): TileStride | undefined {
  const { kernel, stride, pad, outputs, inputs, inputPixels } = convolution;
  if (kernel !== 3 || pad !== 1 || (stride !== 1 && stride !== 2)) return undefined;
  if (stride === 2 && inputPixels >= fewPixels) return undefined;
  return outputs * inputs * tileEdge(stride) ** 2 <= mostTransformed ? stride : undefined;
}

function toOwnNode(
  convolution: Convolution,
  weights: OnnxTensor,
  values: readonly string[],
): OnnxNode {
  const { node, pad, silu, stride } = convolution;
  const opType = tileStrideOf(convolution) === undefined ? "Convolve" : "ConvolveTiles";
  const [output = ""] = (silu ?? node).outputs;
  return {
    ...node,
    opType,
    domain: ownDomain,
    inputs: [weights.name, node.inputs[2]!, ...values],
    outputs: [output, `${output}.scratch`],
    attributes: toOnnxAttributes(opType, { pad, silu: silu === undefined ? 0 : 1, stride }),
  };
}
