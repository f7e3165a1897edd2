import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { InputExtent } from "../input-size.ts";
import {
  coefficientCount,
  type DetectModule,
  detectOf,
  type Weights,
  type YoloHead,
  type YoloModule,
} from "../modules.ts";
import { type Anchors, emitAnchors } from "./emit-anchors.ts";
import { selectBest } from "./emit-selection.ts";
import { describeMap, type FeatureMap } from "./feature-map.ts";
import type { ModuleEmitter } from "./module-emitter.ts";

/** The outputs of a network. */
export interface HeadOutputs {
  /**
   * Raw: (batch, 4 + classes + coefficients, anchors), boxes as centre and size in input pixels,
   * class scores in 0..1; anchors go level by level, each row by row. End-to-end: (batch,
   * detections, 6 + coefficients), rows of xyxy, score, class, best first.
   */
  readonly detections: Value;
  /**
   * (batch, coefficients, rows, columns) at a quarter of the input size, from a segmentation head.
   */
  readonly prototypes: FeatureMap | undefined;
}

/**
 * Adds a head.
 *
 * @param extent Of the input; where it is free, `image` has the size of a nominal one.
 */
export function emitHead(
  emitter: ModuleEmitter,
  head: YoloHead,
  features: readonly FeatureMap[],
  { image, extent }: { readonly image: FeatureMap; readonly extent: InputExtent },
): HeadOutputs {
  const { graph } = emitter;
  const detect = detectOf(head);
  requireLevels(emitter, detect, features, image);
  const values = features.map(({ value }) => value);
  const anchors = emitAnchors(graph, detect.strides, values, extent);
  const distances = emitDistances(emitter, detect, features);
  const decode = detect.endToEnd === undefined ? toXywh : toXyxy;
  const boxes = decode(graph, distances, anchors);
  const scores = graph.node("Sigmoid", [
    perAnchor(emitter, features, "cv3", detect.cv3, detect.classCount),
  ]);
  const coefficients =
    head.kind === "segment"
      ? perAnchor(emitter, features, "cv4", head.cv4, coefficientCount(head))
      : undefined;
  const detections =
    detect.endToEnd === undefined
      ? graph.node("Concat", [boxes, scores, ...(coefficients ? [coefficients] : [])], { axis: 1 })
      : selectBest(graph, detect, { boxes, scores, coefficients });
  return { detections, prototypes: emitPrototypes(emitter, head, features) };
}

function emitPrototypes(
  emitter: ModuleEmitter,
  head: YoloHead,
  features: readonly FeatureMap[],
): FeatureMap | undefined {
  if (head.kind === "detect") return undefined;
  return emitter.emit("proto", head.proto, ...features);
}

function requireLevels(
  emitter: ModuleEmitter,
  { strides }: DetectModule,
  features: readonly FeatureMap[],
  image: FeatureMap,
): void {
  if (features.length !== strides.length) {
    emitter.refuse(`${strides.length} levels of features`, `${features.length}`);
  }
  for (const [i, level] of features.entries()) {
    const stride = strides[i]!;
    if (level.rows * stride !== image.rows || level.columns * stride !== image.columns) {
      emitter.refuse(`features at stride ${stride}`, describeMap(level));
    }
  }
}

/** Adds a branch on every level and joins all cells: (batch, channels, anchors). */
function perAnchor(
  emitter: ModuleEmitter,
  features: readonly FeatureMap[],
  branch: string,
  levels: readonly YoloModule[],
  channels: number,
): Value {
  const { graph } = emitter;
  if (levels.length !== features.length) {
    emitter.refuse(`${features.length} branches ${branch}`, `${levels.length}`);
  }
  const cells = levels.map((level, i) => {
    const map = emitter.emit(`${branch}.${i}`, level, features[i]!);
    graph.scope(`${branch}.${i}`, () => emitter.requireSame({ ...features[i]!, channels }, map));
    return graph.node("Reshape", [map.value, graph.ints([0, channels, -1])]);
  });
  return graph.node("Concat", cells, { axis: 2 });
}

/** Adds the distances to the sides, (batch, 4, anchors): left, top, right, bottom, in cells. */
function emitDistances(
  emitter: ModuleEmitter,
  { cv2, dfl }: DetectModule,
  features: readonly FeatureMap[],
): Value {
  if (dfl === undefined) return perAnchor(emitter, features, "cv2", cv2, 4);
  const distributions = perAnchor(emitter, features, "cv2", cv2, 4 * dfl.values.length);
  const { graph } = emitter;
  return graph.scope("dfl", () => expectedDistances(graph, dfl, distributions));
}

/**
 * Decodes distribution focal loss (Li et al. 2020): the expectation of each distribution. ONNX
 * Runtime multiplies by a column three times as fast as by a vector.
 */
function expectedDistances(graph: GraphBuilder, { values }: Weights, distributions: Value): Value {
  const bySide = graph.node("Reshape", [distributions, graph.ints([0, 4, values.length, -1])]);
  const binsLast = graph.node("Transpose", [bySide], { perm: [0, 1, 3, 2] });
  const probabilities = graph.node("Softmax", [binsLast], { axis: -1 });
  const bins = graph.weights(graph.scopedName("weight"), [values.length, 1], values);
  const means = graph.node("MatMul", [probabilities, bins]);
  return graph.node("Reshape", [means, graph.ints([0, 4, -1])]);
}

function toXyxy(graph: GraphBuilder, distances: Value, anchors: Anchors): Value {
  const [topLeft, bottomRight] = corners(graph, distances, anchors);
  return inPixels(graph, [topLeft, bottomRight], anchors);
}

function toXywh(graph: GraphBuilder, distances: Value, anchors: Anchors): Value {
  const [topLeft, bottomRight] = corners(graph, distances, anchors);
  const centre = graph.node("Div", [graph.node("Add", [topLeft, bottomRight]), 2]);
  const extent = graph.node("Sub", [bottomRight, topLeft]);
  return inPixels(graph, [centre, extent], anchors);
}

function corners(graph: GraphBuilder, distances: Value, { centres }: Anchors): [Value, Value] {
  const [leftTop, rightBottom] = graph.split(distances, [2, 2], 1) as [Value, Value];
  return [graph.node("Sub", [centres, leftTop]), graph.node("Add", [centres, rightBottom])];
}

function inPixels(graph: GraphBuilder, pairs: readonly Value[], { strides }: Anchors): Value {
  return graph.node("Mul", [graph.node("Concat", pairs, { axis: 1 }), strides]);
}
