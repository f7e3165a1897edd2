import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { DetectModule } from "../modules.ts";

/** A head's values of all anchors, each (batch, channels, anchors). */
export interface AnchorRows {
  /** Xyxy in input pixels. */
  readonly boxes: Value;
  readonly scores: Value;
  readonly coefficients: Value | undefined;
}

/**
 * Adds the selection of an end-to-end head: the anchors with the best scores, and of all their
 * scores the best again, so that an anchor may become several detections, of several classes.
 *
 * @returns (batch, detections, 6 + coefficients)
 */
export function selectBest(
  graph: GraphBuilder,
  { classCount, endToEnd }: DetectModule,
  { boxes, scores, coefficients }: AnchorRows,
): Value {
  const count = emitDetectionCount(graph, scores, endToEnd!.maxDetections);
  const best = graph.node("ReduceMax", [scores], { axes: [1], keepdims: 0 });
  const [, anchors] = topK(graph, best, count);
  const anchorScores = pick(graph, anchorsFirst(graph, scores), anchors);
  const flat = graph.node("Reshape", [anchorScores, graph.ints([0, -1])]);
  const [chosenScores, chosen] = topK(graph, flat, count);

  const classes = graph.ints([classCount]);
  const chosenAnchors = pick(graph, anchors, graph.node("Div", [chosen, classes]));
  const column = (values: Value) => graph.node("Unsqueeze", [values, graph.ints([2])]);
  const classIds = graph.cast(graph.node("Mod", [chosen, classes]), "float32");
  const rowsOf = (values: Value) => pick(graph, anchorsFirst(graph, values), chosenAnchors);
  const columns = [rowsOf(boxes), column(chosenScores), column(classIds)];
  if (coefficients !== undefined) columns.push(rowsOf(coefficients));
  return graph.node("Concat", columns, { axis: 2 });
}

/** Adds the number of detections: the maximum, or all anchors where there are fewer. */
function emitDetectionCount(graph: GraphBuilder, scores: Value, maxDetections: number): Value {
  const [, , anchors] = graph.split(graph.node("Shape", [scores]), [1, 1, 1], 0);
  return graph.node("Min", [anchors!, graph.ints([maxDetections])]);
}

function topK(graph: GraphBuilder, x: Value, count: Value): [values: Value, indices: Value] {
  return graph.nodes("TopK", [x, count], { outputCount: 2, attributes: { axis: 1 } }) as [
    Value,
    Value,
  ];
}

/** Turns (batch, channels, anchors) into (batch, anchors, channels). */
function anchorsFirst(graph: GraphBuilder, x: Value): Value {
  return graph.node("Transpose", [x], { perm: [0, 2, 1] });
}

/** Takes, for each item of the batch, the entries at its indices (batch, indices) along axis 1. */
function pick(graph: GraphBuilder, x: Value, indices: Value): Value {
  const tuples = graph.node("Unsqueeze", [indices, graph.ints([-1])]);
  return graph.node("GatherND", [x, tuples], { batch_dims: 1 });
}
