import type { GraphBuilder, Value } from "../../src/graph/graph-builder.ts";
import { onnxDataTypes } from "../../src/graph/onnx-data-type.ts";
import { type ImageOperations, imageOperations } from "./image-operations.ts";

/** Steps between two looks at whether anything changed; a look costs as much as a step. */
const stepsPerLook = 8;

/**
 * Repeats `step` on a one-channel image until it changes nothing, as an ONNX loop called `name`.
 * The step may read other values of `graph`, but must have an end: its image must only grow, and
 * within bounds.
 */
export function untilStable(
  graph: GraphBuilder,
  name: string,
  start: Value,
  step: (ops: ImageOperations, image: Value) => Value,
): Value {
  const body = graph.subgraph(name, (loop) => {
    const ops = imageOperations(loop);
    loop.input(loop.scopedName("iteration"), "int64", []);
    loop.input(loop.scopedName("running"), "bool", []);
    const before = loop.input(loop.scopedName("before"), "float32", [1, 1, "rows", "columns"]);
    let after = before;
    for (let i = 0; i < stepsPerLook; i++) after = step(ops, after);
    const change = loop.node("ReduceMax", [ops.magnitude(ops.difference(after, before))], {
      keepdims: 0,
    });
    loop.output(loop.scopedName("changing"), ops.isAbove(change, 0), "bool", []);
    loop.output(loop.scopedName("after"), after, "float32", [1, 1, "rows", "columns"]);
  });
  const always = graph.node("Cast", [graph.ints([1], [])], { to: onnxDataTypes.indexOf("bool") });
  return graph.node("Loop", ["", always, start], { body });
}
