import { toOnnxAttributes } from "../../attributes.ts";
import { isOperator, outputNamesOf, readersOf, withoutUnread } from "../../graph-values.ts";
import { ownDomain } from "../../onnx/domains.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { type Convolution, findConvolutions } from "./find-convolutions.ts";
import { packTiles, packWeights, type TileStride, tileEdge } from "./pack-weights.ts";

/** Values that Convolve takes at most: `most_tensors` of `convolve.h`. */
const mostValues = 16;
/** With more weights, transformed ones are too many bytes for what they save: 32 MB. */
const mostTransformed = 2 ** 23;
/**
 * Pixels of the input for one of the output from which a convolution that moves by two pixels is
 * computed whole: there its transformed weights take longer to read than the tiles save.
 */
const fewPixels = 32 ** 2;
/**
 * Up to so many channels of the input, the tiles of a convolution that moves by two pixels save
 * less than it takes to transform them.
 */
const fewChannels = 16;

/**
 * Replaces the convolutions of a float32 network that ONNX Runtime has optimised for its CPU
 * provider, where their channels are in blocks, with the SiLUs and sums that follow them: those of
 * 3 × 3 by ConvolveTiles, which has a quarter to two thirds of the multiplications, others by
 * Convolve, which takes values that would be put together for it as they are.
 *
 * @param lanes channels of a block on this processor
 * @returns undefined where there is nothing to replace
 */
export function convolveBlocks(model: OnnxModel, lanes: number): OnnxModel | undefined {
  const { graph } = model;
  const convolutions = findConvolutions(graph, lanes);
  if (convolutions.length === 0) return undefined;
  const concats = findConcats(graph, convolutions);
  const replaced = new Map<OnnxNode, readonly OnnxNode[]>();
  for (const concat of concats.values()) replaced.set(concat, []);
  const packed: OnnxTensor[] = [];
  for (const convolution of convolutions) {
    const { input, nodes } = convolution;
    for (const node of nodes) replaced.set(node, []);
    const weights = createPacked(convolution);
    packed.push(weights);
    // What is added may be computed after the convolution itself.
    const values = concats.get(input)?.inputs ?? [input];
    replaced.set(nodes.at(-1)!, [toOwnNode(convolution, weights.name, values)]);
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? node);
  const initializers = [...graph.initializers, ...packed];
  return withoutUnread({ ...model, graph: { ...graph, nodes, initializers } });
}

/** Finds what puts values together for nothing but convolutions that are computed whole. */
function findConcats(
  graph: OnnxGraph,
  convolutions: readonly Convolution[],
): ReadonlyMap<string, OnnxNode> {
  const readers = readersOf(graph);
  const outputs = outputNamesOf(graph);
  const whole = new Set(
    convolutions
      .filter((each) => tileStrideOf(each) === undefined)
      .map(({ nodes: [node] }) => node),
  );
  const found = graph.nodes.filter((node) => {
    const {
      inputs,
      outputs: [output = ""],
      attributes,
    } = node;
    const isConcat = isOperator(node, "Concat") && attributes.axis?.value === 1;
    if (!isConcat || inputs.length > mostValues || outputs.has(output)) return false;
    return (readers.get(output) ?? []).every((reader) => whole.has(reader));
  });
  return new Map(found.map((node) => [node.outputs[0]!, node]));
}

function createPacked(convolution: Convolution): OnnxTensor {
  const { nodes, outputs, inputs, kernel } = convolution;
  const name = `${nodes[0].inputs[1]}.packed`;
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
  if (stride === 2 && (inputPixels >= fewPixels || inputs <= fewChannels)) return undefined;
  return outputs * inputs * tileEdge(stride) ** 2 <= mostTransformed ? stride : undefined;
}

function toOwnNode(convolution: Convolution, weights: string, values: readonly string[]): OnnxNode {
  const { nodes, bias, added, hasSilu, pad, stride } = convolution;
  const opType = tileStrideOf(convolution) === undefined ? "Convolve" : "ConvolveTiles";
  const flags = { adds: added === undefined ? 0 : 1, silu: hasSilu ? 1 : 0 };
  return {
    ...nodes[0],
    opType,
    domain: ownDomain,
    inputs: [weights, bias, ...values, ...(added === undefined ? [] : [added])],
    outputs: nodes.at(-1)!.outputs,
    attributes: toOnnxAttributes(opType, { ...flags, pad, stride }),
  };
}
