import { GraphBuilder, type Value } from "../../src/graph/graph-builder.ts";
import type { OnnxModel } from "../../src/graph/onnx-nodes.ts";
import { toYoloMetadata } from "../../src/graph/yolo/yolo-metadata.ts";
import { toAnchors, toPrototypes } from "./bed-outputs.ts";
import { findBeds, maxBeds, measureBeds } from "./beds.ts";
import { type ImageOperations, imageOperations } from "./image-operations.ts";
import { untilStable } from "./until-stable.ts";

/** Sides of the cells in which water flows, in input pixels: first roughly, then finely. */
const coarsePx = 8;
const finePx = 4;

/**
 * The least ratio of light between neighbouring pixels that is an edge, as a logarithm. On the
 * example photos every piece of a frame has 0.54 or more, and 99 % of the ground less than 0.2.
 */
const edgeContrast = 0.33;

/**
 * A segmenter of framed beds, without any training: classical image operations, written as an ONNX
 * graph that looks like a YOLO11 segmentation network from outside. Water comes in over the borders
 * of the picture and cannot cross edges, so that all stays dry that has a closed frame. Dry land
 * that is thick enough, and darker than what is under water, is a bed.
 *
 * Input `images` (1, 3, height, width), RGB in 0..1, sides in multiples of 32; made for image size
 * 1280. A bed must lie within the picture, 24 px or more from the next. Outputs: `output0`
 * (1, 37, anchors), centre and size in input pixels, score and mask coefficients; `output1`
 * (1, 32, height/4, width/4), mask prototypes. Each bed has a prototype to itself, and the anchor
 * of stride 32 that holds its box's centre; all other anchors have score 0.
 */
export function buildBedSegmenter(): OnnxModel {
  const graph = new GraphBuilder("beds");
  const ops = imageOperations(graph);
  const images = graph.input("images", "float32", [1, 3, "height", "width"]);

  const pixels = ops.shrink(images, 2);
  const light = ops.logarithm(ops.sum(ops.channelMaximum(pixels), 0.03));
  const contrast = contrastOf(ops, light, paddingOf(ops, pixels));
  const openAt = (cellPx: number) =>
    ops.toMask(ops.isBelow(ops.shrinkToMaximum(contrast, cellPx / 2), edgeContrast));

  const wet = flood(graph, ops, openAt(coarsePx));
  const beds = findBeds(graph, ops, ops.difference(1, wet));
  const measures = measureBeds(ops, beds, {
    wet,
    light: ops.shrink(light, coarsePx / 2),
    cellPx: coarsePx,
  });
  const anchors = toAnchors(graph, ops, { measures, grid: ops.shrink(wet, 32 / coarsePx) });
  graph.output("output0", anchors, "float32", [1, 5 + maxBeds, "anchors"]);

  let fineWet = ops.enlarge(wet, coarsePx / finePx);
  for (let i = 0; i < 3; i++) fineWet = flow(ops, fineWet, openAt(finePx));
  const prototypes = toPrototypes(ops, beds, ops.difference(1, fineWet));
  graph.output("output1", prototypes, "float32", [1, maxBeds, "rows", "columns"]);
  return graph.toModel({
    metadata: toYoloMetadata({
      description: "Bed segmenter of classical image operations",
      task: "segment",
      stride: 32,
      imageSizeHw: [1280, 1280],
      names: ["bed"],
      dynamic: true,
    }),
  });
}

/** Where the picture is padded to its size: whole rows or columns of the letterbox's grey. */
function paddingOf(ops: ImageOperations, pixels: Value): Value {
  const distance = ops.channelMaximum(ops.magnitude(ops.difference(pixels, 114 / 255)));
  const isGrey = (greatest: Value) => ops.isBelow(greatest, 0.5 / 255);
  const lines = ops.either(isGrey(ops.rowMaximum(distance)), isGrey(ops.columnMaximum(distance)));
  // One pixel more, since the outermost may be half photo.
  return ops.dilate(ops.toMask(lines), 1);
}

/** The range of `light` within 3×3 pixels, padding left out. */
function contrastOf(ops: ImageOperations, light: Value, padding: Value): Value {
  const isPhoto = ops.isBelow(padding, 0.5);
  const greatest = (x: Value) => ops.dilate(ops.choose(isPhoto, x, -10), 1);
  return ops.sum(greatest(light), greatest(ops.negative(light)));
}

/** 1 for the cells that water reaches from around the picture, else 0. */
function flood(graph: GraphBuilder, ops: ImageOperations, open: Value): Value {
  const land = ops.surround(open, 1);
  const sea = ops.surround(ops.product(open, 0), 1);
  return ops.peel(untilStable(graph, "flood", sea, (o, water) => flow(o, water, land)));
}

/** One step of the water: from each cell to its four neighbours, where the land is open. */
function flow(ops: ImageOperations, water: Value, open: Value): Value {
  return ops.product(ops.dilateCross(water), open);
}
