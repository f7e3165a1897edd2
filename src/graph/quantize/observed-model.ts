import { GraphBuilder } from "../graph-builder.ts";
import type { OnnxGraph, OnnxModel } from "../onnx-nodes.ts";
import { valuesToObserve } from "./calibration.ts";

/** A model that also returns the ranges of the values that are to be bytes. */
export interface ObservedModel {
  readonly model: OnnxModel;
  /** Names of the values, in the order of the elements of each output in {@link rangeOutputs}. */
  readonly values: readonly string[];
}

/**
 * The outputs that are added, each float32 of [values]: the least and the greatest element of each
 * value, and the bounds within which 99.99 % of its elements lie on either side.
 */
export const rangeOutputs = {
  least: "orangery.least",
  greatest: "orangery.greatest",
  low: "orangery.low",
  high: "orangery.high",
} as const;

/** The share of a value's elements that may lie beyond each of its bounds. */
const shareBeyond = 1e-4;

/** Adds outputs to a model: the ranges of the values that are to be bytes. */
export function observeModel(model: OnnxModel): ObservedModel {
  const { graph } = model;
  const values = valuesToObserve(model);
  const builder = new GraphBuilder("ranges");
  builder.scope("orangery.range", () => {
    const bounds = values.map((value) => boundsOf(builder, value));
    for (const [bound, name] of Object.entries(rangeOutputs)) {
      const all = bounds.map((each) => each[bound as keyof typeof rangeOutputs]);
      builder.output(name, builder.node("Concat", all, { axis: 0 }), "float32", [values.length]);
    }
  });
  const ranges = builder.toGraph();
  const observed: OnnxGraph = {
    ...graph,
    nodes: [...graph.nodes, ...ranges.nodes],
    initializers: [...graph.initializers, ...ranges.initializers],
    outputs: [...graph.outputs, ...ranges.outputs],
  };
  return { model: { ...model, graph: observed }, values };
}

/** The bounds of one value, each a tensor of one element. */
function boundsOf(
  graph: GraphBuilder,
  value: string,
): { readonly [bound in keyof typeof rangeOutputs]: string } {
  const flat = graph.node("Reshape", [value, graph.ints([-1])]);
  const count = graph.cast(graph.node("Shape", [flat]), "float32");
  const beyond = graph.node("Ceil", [graph.node("Mul", [count, shareBeyond])]);
  const k = graph.cast(beyond, "int64");
  const [greatest, high] = ends(graph, { flat, k, largest: 1 });
  const [least, low] = ends(graph, { flat, k, largest: 0 });
  return { least, greatest, low, high };
}

/** The outermost of the k largest or smallest elements, and the innermost. */
function ends(
  graph: GraphBuilder,
  { flat, k, largest }: { readonly flat: string; readonly k: string; readonly largest: 0 | 1 },
): readonly [outermost: string, innermost: string] {
  const attributes = { axis: 0, largest, sorted: 1 };
  const [sorted = ""] = graph.nodes("TopK", [flat, k], { outputCount: 2, attributes });
  const at = (index: number) => graph.node("Gather", [sorted, graph.ints([index])], { axis: 0 });
  return [at(0), at(-1)];
}
