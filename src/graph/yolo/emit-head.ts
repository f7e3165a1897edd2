import type { GraphBuilder, Value } from "../graph-builder.ts";
import { createTensor } from "../tensor.ts";
import { emitModule } from "./emit-module.ts";
import type { DetectModule, SegmentModule, Weights, YoloModule } from "./modules.ts";

/** Sizes of the network's input in pixels. */
export interface InputSize {
  readonly heightPx: number;
  readonly widthPx: number;
}

/**
 * Adds a detection head: (1, 4 + classes, anchors), with boxes as centre and size in input pixels
 * and class scores in 0..1. Anchors go level by level, each row by row.
 */
export function emitDetect(
  graph: GraphBuilder,
  module: DetectModule,
  features: readonly Value[],
  size: InputSize,
): Value {
  const binCount = module.dfl.values.length;
  const distributions = perAnchor(graph, "cv2", module.cv2, features, 4 * binCount);
  const distances = graph.scope("dfl", () => expectedDistances(graph, module.dfl, distributions));
  const boxes = toBoxes(graph, distances, anchorsOf(module, size));
  const logits = perAnchor(graph, "cv3", module.cv3, features, module.classCount);
  return graph.node("Concat", [boxes, graph.node("Sigmoid", [logits])], { axis: 1 });
}

/**
 * Adds a segmentation head: the rows of a detection head and below them the mask coefficients,
 * and the mask prototypes at a quarter of the input size.
 */
export function emitSegment(
  graph: GraphBuilder,
  module: SegmentModule,
  features: readonly Value[],
  size: InputSize,
): [detections: Value, prototypes: Value] {
  const detections = emitDetect(graph, module.detect, features, size);
  const prototypes = emitModule(graph, "proto", module.proto, features[0]!);
  const count = module.proto.cv3.weight.dims[0]!;
  const coefficients = perAnchor(graph, "cv4", module.cv4, features, count);
  return [graph.node("Concat", [detections, coefficients], { axis: 1 }), prototypes];
}

/** One branch of the head on every level, its cells joined to (1, channels, anchors). */
function perAnchor(
  graph: GraphBuilder,
  name: string,
  levels: readonly YoloModule[],
  features: readonly Value[],
  channels: number,
): Value {
  const cells = levels.map((level, i) => {
    const map = emitModule(graph, `${name}.${i}`, level, features[i]!);
    return graph.node("Reshape", [map, graph.ints([1, channels, -1])]);
  });
  return graph.node("Concat", cells, { axis: 2 });
}

/**
 * The decoding of distribution focal loss (Li et al. 2020): the expectation of each side's
 * distribution. Gives (1, 4, anchors): left, top, right, bottom, in cells.
 */
function expectedDistances(graph: GraphBuilder, { values }: Weights, distributions: Value): Value {
  const bySide = graph.node("Reshape", [distributions, graph.ints([1, 4, values.length, -1])]);
  const binsLast = graph.node("Transpose", [bySide], { perm: [0, 1, 3, 2] });
  const probabilities = graph.node("Softmax", [binsLast], { axis: -1 });
  const bins = createTensor(graph.scopedName("weight"), [values.length], values);
  return graph.node("MatMul", [probabilities, graph.initializer(bins)]);
}

interface Anchors {
  /** (1, 2, anchors): centres of the cells, x above y, in cells. */
  readonly centres: readonly number[];
  /** (1, 1, anchors): input pixels per cell. */
  readonly strides: readonly number[];
}

function anchorsOf(module: DetectModule, size: InputSize): Anchors {
  const cells = module.strides.flatMap((stride) => {
    const [rows, columns] = [size.heightPx / stride, size.widthPx / stride];
    return Array.from({ length: rows * columns }, (_, cell) => ({
      x: (cell % columns) + 0.5,
      y: Math.floor(cell / columns) + 0.5,
      stride,
    }));
  });
  return {
    centres: [...cells.map(({ x }) => x), ...cells.map(({ y }) => y)],
    strides: cells.map(({ stride }) => stride),
  };
}

function toBoxes(graph: GraphBuilder, distances: Value, anchors: Anchors): Value {
  const count = anchors.strides.length;
  const centres = graph.floats(anchors.centres, [1, 2, count]);
  const [leftTop, rightBottom] = graph.split(distances, [2, 2], 1) as [Value, Value];
  const topLeft = graph.node("Sub", [centres, leftTop]);
  const bottomRight = graph.node("Add", [centres, rightBottom]);
  const centre = graph.node("Div", [graph.node("Add", [topLeft, bottomRight]), 2]);
  const extent = graph.node("Sub", [bottomRight, topLeft]);
  return graph.node("Mul", [
    graph.node("Concat", [centre, extent], { axis: 1 }),
    graph.floats(anchors.strides, [1, 1, count]),
  ]);
}
