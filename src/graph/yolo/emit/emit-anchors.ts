import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { InputExtent, InputSize } from "../input-size.ts";

/** The places of a head's predictions: level by level, each row by row. */
export interface Anchors {
  /** (1, 2, anchors): x and y of the cells' centres, in cells. */
  readonly centres: Value;
  /** (1, 1, anchors): input pixels per cell. */
  readonly strides: Value;
}

/** Returns the number of anchors on an input of this size. */
export function anchorCount(size: InputSize, strides: readonly number[]): number {
  return strides.reduce((sum, s) => sum + (size.heightPx / s) * (size.widthPx / s), 0);
}

/**
 * Adds the anchors of a head: constants where the input's size is known, otherwise computed from
 * the sizes of the features.
 */
export function emitAnchors(
  graph: GraphBuilder,
  strides: readonly number[],
  features: readonly Value[],
  extent: InputExtent,
): Anchors {
  if (extent !== "dynamic") return constantAnchors(graph, strides, extent);
  const levels = strides.map((stride, i) => computedLevel(graph, stride, features[i]!));
  const join = (values: Value[]) => graph.node("Concat", values, { axis: 2 });
  return {
    centres: join(levels.map((level) => level.centres)),
    strides: join(levels.map((level) => level.strides)),
  };
}

function constantAnchors(
  graph: GraphBuilder,
  strides: readonly number[],
  size: InputSize,
): Anchors {
  const count = anchorCount(size, strides);
  const centres = new Float32Array(2 * count);
  const cellSizes = new Float32Array(count);
  let at = 0;
  for (const stride of strides) {
    const [rows, columns] = [size.heightPx / stride, size.widthPx / stride];
    cellSizes.fill(stride, at, at + rows * columns);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        centres[at] = column + 0.5;
        centres[count + at] = row + 0.5;
        at++;
      }
    }
  }
  return {
    centres: graph.weights(graph.scopedName("anchors"), [1, 2, count], centres),
    strides: graph.weights(graph.scopedName("strides"), [1, 1, count], cellSizes),
  };
}

/**
 * Computes the anchors of one level by counting the cells of each row and column.
 *
 * It counts in float32, exact up to 2^24, which takes a third of the nodes that integers take.
 * Nodes cost load time: where sizes are free, ONNX Runtime plans memory by comparing each tensor
 * with all before it (a chain of 200, 400 and 800 nodes: 14, 50 and 213 ms).
 */
function computedLevel(graph: GraphBuilder, stride: number, features: Value): Anchors {
  const gridSize = graph.node("Shape", [features], { start: 2 });
  const ones = graph.node("Expand", [graph.floats([1], [1, 1]), gridSize]);
  const flat = (cells: Value) => graph.node("Reshape", [cells, graph.ints([1, 1, -1])]);
  const countAlong = (axis: number) => flat(graph.node("CumSum", [ones, graph.ints([axis], [])]));
  const corners = graph.node("Concat", [countAlong(1), countAlong(0)], { axis: 1 });
  return {
    centres: graph.node("Sub", [corners, 0.5]),
    strides: graph.node("Mul", [flat(ones), stride]),
  };
}
