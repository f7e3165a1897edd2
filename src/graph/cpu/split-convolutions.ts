import { constantsOf, makersOf, outputNamesOf, readersOf } from "../graph-values.ts";
import { newNode } from "../new-node.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { hasFloats, integersOf } from "../onnx-tensor.ts";

/** A convolution with what stands between it and the split of its channels. */
interface SplitConvolution {
  readonly conv: OnnxNode;
  /** Sigmoid and Mul: its SiLU. None where the split follows at once. */
  readonly silu: readonly OnnxNode[];
  /** The weights, then the bias if there is one. */
  readonly weights: readonly OnnxTensor[];
  /** Output channels of each part. */
  readonly extents: readonly number[];
}

/**
 * Makes a convolution of its own for each part that the channels of one are split into: the
 * provider keeps channels in blocks, which a Split has it put in order and make again.
 */
export function splitConvolutions(model: OnnxModel): OnnxModel {
  const { nodes } = model.graph;
  const find = finder(model);
  const replaced = new Set<OnnxNode>();
  const parts = new Map<OnnxNode, readonly OnnxNode[]>();
  const initializers: OnnxTensor[] = [];
  for (const split of nodes) {
    const found = find(split);
    if (found === undefined) continue;
    for (const node of [found.conv, ...found.silu]) replaced.add(node);
    parts.set(split, convolutionsOf(split, found, initializers));
  }
  const rest = nodes.flatMap((node) => parts.get(node) ?? (replaced.has(node) ? [] : node));
  const all = [...model.graph.initializers, ...initializers];
  return { ...model, graph: { ...model.graph, nodes: rest, initializers: all } };
}

function finder({ graph }: OnnxModel): (split: OnnxNode) => SplitConvolution | undefined {
  const readers = readersOf(graph);
  const outputs = outputNamesOf(graph);
  const producers = makersOf(graph);
  const tensors = constantsOf(graph);
  const producerOf = (name: string | undefined) => producers.get(name ?? "");
  const isReadOnlyBy = (node: OnnxNode, wanted: readonly OnnxNode[]) => {
    const [name = ""] = node.outputs;
    const found = readers.get(name) ?? [];
    return (
      !outputs.has(name) &&
      found.length === wanted.length &&
      found.every((reader) => wanted.includes(reader))
    );
  };

  return (split) => {
    if (split.opType !== "Split" || split.attributes.axis?.value !== 1) return undefined;
    const last = producerOf(split.inputs[0]);
    if (last === undefined || !isReadOnlyBy(last, [split])) return undefined;
    const silu = last.opType === "Mul" ? siluOf(last) : [];
    const conv = silu.length > 0 ? producerOf(silu[0]!.inputs[0]) : last;
    if (conv?.opType !== "Conv" || (conv.attributes.group?.value ?? 1) !== 1) return undefined;
    if (silu.length > 0 && !isReadOnlyBy(conv, silu)) return undefined;
    const weights = conv.inputs.slice(1).map((name) => tensors.get(name));
    const [filters, bias] = weights;
    const channels = filters?.dims[0] ?? 0;
    // The runtime refuses incomplete ones; splitting would hide that.
    if (!hasFloats(filters, filters?.dims ?? [])) return undefined;
    if (weights.length > 1 && !hasFloats(bias, [channels])) return undefined;
    const extents = extentsOf(split, channels);
    // The runtime refuses others; splitting the weights would hide that.
    if (extents?.reduce((sum, extent) => sum + extent, 0) !== channels) return undefined;
    return { conv, silu, weights: weights as OnnxTensor[], extents };
  };

  /** The nodes of x · sigmoid(x); none where the product is another. */
  function siluOf(product: OnnxNode): readonly OnnxNode[] {
    for (const [x, activated] of [product.inputs, product.inputs.toReversed()]) {
      const sigmoid = producerOf(activated);
      if (sigmoid?.opType !== "Sigmoid" || sigmoid.inputs[0] !== x) continue;
      return isReadOnlyBy(sigmoid, [product]) ? [sigmoid, product] : [];
    }
    return [];
  }

  function extentsOf({ inputs, outputs, attributes }: OnnxNode, channels: number) {
    const { length } = outputs;
    // Before opset 13 they were an attribute.
    if (attributes.split?.type === "ints") return attributes.split.value;
    if (inputs[1] === undefined) {
      return channels % length === 0 ? Array<number>(length).fill(channels / length) : undefined;
    }
    const given = tensors.get(inputs[1]);
    return given?.elementType === "int64" ? integersOf(given) : undefined;
  }
}

/** The nodes that take the place of a split; their weights are views of the convolution's. */
function convolutionsOf(
  split: OnnxNode,
  { conv, silu, weights, extents }: SplitConvolution,
  initializers: OnnxTensor[],
): OnnxNode[] {
  const [, product] = silu;
  let first = 0;
  return split.outputs.flatMap((output, i) => {
    const extent = extents[i]!;
    const own = weights.map((tensor) => channelsOf(tensor, first, extent, `${tensor.name}.${i}`));
    initializers.push(...own);
    first += extent;
    const convolved = product === undefined ? output : `${output}.conv`;
    const inputs = [conv.inputs[0]!, ...own.map(({ name }) => name)];
    const part = newNode("Conv", inputs, convolved, conv.attributes);
    if (product === undefined) return [part];
    return [
      part,
      newNode("Sigmoid", [convolved], `${output}.sigmoid`),
      newNode("Mul", [convolved, `${output}.sigmoid`], output),
    ];
  });
}

function channelsOf(tensor: OnnxTensor, first: number, extent: number, name: string): OnnxTensor {
  const [channels = 1, ...others] = tensor.dims;
  const bytesEach = tensor.rawData.length / channels;
  const rawData = tensor.rawData.subarray(first * bytesEach, (first + extent) * bytesEach);
  return { ...tensor, name, dims: [extent, ...others], rawData };
}
