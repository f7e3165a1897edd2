import { newNode } from "../new-node.ts";
import type { OnnxModel, ValueInfo } from "../onnx-nodes.ts";
import { createWeights } from "../tensor.ts";

/** Before, Slice took as attributes what are inputs here. */
const leastOpset = 10;

/**
 * Hides from ONNX Runtime what shape the input has, even its rank, and so the shapes of all values.
 *
 * To plan memory, it (1.30) compares each value that has a shape with all values before it, to find
 * one of equal size whose memory it can use. Where sizes are free it finds none: that takes 45 of
 * the 65 ms in which YOLO11m is mapped. Where they are fixed, what it finds makes runs take more
 * memory: with two at a time YOLOv8m has 345 MB besides its weights, and 243 without a plan. Runs
 * take equally long either way.
 */
export function hideShapes(model: OnnxModel): OnnxModel {
  const { graph, opsetVersion } = model;
  const [input] = graph.inputs;
  if (input?.elementType !== "float32" || opsetVersion < leastOpset) return model;
  const { name } = input;
  const { nodes, initializers, hidden } = withoutShape(input);
  const readers = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((from) => (from === name ? hidden : from)),
  }));
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...nodes, ...readers],
      initializers: [...graph.initializers, ...initializers],
    },
  };
}

/** Its first value is NaN or not: only a run finds out that this is so for all of its extents. */
function withoutShape({ name, dims }: ValueInfo) {
  const named = (part: string) => `orangery.input.${part}`;
  const ints = (part: string, values: readonly number[]) =>
    createWeights(named(part), [values.length], BigInt64Array.from(values, BigInt));
  const from = ints(
    "from",
    dims.map(() => 0),
  );
  const to = ints(
    "to",
    dims.map(() => 1),
  );
  const one = ints("one", [1]);
  const rank = ints("rank", [dims.length]);
  const nodes = [
    newNode("Slice", [name, from.name, to.name], named("corner")),
    newNode("Reshape", [named("corner"), one.name], named("first")),
    newNode("IsNaN", [named("first")], named("isNaN")),
    newNode("Not", [named("isNaN")], named("isNumber")),
    newNode("Or", [named("isNaN"), named("isNumber")], named("isEither")),
    newNode("Expand", [named("isEither"), rank.name], named("areThere")),
    newNode("Shape", [name], named("shape")),
    newNode("Compress", [named("shape"), named("areThere")], named("extents")),
    newNode("Reshape", [name, named("extents")], named("hidden")),
  ];
  return { nodes, initializers: [from, to, one, rank], hidden: named("hidden") };
}
