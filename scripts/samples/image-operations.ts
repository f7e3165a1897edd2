import type { GraphBuilder, NodeInput, Value } from "../../src/graph/graph-builder.ts";
import { onnxDataTypes } from "../../src/graph/onnx-data-type.ts";

/** The operations on images (1, channels, height, width) that the sample models are made of. */
export type ImageOperations = ReturnType<typeof imageOperations>;

/**
 * Image operations that add their nodes to `graph`. A number stands for an image of that value.
 * Filters see the border's pixels repeated beyond it, so that a border is not mistaken for an edge.
 */
export function imageOperations(graph: GraphBuilder) {
  const node = graph.node.bind(graph);
  const unary = (opType: string) => (x: Value) => node(opType, [x]);
  const binary = (opType: string) => (a: NodeInput, b: NodeInput) => node(opType, [a, b]);

  return {
    sum: binary("Add"),
    difference: binary("Sub"),
    product: binary("Mul"),
    quotient: binary("Div"),
    larger: binary("Max"),
    smaller: binary("Min"),
    negative: unary("Neg"),
    magnitude: unary("Abs"),
    squareRoot: unary("Sqrt"),
    logarithm: unary("Log"),
    exponential: unary("Exp"),
    roundDown: unary("Floor"),
    clamp: (x: Value, low: number, high: number) => node("Clip", [x, low, high]),

    isEqual: binary("Equal"),
    isBelow: binary("Less"),
    isAbove: binary("Greater"),
    isAtLeast: binary("GreaterOrEqual"),
    both: binary("And"),
    either: binary("Or"),
    /** 1 where the condition holds, else 0. */
    toMask: (condition: Value) =>
      node("Cast", [condition], { to: onnxDataTypes.indexOf("float32") }),
    choose: (condition: Value, then: NodeInput, otherwise: NodeInput) =>
      node("Where", [condition, then, otherwise]),

    /** The images as channels of one, and back. */
    stack: (images: readonly Value[]) => node("Concat", images, { axis: 1 }),
    channels: (x: Value, count: number) => graph.split(x, Array(count).fill(1), 1),
    /** The largest channel of each pixel. */
    channelMaximum: (x: Value) => node("ReduceMax", [x], { axes: [1] }),

    /** The largest value, or the sum, of each channel. */
    maximum: (x: Value) => node("ReduceMax", [x], { axes: [2, 3] }),
    total: (x: Value) => node("ReduceSum", [x, graph.ints([2, 3])]),
    /** The largest value of each row (of height 1) or column. */
    rowMaximum: (x: Value) => node("ReduceMax", [x], { axes: [3] }),
    columnMaximum: (x: Value) => node("ReduceMax", [x], { axes: [2] }),

    /** The x, or y, of each pixel's centre, in pixels. */
    columns: (x: Value) => pixelCentres(graph, x, 3),
    rows: (x: Value) => pixelCentres(graph, x, 2),

    /**
     * The mean, or maximum, of each square of `size` pixels: an image that is `size` times smaller.
     */
    shrink: (x: Value, size: number) => node("AveragePool", [x], blocks(size)),
    shrinkToMaximum: (x: Value, size: number) => node("MaxPool", [x], blocks(size)),
    /** Every pixel as a square of `size` pixels. */
    enlarge: (x: Value, size: number) =>
      node("Resize", [x, "", graph.floats([1, 1, size, size])], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      }),

    /** Lays a border of one pixel of this value around the image, or takes one away. */
    surround: (x: Value, value: number) =>
      node("Pad", [x, graph.ints([0, 0, 1, 1, 0, 0, 1, 1]), value]),
    peel: (x: Value) => node("Pad", [x, graph.ints([0, 0, -1, -1, 0, 0, -1, -1])]),

    /** The maximum, or mean, within `radius` pixels, in a square. */
    dilate: (x: Value, radius: number) => node("MaxPool", [x], window(radius, radius)),
    mean: (x: Value, radius: number) => node("AveragePool", [x], window(radius, radius)),
    /** The maximum of each pixel and its neighbours above, below, left and right. */
    dilateCross: (x: Value) =>
      node("Max", [node("MaxPool", [x], window(0, 1)), node("MaxPool", [x], window(1, 0))]),

    /** A correlation of a one-channel image with weights in a row, or in a column. */
    filterAlongX: (x: Value, weights: readonly number[]) => correlate(graph, x, weights, 3),
    filterAlongY: (x: Value, weights: readonly number[]) => correlate(graph, x, weights, 2),
    /** A Gaussian of standard deviation `sigma`, in pixels, over a one-channel image. */
    blur: (x: Value, sigma: number) => {
      const weights = gaussian(sigma);
      return correlate(graph, correlate(graph, x, weights, 3), weights, 2);
    },
  };
}

function blocks(size: number) {
  return { kernel_shape: [size, size], strides: [size, size] };
}

function window(radiusY: number, radiusX: number) {
  return {
    kernel_shape: [2 * radiusY + 1, 2 * radiusX + 1],
    pads: [radiusY, radiusX, radiusY, radiusX],
  };
}

function correlate(graph: GraphBuilder, x: Value, weights: readonly number[], axis: 2 | 3): Value {
  const margin = (weights.length - 1) / 2;
  const [marginY, marginX] = axis === 2 ? [margin, 0] : [0, margin];
  const margins = graph.ints([0, 0, marginY, marginX, 0, 0, marginY, marginX]);
  const extended = graph.node("Pad", [x, margins], { mode: "edge" });
  const dims = axis === 2 ? [1, 1, weights.length, 1] : [1, 1, 1, weights.length];
  return graph.node("Conv", [extended, graph.floats(weights, dims)]);
}

function gaussian(sigma: number): number[] {
  const radius = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function pixelCentres(graph: GraphBuilder, x: Value, axis: 2 | 3): Value {
  const scalar = (value: number) => graph.ints([value], []);
  const length = graph.node("Gather", [graph.node("Shape", [x]), scalar(axis)]);
  const indices = graph.node("Cast", [graph.node("Range", [scalar(0), length, scalar(1)])], {
    to: onnxDataTypes.indexOf("float32"),
  });
  const shape = graph.ints(axis === 3 ? [1, 1, 1, -1] : [1, 1, -1, 1]);
  return graph.node("Add", [graph.node("Reshape", [indices, shape]), 0.5]);
}
