import { type Attributes, toOnnxAttributes } from "../attributes.ts";
import { newNode } from "../new-node.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { createIntegers, createWeights, elementCount, floatsOf, hasFloats } from "../tensor.ts";
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
  const constants = new TileConstants();
  const nodes = model.graph.nodes.flatMap((node) => {
    const found = plain.get(node);
    if (found === undefined) return node;
    const tiled = new TiledConvolution(node, constants);
    tiled.convolve(found);
    return tiled.nodes;
  });
  const initializers = [...model.graph.initializers, ...constants.tensors];
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
    const area = ((areas.get(inputs[0] ?? "") ?? 1) * growth) / strides;
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
  const [outputs = 0, inputs = 0] = weights?.dims ?? [];
  // Those that are not, the runtime refuses.
  const areWhole =
    hasFloats(weights, [outputs, inputs, 3, 3]) && (!names[2] || hasFloats(bias, [outputs]));
  if (weights === undefined || !areWhole) return undefined;
  const isPlain =
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

/** The nodes that take the place of one convolution. */
class TiledConvolution {
  readonly nodes: OnnxNode[] = [];
  readonly #constants: TileConstants;
  readonly #x: string;
  readonly #y: string;

  constructor({ inputs: [x = ""], outputs: [y = ""] }: OnnxNode, constants: TileConstants) {
    this.#constants = constants;
    this.#x = x;
    this.#y = y;
  }

  convolve({ outputs, inputs, weights, bias }: PlainConvolution): void {
    const rows = this.#transform(this.#x, { channels: inputs, along: "rows" });
    const lines = this.#add("Concat", rows, "rows", { axis: 1 });
    const columns = this.#transform(lines, { channels: tileSize * inputs, along: "columns" });
    const transformed = transformWeights(weights);
    const length = transformed.length / tileSize;
    const products = columns.map((tiles, column) => {
      const operands = [
        tiles,
        this.#weights(
          `weights${column}`,
          [tileSize * outputs, inputs, 1, 1],
          transformed.subarray(column * length, (column + 1) * length),
        ),
      ];
      if (column === biasProduct && bias !== undefined) {
        const biases = new Float32Array(tileSize * outputs);
        biases.set(bias, biasProduct * outputs);
        operands.push(this.#weights("bias", [biases.length], biases));
      }
      const attributes = { group: tileSize, kernel_shape: [1, 1] };
      return this.#add("Conv", operands, `product${column}`, attributes);
    });
    this.#putTogether(products, outputs);
  }

  /**
   * Transforms the lines of pixels of each tile in one direction: of n pixels the ⌈n/4⌉ values of
   * each row of Bᵀ.
   */
  #transform(
    x: string,
    { channels, along }: { readonly channels: number; readonly along: Direction },
  ): string[] {
    return inputTransform.map((taps, i) => {
      const operands = [x, this.#constants.taps(taps, channels, along)];
      return this.#add("Conv", operands, `${along}${i}`, depthwise(taps, channels, along));
    });
  }

  /** Sums up the products, each batch × 6 outputs × tiles down × tiles across. */
  #putTogether(products: readonly string[], outputs: number): void {
    const ints = (...values: number[]) => this.#constants.ints(values);
    const across = this.#add("Shape", [products[0]!], "across", { start: 3, end: 4 });
    const width = this.#add("Mul", [across, ints(tileStep)], "width");
    const withWidth = (part: string, ...dims: number[]) =>
      this.#add("Concat", [ints(...dims), width], part, { axis: 0 });

    const all = this.#add("Concat", products, "products", { axis: 1 });
    const flat = this.#add("Reshape", [all, ints(0, tileSize ** 2, -1)], "flat");
    const sums = this.#add("MatMul", [this.#constants.outputMatrix(), flat], "sums");
    // To batch × 4 rows × (outputs · tiles) × 4 columns: lines of pixels.
    const apart = this.#add("Reshape", [sums, ints(0, tileStep, tileStep, -1)], "apart");
    const wide = this.#add("Transpose", [apart], "wide", { perm: [0, 1, 3, 2] });
    // To batch × (outputs · tiles down) × 4 rows × width.
    const lineShape = withWidth("lineShape", 0, tileStep, -1);
    const lines = this.#add("Reshape", [wide, lineShape], "lines");
    const high = this.#add("Transpose", [lines], "high", { perm: [0, 2, 1, 3] });
    const wholeShape = withWidth("wholeShape", 0, outputs, -1);
    const whole = this.#add("Reshape", [high, wholeShape], "whole");
    // The last tiles may reach over the edges.
    const size = this.#add("Shape", [this.#x], "size", { start: 2, end: 4 });
    this.nodes.push(newNode("Slice", [whole, ints(0, 0), size, ints(2, 3)], this.#y));
  }

  #add(opType: string, inputs: readonly string[], part: string, attributes: Attributes = {}) {
    const name = this.#named(part);
    this.nodes.push(newNode(opType, inputs, name, toOnnxAttributes(opType, attributes)));
    return name;
  }

  #weights(part: string, dims: readonly number[], values: Float32Array): string {
    return this.#constants.add(createWeights(this.#named(part), dims, values));
  }

  #named(part: string): string {
    return `orangery.tiles.${this.#y}.${part}`;
  }
}

/** The constants of all convolutions; those of the tiles are shared. */
class TileConstants {
  readonly #tensors = new Map<string, OnnxTensor>();

  get tensors(): OnnxTensor[] {
    return [...this.#tensors.values()];
  }

  add(tensor: OnnxTensor): string {
    this.#tensors.set(tensor.name, tensor);
    return tensor.name;
  }

  taps({ taps, first, dilation }: TileTaps, channels: number, along: Direction): string {
    const name = `orangery.tile.${along}.${channels}.${first}.${dilation}.${taps}`;
    const values = Array.from({ length: channels }, () => taps).flat();
    const dims = [channels, 1, ...inDirection(along, taps.length, 1)];
    return this.add(createWeights(name, dims, Float32Array.from(values)));
  }

  outputMatrix(): string {
    return this.add(
      createWeights("orangery.tile.sums", [tileStep ** 2, tileSize ** 2], outputMatrix()),
    );
  }

  ints(values: readonly number[]): string {
    return this.add(createIntegers(`orangery.tile.ints.${values}`, values));
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
