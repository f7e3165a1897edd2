import type { GraphBuilder, Value } from "../../src/graph/graph-builder.ts";
import { type BedMeasures, type Beds, maxBeds } from "./beds.ts";
import type { ImageOperations } from "./image-operations.ts";

/**
 * (1, 37, anchors): each bed at the anchor of stride 32 that holds its box's centre. The values of
 * the beds times "which cell holds which bed" puts all in their places at once.
 *
 * @param options - `grid`: any image with one pixel per cell of stride 32.
 */
export function toAnchors(
  graph: GraphBuilder,
  ops: ImageOperations,
  { measures, grid }: { readonly measures: BedMeasures; readonly grid: Value },
): Value {
  const { xPx, yPx, widthPx, heightPx, score } = measures;
  const holds = (centrePx: Value, cellCentres: Value) =>
    ops.isEqual(ops.roundDown(ops.quotient(centrePx, 32)), ops.roundDown(cellCentres));
  const cells = ops.both(
    ops.both(holds(xPx, ops.columns(grid)), holds(yPx, ops.rows(grid))),
    ops.isAbove(score, 0),
  );
  const cellsOfBeds = graph.node("Reshape", [ops.toMask(cells), graph.ints([1, maxBeds, -1])]);

  const asRow = (x: Value) => graph.node("Reshape", [x, graph.ints([1, 1, maxBeds])]);
  const rows = [xPx, yPx, widthPx, heightPx, score].map(asRow);
  const anchors = graph.node("MatMul", [ops.stack([...rows, ownPrototypes(graph)]), cellsOfBeds]);

  // The levels of strides 8 and 16 come first and have 16 and 4 anchors for each one of stride 32.
  const count = graph.node("Shape", [cellsOfBeds], { start: 2 });
  const finer = graph.node("Mul", [count, graph.ints([16 + 4])]);
  const zero = graph.ints([0]);
  const margins = graph.node("Concat", [zero, zero, finer, zero, zero, zero], { axis: 0 });
  return graph.node("Pad", [anchors, margins]);
}

/** Mask coefficients (1, 32, 32): of bed number i, 1 for prototype number i. */
function ownPrototypes(graph: GraphBuilder): Value {
  const identity = Array.from({ length: maxBeds ** 2 }, (_, i) =>
    i % (maxBeds + 1) === 0 ? 1 : 0,
  );
  return graph.floats(identity, [1, maxBeds, maxBeds]);
}

/** The least share of dry cells within two cells around that is inside a bed. */
const innerShare = 0.7;

/**
 * (1, 32, rows, columns), above 0 inside the bed. Dry cells include the edges on the frame's outer
 * side; the threshold moves the border inwards by one cell, to the middle of the frame.
 */
export function toPrototypes(ops: ImageOperations, { members }: Beds, fineDry: Value): Value {
  const inside = ops.difference(ops.mean(fineDry, 2), innerShare);
  const near = ops.enlarge(ops.dilate(members, 1), 2);
  return ops.choose(ops.isAbove(near, 0), inside, -innerShare);
}
