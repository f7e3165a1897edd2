import { type Attributes, toOnnxAttributes } from "../attributes.ts";
import { newNode } from "../new-node.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { createWeights, elementCount, floatsOf } from "../tensor.ts";
import {
  biasProduct,
  inputTransform,
  outputMatrix,
  type TileTaps,
  tileSize,
  tileStep,
  transformWeights,
} from "./winograd.ts";

/** With fewer channels, transforming costs what is saved. */
const leastChannels = 64;
/** With more, weights of four times the size are too much for what is saved: 9.4 MB. */
const mostWeights = 256 * 256;
/** The provider keeps channels in blocks of 8 or 16. */
const channelBlock = 16;
/**
 * The part of a network's products below which it stays as it is: YOLO11 and YOLO26 have a fifth in
 * such convolutions and would take 5 % less time, but half as many weights again, and a tenth of a
 * second more to load.
 */
const leastShare = 1 / 3;

/** A 3 × 3 convolution that moves by one pixel and keeps the size. */
interface PlainConvolution {
  readonly outputs: number;
  readonly inputs: number;
  readonly weights: Float32Array;
  readonly bias: Float32Array | undefined;
}

/**
 * Computes 3 × 3 convolutions tile by tile, with a quarter of the multiplications (`winograd.ts`).
 * Each becomes operators that ONNX Runtime's CPU provider has fast kernels for: depthwise
 * convolutions take the tiles apart, pointwise ones compute the 36 products of all channels, one
 * matrix product sums them up, and two transpositions put the tiles side by side.
 */
export function convolveTiles(model: OnnxModel): OnnxModel {
  // Before, Shape returned all extents only.
  if (model.opsetVersion < 15) return model;
  const tensors = new Map(model.graph.initializers.map((tensor) => [tensor.name, tensor]));
  const plain = new Map<OnnxNode, PlainConvolution>();
  let share = 0;
  for (const [node, ownShare] of productShares(model.graph, tensors)) {
    const found = plainConvolution(node, tensors);
    if (found === undefined) continue;
    plain.set(node, found);
    share += ownShare;
  }
  if (share < leastShare) return model;
  const tiles = new TileNodes();
  const nodes = model.graph.nodes.flatMap((node) => {
    const found = plain.get(node);
    return found === undefined ? node : tiles.convolve(node, found);
  });
  const initializers = [...model.graph.initializers, ...tiles.initializers];
  return { ...model, graph: { ...model.graph, nodes, initializers } };
}

/** Returns the part that each convolution has of the products of all. */
function productShares(
  { nodes }: OnnxGraph,
  tensors: ReadonlyMap<string, OnnxTensor>,
): Map<OnnxNode, number> {
  // Pixels of each value, for one of the input.
  const areas = new Map<string, number>();
  const products = new Map<OnnxNode, number>();
  for (const node of nodes) {
    const { opType, inputs, outputs, attributes } = node;
    const strides =
      attributes.strides?.type === "ints" ? elementCount(attributes.strides.value) : 1;
    const scales = opType === "Resize" ? tensors.get(inputs[2] ?? "") : undefined;
    const growth = scales?.elementType === "float32" ? elementCount([...floatsOf(scales)]) : 1;
    const area = ((areas.get(inputs[0] ?? "") ?? 1) * (growth || 1)) / strides;
    for (const output of outputs) areas.set(output, area);
    const weights = opType === "Conv" ? tensors.get(inputs[1] ?? "") : undefined;
    if (weights !== undefined) products.set(node, area * elementCount(weights.dims));
  }
  const total = products.values().reduce((sum, own) => sum + own, 0);
  return new Map(products.entries().map(([node, own]) => [node, own / total]));
}

function plainConvolution(
  { opType, inputs: names, attributes }: OnnxNode,
  tensors: ReadonlyMap<string, OnnxTensor>,
): PlainConvolution | undefined {
  if (opType !== "Conv") return undefined;
  const [weights, bias] = names.slice(1).map((name) => tensors.get(name));
  if (weights?.elementType !== "float32" || (names[2] && bias?.elementType !== "float32")) {
    return undefined;
  }
  const [outputs = 0, inputs = 0, ...kernel] = weights.dims;
  const isPlain =
    `${kernel}` === "3,3" &&
    `${attributes.pads?.value}` === "1,1,1,1" &&
    `${attributes.strides?.value ?? "1,1"}` === "1,1" &&
    `${attributes.dilations?.value ?? "1,1"}` === "1,1" &&
    (attributes.group?.value ?? 1) === 1 &&
    (attributes.auto_pad?.value ?? "NOTSET") === "NOTSET";
  const isWorthIt =
    Math.min(outputs, inputs) >= leastChannels &&
    outputs * inputs <= mostWeights &&
    outputs % channelBlock === 0 &&
    inputs % channelBlock === 0;
  if (!isPlain || !isWorthIt) return undefined;
  return { outputs, inputs, weights: floatsOf(weights), bias: bias && floatsOf(bias) };
}

/** Makes the nodes of convolutions, which share their constants. */
class TileNodes {
  readonly #constants = new Map<string, OnnxTensor>();

