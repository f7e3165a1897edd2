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

const shareBeyond = 1e-4;

/** Bounds are those of every 7th element: all would take three times as long as the network. */
const boundsStep = 7;

/** Adds outputs to a model: the ranges of the values that are to be bytes. */
export function observeModel(model: OnnxModel): ObservedModel {
  const { graph } = model;
  const values = valuesToObserve(model);
  const observers = new Map(values.map((value) => [value, observe(value)]));
  const joined = new GraphBuilder("ranges");
  const ranges = joined.node(
    "Concat",
    [...observers.values()].flatMap(({ bounds }) => bounds),
    {
      axis: 0,
    },
  );
  joined.output(rangesOutput, ranges, "float32", [4 * values.length]);
  const { nodes, outputs } = joined.toGraph();
  const observed: OnnxGraph = {
    ...graph,
    // ONNX Runtime goes back from the output, the last node first. In this order it observes each
    // value as soon as it is computed; in the other, all are in memory together (2.3 GB, YOLO11m).
    nodes: [
      ...graph.nodes,
      ...[...observers.values()].toReversed().flatMap((observer) => observer.graph.nodes),
      ...nodes,
    ],
    initializers: [
      ...graph.initializers,
      ...[...observers.values()].flatMap(({ graph: { initializers } }) => initializers),
    ],
    outputs: [...graph.outputs, ...outputs],
  };
  return { model: { ...model, graph: observed }, values };
}

/** The nodes that find the bounds of one value, each a tensor of one element. */
function observe(value: string): { readonly graph: OnnxGraph; readonly bounds: readonly string[] } {
  const graph = new GraphBuilder(value);
  const bounds = graph.scope(`orangery.range.${value}`, () => {
    const flat = graph.node("Reshape", [value, graph.ints([-1])]);
    const slice = [0, 2 ** 31 - 1, 0, boundsStep].map((number) => graph.ints([number]));
    const some = graph.node("Slice", [flat, ...slice]);
    const count = graph.cast(graph.node("Shape", [some]), "float32");
    const beyond = graph.node("Ceil", [graph.node("Mul", [count, shareBeyond])]);
    const k = graph.cast(beyond, "int64");
    const bound = (largest: 0 | 1) => {
      const attributes = { axis: 0, largest, sorted: 1 };
      const [sorted = ""] = graph.nodes("TopK", [some, k], { outputCount: 2, attributes });
      return graph.node("Gather", [sorted, graph.ints([-1])], { axis: 0 });
    };
    return [graph.node("ReduceMin", [flat]), graph.node("ReduceMax", [flat]), bound(0), bound(1)];
  });
  return { graph: graph.toGraph(), bounds };
}
