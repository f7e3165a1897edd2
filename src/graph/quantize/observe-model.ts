import { GraphBuilder } from "../graph-builder.ts";
import type { OnnxGraph, OnnxModel } from "../onnx-nodes.ts";
import { valuesToObserve } from "./calibration.ts";

/** A model that also returns the ranges of the values that are to be bytes. */
export interface ObservedModel {
  readonly model: OnnxModel;
  /** Names of the values, in the order of the output {@link rangesOutput}. */
  readonly values: readonly string[];
}

/**
 * The output that is added, float32 of [4 × values]: of each value the least and the greatest
 * element, and the bounds beyond which one in 10,000 of its elements lies on either side.
 */
export const rangesOutput = "orangery.ranges";

/** The elements of which one lies beyond a bound; rounded up. */
const oneBeyondIn = 10_000;

/** Bounds are those of every 7th element: all would take three times as long as the network. */
const boundsStep = 7;

/** Adds outputs to a model: the ranges of the values that are to be bytes. */
export function observeModel(model: OnnxModel): ObservedModel {
  const { graph } = model;
  const values = valuesToObserve(model);
  const added = new GraphBuilder("ranges");
  // ONNX Runtime orders nodes backwards from the output. In this order it observes each value as
  // soon as it is computed; in the other, all are in memory at once (2.3 GB, YOLO11m).
  const bounds = new Map(values.toReversed().map((value) => [value, observe(added, value)]));
  const inOrder = values.flatMap((value) => bounds.get(value)!);
  const ranges = added.scope(rangesOutput, () => added.node("Concat", inOrder, { axis: 0 }));
  added.output(rangesOutput, ranges, "float32", [4 * values.length]);
  const { nodes, initializers, outputs } = added.toGraph();
  const observed: OnnxGraph = {
    ...graph,
    nodes: [...graph.nodes, ...nodes],
    initializers: [...graph.initializers, ...initializers],
    outputs: [...graph.outputs, ...outputs],
  };
  return { model: { ...model, graph: observed }, values };
}

/** Adds the nodes that find the bounds of one value, each a tensor of one element. */
function observe(graph: GraphBuilder, value: string): readonly string[] {
  return graph.scope(`orangery.range.${value}`, () => {
    const flat = graph.node("Reshape", [value, graph.ints([-1])]);
    const slice = [0, 2 ** 31 - 1, 0, boundsStep].map((number) => graph.ints([number]));
    const some = graph.node("Slice", [flat, ...slice]);
    const count = graph.node("Add", [graph.node("Shape", [some]), graph.ints([oneBeyondIn - 1])]);
    const k = graph.node("Div", [count, graph.ints([oneBeyondIn])]);
    const bound = (largest: 0 | 1) => {
      const attributes = { axis: 0, largest, sorted: 1 };
      const [sorted = ""] = graph.nodes("TopK", [some, k], { outputCount: 2, attributes });
      return graph.node("Gather", [sorted, graph.ints([-1])], { axis: 0 });
    };
    return [graph.node("ReduceMin", [flat]), graph.node("ReduceMax", [flat]), bound(0), bound(1)];
  });
}
