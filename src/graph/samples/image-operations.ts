import { elementTypes } from "../element-type.ts";
import type { GraphBuilder, NodeInput, Value } from "../graph-builder.ts";

/** The operations on images (1, channels, height, width) that the sample models are made of. */
export type ImageOperations = ReturnType<typeof imageOperations>;

/**
 * Image operations that add their nodes to `graph`. Numbers stand for constant images. Borders
 * continue with their last pixel, so that they look like nothing in particular.
 */
export function imageOperations(graph: GraphBuilder) {
  const node = graph.node.bind(graph);
  const binary = (opType: string) => (a: NodeInput, b: NodeInput) => node(opType, [a, b]);

  /** Repeats the border `size` pixels outwards. */
  const extend = (x: Value, size: number) =>
    node("Pad", [x, graph.ints([0, 0, size, size, 0, 0, size, size])], { mode: "edge" });

  const correlate = (x: Value, kernel: readonly (readonly number[])[]) =>
    node("Conv", [x, graph.floats(kernel.flat(), [1, 1, kernel.length, kernel[0]!.length])]);

  /** (i + ½) for each pixel along `axis`, in a shape that spreads over the image. */
  const pixelCentres = (x: Value, axis: 2 | 3) => {
    const length = node("Gather", [node("Shape", [x]), graph.ints([axis], [])]);
    const range = node("Range", [graph.ints([0], []), length, graph.ints([1], [])]);
    const indices = node("Cast", [range], { to: elementTypes.indexOf("float32") });
    const shape = axis === 3 ? [1, 1, 1, -1] : [1, 1, -1, 1];
    return node("Add", [node("Reshape", [indices, graph.ints(shape)]), 0.5]);
  };

  return {
    sum: binary("Add"),
    difference: binary("Sub"),
    product: binary("Mul"),
    quotient: binary("Div"),
    larger: binary("Max"),
    smaller: binary("Min"),
    atLeast: binary("GreaterOrEqual"),
    equal: binary("Equal"),
    both: binary("And"),
    squareRoot: (x: Value) => node("Sqrt", [x]),
    clamp: (x: Value, low: number, high: number) => node("Clip", [x, low, high]),
    /** `a` where the condition holds, else `b`. */
    choose: (condition: Value, a: NodeInput, b: NodeInput) => node("Where", [condition, a, b]),
    stack: (images: readonly Value[]) => node("Concat", images, { axis: 1 }),
    channels: (x: Value, count: number) => graph.split(x, Array(count).fill(1), 1),

    /** The x of each pixel's centre, in pixels. */
    columns: (x: Value) => pixelCentres(x, 3),
    /** The y of each pixel's centre, in pixels. */
    rows: (x: Value) => pixelCentres(x, 2),

    /** The mean of each square of `size` pixels: an image that is `size` times smaller. */
    shrink: (x: Value, size: number) =>
      node("AveragePool", [x], { kernel_shape: [size, size], strides: [size, size] }),
    /** The maximum of each square of `size` pixels: an image that is `size` times smaller. */
    shrinkToMaximum: (x: Value, size: number) =>
      node("MaxPool", [x], { kernel_shape: [size, size], strides: [size, size] }),
    /** Every pixel as a square of `size` pixels. */
    enlarge: (x: Value, size: number) =>
      node("Resize", [x, "", graph.floats([1, 1, size, size])], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      }),
    /** The maximum within `radius` pixels, in a square. */
    dilate: (x: Value, radius: number) =>
      node("MaxPool", [x], {
        kernel_shape: [2 * radius + 1, 2 * radius + 1],
        pads: [radius, radius, radius, radius],
      }),

    /** A 3×3 correlation of a one-channel image. */
    filter: (x: Value, kernel: readonly (readonly number[])[]) => correlate(extend(x, 1), kernel),
    /** A Gaussian of standard deviation `sigma`, in pixels, over a one-channel image. */
    blur: (x: Value, sigma: number) => {
      const weights = gaussian(sigma);
      const horizontal = correlate(extend(x, (weights.length - 1) / 2), [weights]);
      return correlate(horizontal, weights.map((weight) => [weight]));
    },
  };
}

function gaussian(sigma: number): number[] {
  const radius = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}
