import type { GraphBuilder, Value } from "../../src/graph/graph-builder.ts";
import type { ImageOperations } from "./image-operations.ts";
import { untilStable } from "./until-stable.ts";

/** As many as a YOLO11 network has mask prototypes. */
export const maxBeds = 32;

/** Cells all around a bed's core that must be dry too: what is thinner than 5 cells is no bed. */
const coreRadius = 2;

/** More than any number of columns, so that cells can be numbered row by row. */
const columnLimit = 4096;

/** Up to 32 beds, one a channel. */
export interface Beds {
  /** (1, 32, rows, columns): 1 in the cells of the bed, else 0. */
  readonly members: Value;
  /** (1, 32, 1, 1): whether there is a bed in this channel. */
  readonly exists: Value;
}

/** Measures of beds, each (1, 32, 1, 1), 0 where there is no bed. */
export interface BedMeasures {
  readonly xPx: Value;
  readonly yPx: Value;
  readonly widthPx: Value;
  readonly heightPx: Value;
  /** 0..1: how much of its box the bed fills, less if it is hardly darker than the ground. */
  readonly score: Value;
}

/**
 * Finds the connected pieces of dry land that are thick enough: each cell of a piece takes the
 * highest number among the piece's core cells, and the cell with that number stands for the piece.
 */
export function findBeds(graph: GraphBuilder, ops: ImageOperations, dry: Value): Beds {
  const core = ops.difference(1, ops.dilate(ops.difference(1, dry), coreRadius));
  const numbers = ops.sum(ops.product(ops.rows(dry), columnLimit), ops.columns(dry));
  const labels = untilStable(graph, "label", ops.product(core, numbers), (o, label) =>
    o.product(o.dilate(label, 1), dry),
  );

  const chosen = ops.product(ops.toMask(ops.isEqual(labels, numbers)), numbers);
  // With zeros behind, since a picture may have fewer cells than there are channels for beds.
  const candidates = graph.node(
    "Concat",
    [graph.node("Reshape", [chosen, graph.ints([-1])]), graph.floats(Array(maxBeds).fill(0))],
    { axis: 0 },
  );
  const [highest] = graph.nodes("TopK", [candidates, graph.ints([maxBeds])], { outputCount: 2 });
  const bedLabels = graph.node("Reshape", [highest!, graph.ints([1, maxBeds, 1, 1])]);
  const exists = ops.isAbove(bedLabels, 0);
  return { members: ops.toMask(ops.both(ops.isEqual(labels, bedLabels), exists)), exists };
}

/** Boxes and scores of beds; `light` is logarithmic. */
export function measureBeds(
  ops: ImageOperations,
  { members, exists }: Beds,
  ground: { readonly wet: Value; readonly light: Value; readonly cellPx: number },
): BedMeasures {
  const { wet, light, cellPx } = ground;
  const isMember = ops.isAbove(members, 0);
  const farthest = (place: Value) => ops.maximum(ops.choose(isMember, place, -columnLimit));
  const extent = (centres: Value) => {
    const last = ops.sum(farthest(centres), 0.5);
    const first = ops.difference(-0.5, farthest(ops.negative(centres)));
    return { middle: ops.quotient(ops.sum(first, last), 2), size: ops.difference(last, first) };
  };
  const horizontal = extent(ops.columns(members));
  const vertical = extent(ops.rows(members));

  const meanLight = (mask: Value) =>
    ops.quotient(ops.total(ops.product(mask, light)), ops.larger(ops.total(mask), 1));
  const lightRatio = ops.exponential(ops.difference(meanLight(members), meanLight(wet)));
  const darkness = ops.clamp(ops.product(ops.difference(1, lightRatio), 8), 0, 1);
  const fill = ops.quotient(ops.total(members), ops.product(horizontal.size, vertical.size));

  const ofBeds = (measure: Value, factor: number) =>
    ops.choose(exists, ops.product(measure, factor), 0);
  return {
    xPx: ofBeds(horizontal.middle, cellPx),
    yPx: ofBeds(vertical.middle, cellPx),
    widthPx: ofBeds(horizontal.size, cellPx),
    heightPx: ofBeds(vertical.size, cellPx),
    score: ofBeds(ops.product(fill, darkness), 1),
  };
}