  get initializers(): OnnxTensor[] {
    return [...this.#constants.values()];
  }

  convolve(conv: OnnxNode, { outputs, inputs, weights, bias }: PlainConvolution): OnnxNode[] {
    const [x = ""] = conv.inputs;
    const [y = ""] = conv.outputs;
    const nodes: OnnxNode[] = [];
    const add = (opType: string, from: readonly string[], name: string, given: Attributes = {}) => {
      nodes.push(newNode(opType, from, name, toOnnxAttributes(opType, given)));
      return name;
    };
    const named = (part: string) => `${y}.tiles.${part}`;

    // Of batch × 6 inputs × tiles down × width.
    const rows = inputTransform.map((taps, row) =>
      add(
        "Conv",
        [x, this.#taps(taps, inputs, "rows")],
        named(`row${row}`),
        depthwise(taps, inputs, "rows"),
      ),
    );
    const lines = add("Concat", rows, named("rows"), { axis: 1 });

    const transformed = transformWeights(weights);
    const products = inputTransform.map((taps, column) => {
      const channels = tileSize * inputs;
      const tiles = add(
        "Conv",
        [lines, this.#taps(taps, channels, "columns")],
        named(`column${column}`),
        depthwise(taps, channels, "columns"),
      );
      const length = channels * outputs;
      const own = transformed.subarray(column * length, (column + 1) * length);
      const operands = [
        tiles,
        this.#weights(named(`weights${column}`), [tileSize * outputs, inputs, 1, 1], own),
      ];
      if (column === biasProduct && bias !== undefined) {
        const biases = new Float32Array(tileSize * outputs);
        biases.set(bias, biasProduct * outputs);
        operands.push(this.#weights(named("bias"), [biases.length], biases));
      }
      // Of batch × 6 outputs × tiles down × tiles across.
      return add("Conv", operands, named(`product${column}`), {
        group: tileSize,
        kernel_shape: [1, 1],
      });
    });

    const across = add("Shape", [products[0]!], named("across"), { start: 3, end: 4 });
    const width = add("Mul", [across, this.#ints(tileStep)], named("width"));
    const reshape = (value: string, dims: string, part: string) =>
      add("Reshape", [value, dims], named(part));
    const shape = (part: string, ...dims: number[]) =>
      add("Concat", [this.#ints(...dims), width], named(part), { axis: 0 });

    const all = add("Concat", products, named("products"), { axis: 1 });
    const flat = reshape(all, this.#ints(0, tileSize ** 2, -1), "flat");
    const sums = add("MatMul", [this.#outputMatrix(), flat], named("sums"));
    // To batch × 4 rows × (outputs · tiles) × 4 columns: lines of pixels.
    const apart = reshape(sums, this.#ints(0, tileStep, tileStep, -1), "apart");
    const wide = add("Transpose", [apart], named("wide"), { perm: [0, 1, 3, 2] });
    // To batch × (outputs · tiles down) × 4 rows × width.
    const byRow = reshape(wide, shape("byRowShape", 0, tileStep, -1), "byRow");
    const high = add("Transpose", [byRow], named("high"), { perm: [0, 2, 1, 3] });
    const whole = reshape(high, shape("wholeShape", 0, outputs, -1), "whole");
    // The last tiles may reach over the edges.
    const size = add("Shape", [x], named("size"), { start: 2, end: 4 });
    add("Slice", [whole, this.#ints(0, 0), size, this.#ints(2, 3)], y);
    return nodes;
  }

  #taps({ taps, first, dilation }: TileTaps, channels: number, along: Direction): string {
    const name = `tiles.${along}.${channels}.${first}.${dilation}.${taps}`;
    const values = new Float32Array(channels * taps.length);
    for (let i = 0; i < values.length; i++) values[i] = taps[i % taps.length]!;
    return this.#weights(name, [channels, 1, ...inDirection(along, taps.length, 1)], values);
  }

  #outputMatrix(): string {
    return this.#weights("tiles.outputs", [tileStep ** 2, tileSize ** 2], outputMatrix());
  }

  #ints(...values: number[]): string {
    return this.#weights(
      `tiles.ints.${values}`,
      [values.length],
      BigInt64Array.from(values, BigInt),
    );
  }

  #weights(name: string, dims: readonly number[], values: Float32Array | BigInt64Array): string {
    if (!this.#constants.has(name)) this.#constants.set(name, createWeights(name, dims, values));
    return name;
  }
}

type Direction = "rows" | "columns";

function inDirection(along: Direction, value: number, other: number): [number, number] {
  return along === "rows" ? [value, other] : [other, value];
}

/** The attributes of a convolution that takes each tile's taps, with zeros around the picture. */
function depthwise({ taps, first, dilation }: TileTaps, group: number, along: Direction) {
  // A tile begins one pixel before its outputs. The extents give a tile to each 4 pixels begun.
  const before = 1 - first;
  const after = (taps.length - 1) * dilation - before;
  return {
    group,
    kernel_shape: inDirection(along, taps.length, 1),
    strides: inDirection(along, tileStep, 1),
    dilations: inDirection(along, dilation, 1),
    pads: [...inDirection(along, before, 0), ...inDirection(along, after, 0)],
  };
}
