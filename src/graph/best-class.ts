import type { Attributes } from "./attributes.ts";
import { newNode } from "./new-node.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "./onnx-nodes.ts";
import { createWeights } from "./onnx-tensor.ts";

/**
 * Makes a raw head return, for each anchor, the best score of its classes and which class that is
 * (of equals the first), in place of the scores of all classes: of (batch, 4 + classes +
 * coefficients, anchors) remains (batch, 6 + coefficients, anchors). With 80 classes, a device
 * returns a fourteenth of the output, and no thread has to search for the best. If a score is NaN,
 * the class is `classCount`, which does not exist.
 *
 * The class is computed without ArgMax, which CUDA has only for older operator sets.
 */
export function keepBestClass(model: OnnxModel, classCount: number): OnnxModel {
  const { graph } = model;
  const [output, ...others] = graph.outputs;
  const head = new HeadNodes(model, output!.name);
  const scores = head.rows("scores", 4, 4 + classCount);
  const best = head.largest("score", scores);
  // The first class has the largest rank, so that of equal scores the first is taken.
  const ranks = head.floats(
    "ranks",
    Array.from({ length: classCount }, (_, id) => classCount - id),
  );
  const isBest = head.add("Equal", [scores, best]);
  const rank = head.largest("rank", head.add("Where", [isBest, ranks, head.floats("none", [0])]));
  const classId = head.add("Sub", [head.floats("count", [classCount]), rank]);
  const [batch, channels, anchors] = output!.dims;
  const extras = typeof channels === "number" ? channels - 4 - classCount : 0;
  const parts = [head.rows("boxes", 0, 4), best, classId];
  if (extras > 0) parts.push(head.rows("extras", 4 + classCount, 4 + classCount + extras));
  head.add("Concat", parts, { axis: 1 }, output!.name);
  return {
    ...model,
    graph: {
      ...graph,
      nodes: [...graph.nodes.map((node) => head.renamed(node)), ...head.nodes],
      initializers: [...graph.initializers, ...head.initializers],
      outputs: [{ ...output!, dims: [batch!, 6 + extras, anchors!] }, ...others],
    },
  };
}

/** The nodes that follow what was a network's output. */
class HeadNodes {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  readonly #output: string;
  readonly #all: string;
  readonly #axis: string;
  readonly #hasAxesAsInput: boolean;

  constructor({ opsetVersion }: OnnxModel, output: string) {
    this.#output = output;
    this.#all = `${output}.all`;
    this.#axis = this.#integer("axis", 1);
    this.#hasAxesAsInput = opsetVersion >= 18;
  }

  /** The new output takes over the old one's name. */
  renamed(node: OnnxNode): OnnxNode {
    const rename = (name: string) => (name === this.#output ? this.#all : name);
    return { ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) };
  }

  rows(name: string, from: number, to: number): string {
    const [start, end] = [this.#integer(`${name}.from`, from), this.#integer(`${name}.to`, to)];
    return this.add("Slice", [this.#all, start, end, this.#axis]);
  }

  /** The largest of each anchor's values. */
  largest(name: string, values: string): string {
    if (this.#hasAxesAsInput) {
      return this.add("ReduceMax", [values, this.#axis], { keepdims: 1 }, `best.${name}`);
    }
    return this.add("ReduceMax", [values], { keepdims: 1, axes: [1] }, `best.${name}`);
  }

  floats(name: string, values: readonly number[]): string {
    return this.#constant(name, [1, values.length, 1], Float32Array.from(values));
  }

  add(
    opType: string,
    inputs: readonly string[],
    attributes: Attributes = {},
    name = `best.${this.nodes.length}`,
  ): string {
    this.nodes.push(newNode(opType, inputs, name, attributes));
    return name;
  }

  #integer(name: string, value: number): string {
    return this.#constant(name, [1], BigInt64Array.of(BigInt(value)));
  }

  #constant(name: string, dims: readonly number[], elements: Float32Array | BigInt64Array): string {
    const tensor = createWeights(`best.${name}`, dims, elements);
    this.initializers.push(tensor);
    return tensor.name;
  }
}
