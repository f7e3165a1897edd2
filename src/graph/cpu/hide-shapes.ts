import { changeInput, type InputChange } from "../byte-input.ts";
import { newNode } from "../new-node.ts";
import type { OnnxModel, ValueInfo } from "../onnx-nodes.ts";
import { createIntegers } from "../onnx-tensor.ts";

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
  const [input] = model.graph.inputs;
  if (input?.elementType !== "float32" || model.opsetVersion < leastOpset) return model;
  return changeInput(model, "orangery.hidden", (_, value) => withoutShape(input, value));
}

/** Selects all extents by a condition that only a run evaluates: the first value is NaN or not. */
function withoutShape({ name, dims: { length } }: ValueInfo, value: string): InputChange {
  const named = (part: string) => `orangery.input.${part}`;
  const from = createIntegers(named("from"), Array(length).fill(0));
  const to = createIntegers(named("to"), Array(length).fill(1));
  const one = createIntegers(named("one"), [1]);
  const rank = createIntegers(named("rank"), [length]);
  const nodes = [
    newNode("Slice", [name, from.name, to.name], named("corner")),
    newNode("Reshape", [named("corner"), one.name], named("first")),
    newNode("IsNaN", [named("first")], named("isNaN")),
    newNode("Not", [named("isNaN")], named("isNumber")),
    newNode("Or", [named("isNaN"), named("isNumber")], named("isEither")),
    newNode("Expand", [named("isEither"), rank.name], named("areThere")),
    newNode("Shape", [name], named("shape")),
    newNode("Compress", [named("shape"), named("areThere")], named("extents")),
    newNode("Reshape", [name, named("extents")], value),
  ];
  return { nodes, initializers: [from, to, one, rank] };
}
