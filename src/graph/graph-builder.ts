import { type Attributes, toOnnxAttributes } from "./attributes.ts";
import { type OnnxDataType, onnxDataTypes } from "./onnx-data-type.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "./onnx-nodes.ts";
import { createWeights } from "./tensor.ts";

/** A value that flows through the graph: its name. */
export type Value = string;

/** What a node reads: a value, a scalar of the graph's float type, or "" for an optional input that is left out. */
export type NodeInput = Value | number;

/** The type of weights and activations. */
export type FloatType = "float32" | "float16";

/**
 * Writes a graph node by node, in the order in which it is to be run.
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
  #floatType: FloatType;

  constructor(name: string, options: { readonly floatType?: FloatType } = {}) {
    this.#name = name;
    this.#floatType = options.floatType ?? "float32";
  }

  /** The type of all weights and constants that are no integers. */
  get floatType(): FloatType {
    return this.#floatType;
  }

  /** Adds what `build` adds with weights and constants of another float type. */
  inFloatType<T>(floatType: FloatType, build: () => T): T {
    const outer = this.#floatType;
    this.#floatType = floatType;
    try {
      return build();
    } finally {
      this.#floatType = outer;
    }
  }

  /** Declares an input; a dim is a number or, where the size is free, its name. */
  input(name: string, elementType: OnnxDataType, dims: ValueInfo["dims"]): Value {
    this.#inputs.push(valueInfo(name, elementType, dims));
    return name;
  }

  /** Declares `value` to be the output `name`. */
  output(name: string, value: Value, elementType: OnnxDataType, dims: ValueInfo["dims"]): void {
    this.#pushNode("Identity", [value], [name], {});
    this.#outputs.push(valueInfo(name, elementType, dims));
  }

  /** Adds a node with one output and returns that. */
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

  /** A tensor that is part of the model: weights, or any constant that is not a scalar. */
  initializer(tensor: OnnxTensor): Value {
    this.#initializers.push(tensor);
    return tensor.name;
  }

  /** Weights, rounded to the graph's float type. */
  weights(name: string, dims: readonly number[], values: Float32Array): Value {
    const elements = this.floatType === "float16" ? Float16Array.from(values) : values;
    return this.initializer(createWeights(name, dims, elements));
  }

  /**
   * A constant of the graph's float type, or of another where an operator wants that; the same
   * constant is stored once.
   */
  floats(
    values: readonly number[],
    dims: readonly number[] = [values.length],
    floatType: FloatType = this.floatType,
  ): Value {
    const elements = floatType === "float16" ? Float16Array : Float32Array;
    return this.#constant(elements.from(values), dims);
  }

  cast(x: Value, elementType: OnnxDataType): Value {
    return this.node("Cast", [x], { to: onnxDataTypes.indexOf(elementType) });
  }

  /** An int64 constant, as axes, shapes and indices are; the same constant is stored once. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): Value {
    return this.#constant(BigInt64Array.from(values, BigInt), dims);
  }

  /** Names all nodes that `build` adds with `name` in front, as the layers of a network are. */
  scope<T>(name: string, build: () => T): T {
    this.#scope.push(name);
    try {
      return build();
    } finally {
      this.#scope.pop();
    }
  }

  /** A graph for an attribute, such as a loop's body; its nodes may read this graph's values too. */
  subgraph(name: string, build: (body: GraphBuilder) => void): OnnxGraph {
    const body = new GraphBuilder(this.scopedName(name), { floatType: this.floatType });
    // The names of a graph and its subgraphs must all differ.
    body.scope(this.scopedName(name), () => build(body));
    return body.toGraph();
  }

  /** `name` with the scopes it is in, for tensors that should carry their layer's name. */
  scopedName(name: string): string {
    return [...this.#scope, name].join(".");
  }

  /** The names of the scopes that are open, joined by dots. */
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
   * The finished model. Opset 17 (ONNX 1.12) has every operator we need and kernels on every
   * execution provider.
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

  #constant(elements: Float32Array | Float16Array | BigInt64Array, dims: readonly number[]): Value {
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
