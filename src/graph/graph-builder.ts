import { type Attributes, toOnnxAttributes } from "./attributes.ts";
import { type OnnxDataType, onnxDataTypes } from "./onnx-data-type.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "./onnx-nodes.ts";
import { createWeights } from "./onnx-tensor.ts";

/** A value that flows through the graph: its name. */
export type Value = string;

/** An input of a node: a value, a scalar of float32, or "" for one left out. */
export type NodeInput = Value | number;

/**
 * Builds a graph node by node, in the order of a run.
 *
 * ```ts
 * const graph = new GraphBuilder("double");
 * const x = graph.input("x", "float32", [1, "n"]);
 * graph.output("y", graph.node("Mul", [x, 2]), "float32", [1, "n"]);
 * const bytes = serializeModel(graph.toModel());
 * ```
 */
export class GraphBuilder {
  readonly #name: string;
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #constants = new Map<string, Value>();
  readonly #scope: string[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  /** Declares an input. A dim is a number, or a name where the size is free. */
  input(name: string, elementType: OnnxDataType, dims: ValueInfo["dims"]): Value {
    this.#inputs.push(valueInfo(name, elementType, dims));
    return name;
  }

  /** Declares `value` as the output `name`. */
  output(name: string, value: Value, elementType: OnnxDataType, dims: ValueInfo["dims"]): void {
    this.#pushNode("Identity", [value], [name], {});
    this.#outputs.push(valueInfo(name, elementType, dims));
  }

  /** Adds a node with one output and returns the output. */
  node(opType: string, inputs: readonly NodeInput[], attributes: Attributes = {}): Value {
    return this.nodes(opType, inputs, { attributes, outputCount: 1 })[0]!;
  }

  /** Adds a node with several outputs and returns them in order. */
  nodes(
    opType: string,
    inputs: readonly NodeInput[],
    options: { readonly outputCount: number; readonly attributes?: Attributes },
  ): Value[] {
    const stem = this.scopedName(`${opType}_${this.#nodes.length}`);
    const outputs = Array.from({ length: options.outputCount }, (_, i) =>
      options.outputCount === 1 ? stem : `${stem}:${i}`,
    );
    this.#pushNode(opType, inputs, outputs, options.attributes ?? {});
    return outputs;
  }

  /** Splits along `axis` into parts of these sizes. */
  split(x: Value, sizes: readonly number[], axis: number): Value[] {
    return this.nodes("Split", [x, this.ints(sizes)], {
      outputCount: sizes.length,
      attributes: { axis },
    });
  }

  /** Adds a tensor that is part of the model, such as weights. */
  initializer(tensor: OnnxTensor): Value {
    this.#initializers.push(tensor);
    return tensor.name;
  }

  /** Adds weights of float32. */
  weights(name: string, dims: readonly number[], values: Float32Array): Value {
    return this.initializer(createWeights(name, dims, values));
  }

  /** Adds a constant of float32; equal ones are stored once. */
  floats(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#constant(Float32Array.from(values), dims);
  }

  cast(x: Value, elementType: OnnxDataType): Value {
    return this.node("Cast", [x], { to: onnxDataTypes.indexOf(elementType) });
  }

  /** Adds an int64 constant, as axes, shapes and indices are; equal ones are stored once. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#constant(BigInt64Array.from(values, BigInt), dims);
  }

  /** Puts `name` before the names of all nodes that `build` adds, as layers of networks have it. */
  scope<T>(name: string, build: () => T): T {
    this.#scope.push(name);
    try {
      return build();
    } finally {
      this.#scope.pop();
    }
  }

  /** Builds a graph for an attribute, such as a loop's body; it may read this graph's values. */
  subgraph(name: string, build: (body: GraphBuilder) => void): OnnxGraph {
    const body = new GraphBuilder(this.scopedName(name));
    // Names must be unique in a graph and its subgraphs.
    body.scope(this.scopedName(name), () => build(body));
    return body.toGraph();
  }

  /** Returns `name` with its scopes before it, for tensors named after their layer. */
  scopedName(name: string): string {
    return [...this.#scope, name].join(".");
  }

  /** The names of the open scopes, joined by dots. */
  get scopePath(): string {
    return this.#scope.join(".");
  }

  toGraph(): OnnxGraph {
    return Object.freeze({
      name: this.#name,
      nodes: Object.freeze([...this.#nodes]),
      initializers: Object.freeze([...this.#initializers]),
      inputs: Object.freeze([...this.#inputs]),
      outputs: Object.freeze([...this.#outputs]),
    });
  }

  /**
   * Returns the finished model. Opset 17 (ONNX 1.12) has all operators that are needed, and
   * kernels for them on every execution provider.
   */
  toModel(options: { readonly metadata?: Iterable<readonly [string, string]> } = {}): OnnxModel {
    return Object.freeze({
      irVersion: 8,
      opsetVersion: 17,
      producerName: "orangery",
      producerVersion: "",
      graph: this.toGraph(),
      metadata: new Map(options.metadata ?? []),
    });
  }

  #constant(elements: Float32Array | BigInt64Array, dims: readonly number[]): Value {
    const key = `${elements.constructor.name}[${dims.join(",")}](${elements.join(",")})`;
    let value = this.#constants.get(key);
    if (value === undefined) {
      const name = this.scopedName(`constant_${this.#constants.size}`);
      value = this.initializer(createWeights(name, dims, elements));
      this.#constants.set(key, value);
    }
    return value;
  }

  #pushNode(
    opType: string,
    inputs: readonly NodeInput[],
    outputs: readonly Value[],
    attributes: Attributes,
  ): void {
    const names = inputs.map((input) =>
      typeof input === "number" ? this.floats([input], []) : input,
    );
    this.#nodes.push(
      Object.freeze({
        name: this.scopedName(`${opType}_${this.#nodes.length}`),
        opType,
        inputs: Object.freeze(names),
        outputs: Object.freeze([...outputs]),
        attributes: toOnnxAttributes(opType, attributes),
      }),
    );
  }
}

function valueInfo(name: string, elementType: OnnxDataType, dims: ValueInfo["dims"]): ValueInfo {
  return Object.freeze({ name, elementType, dims: Object.freeze([...dims]) });
}
