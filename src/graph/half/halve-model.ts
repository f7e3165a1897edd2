import { OrangeryError } from "../../errors.ts";
import { whyNotReducible } from "../decoding.ts";
import { constantsOf, hasInnerGraph, outputNamesOf } from "../graph-values.ts";
import { newNode } from "../new-node.ts";
import { type OnnxDataType, onnxDataTypes } from "../onnx-data-type.ts";
import type { OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "../onnx-nodes.ts";
import { createWeights, floatsOf } from "../onnx-tensor.ts";
import { chooseHalfNodes, floatInputs, takesAnyType } from "./half-nodes.ts";
import { valueTypes } from "./value-types.ts";

export interface HalveOptions {
  /** What the network's input is: a photo's bytes, or floats from 0 to 1. Default `floats`. */
  readonly input?: "bytes" | "floats" | undefined;
}

/**
 * Makes a float32 network compute in float16: its weights, and what flows through it. The decoding
 * of the head and the outputs stay in float32.
 *
 * @throws `MODEL_NOT_QUANTIZABLE` for a network that is not of float32, is quantised, has loops or
 *   branches, or no convolution
 */
export function halveModel(model: OnnxModel, options: HalveOptions = {}): OnnxModel {
  requireHalvable(model);
  return new Halving(model, options).run();
}

function requireHalvable({ graph }: OnnxModel): void {
  const nested = graph.nodes.find(hasInnerGraph);
  const came = nested ? `one with ${nested.opType}` : whyNotReducible(graph);
  if (came === undefined) return;
  throw new OrangeryError(
    "MODEL_NOT_QUANTIZABLE",
    `Expected a network of float32 with convolutions to compute in float16, got ${came}. ` +
      "Give the .pt that was trained, or its export in float32.",
  );
}

type FloatType = "float32" | "float16";

class Halving {
  readonly #model: OnnxModel;
  readonly #options: HalveOptions;
  readonly #types: ReadonlyMap<string, OnnxDataType>;
  readonly #halves: ReadonlySet<OnnxNode>;
  readonly #constants: ReadonlyMap<string, OnnxTensor>;
  readonly #outputs: ReadonlySet<string>;
  /** The names of each float32 value of the network, by the types that it exists in. */
  readonly #names = new Map<string, Partial<Record<FloatType, string>>>();
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];

  constructor(model: OnnxModel, options: HalveOptions) {
    this.#model = model;
    this.#options = options;
    this.#types = valueTypes(model.graph);
    this.#halves = chooseHalfNodes(model.graph, this.#types);
    this.#constants = constantsOf(model.graph);
    this.#outputs = outputNamesOf(model.graph);
  }

  run(): OnnxModel {
    const { graph } = this.#model;
    const inputs = graph.inputs.map((input) => this.#readInput(input));
    for (const node of graph.nodes) this.#addConverted(node);
    const used = new Set(this.#nodes.flatMap(({ inputs: names }) => names));
    const kept = graph.initializers.filter(({ name }) => used.has(name) || this.#outputs.has(name));
    const initializers = [...kept, ...this.#initializers];
    return { ...this.#model, graph: { ...graph, inputs, nodes: this.#nodes, initializers } };
  }

  /** A photo's bytes are exact in float16; divided by 255, they are rounded once. */
  #readInput(input: ValueInfo): ValueInfo {
    const { name } = input;
    if (this.#options.input !== "bytes") {
      this.#names.set(name, { float32: name });
      return input;
    }
    this.#names.set(name, {});
    return { ...input, elementType: "uint8" };
  }

  #addConverted(node: OnnxNode): void {
    const type = this.#halves.has(node) ? "float16" : "float32";
    const converted = new Set(takesAnyType.has(node.opType) ? [] : floatInputs(node));
    const inputs = node.inputs.map((name) => {
      if (this.#types.get(name) !== "float32") return name;
      return converted.has(name) ? this.#valueIn(name, type) : this.#valueInAny(name);
    });
    const outputs = node.outputs.map((name) => {
      if (this.#types.get(name) !== "float32") return name;
      // A graph's outputs keep their names, and are float32.
      const written = type === "float16" && this.#outputs.has(name) ? `${name}.float16` : name;
      this.#names.set(name, { [type]: written });
      return written;
    });
    this.#nodes.push({ ...node, inputs, outputs });
    for (const [i, name] of node.outputs.entries()) {
      if (outputs[i] === name) continue;
      this.#cast(outputs[i]!, "float32", name);
      this.#names.set(name, { float16: outputs[i]!, float32: name });
    }
  }

  /** Returns the name of a float32 value of the network in a type, converted where it is not. */
  #valueIn(value: string, type: FloatType): string {
    const names = this.#names.get(value) ?? {};
    const known = names[type];
    if (known !== undefined) return known;
    const name = this.#convert(value, type, names);
    this.#names.set(value, { ...names, [type]: name });
    return name;
  }

  #valueInAny(value: string): string {
    const { float16, float32 = float16 } = this.#names.get(value) ?? {};
    return float32 ?? value;
  }

  #convert(value: string, type: FloatType, names: Partial<Record<FloatType, string>>): string {
    const constant = this.#constants.get(value);
    if (constant !== undefined) return type === "float32" ? value : this.#addHalf(constant);
    const name = `${value}.${type}`;
    const from = names.float16 ?? names.float32;
    if (from !== undefined) return this.#cast(from, type, name);
    const bytes = this.#cast(value, type, `${value}.${type}.bytes`);
    this.#nodes.push(newNode("Div", [bytes, this.#addWhite(type)], name));
    return name;
  }

  #addHalf({ name, dims, ...tensor }: OnnxTensor): string {
    const half = createWeights(`${name}.float16`, dims, Float16Array.from(floatsOf(tensor)));
    this.#initializers.push(half);
    return half.name;
  }

  /** Adds what a photo's bytes are divided by. */
  #addWhite(type: FloatType): string {
    const elements = type === "float16" ? Float16Array.of(255) : Float32Array.of(255);
    const white = createWeights(`orangery.white.${type}`, [], elements);
    if (!this.#initializers.some(({ name }) => name === white.name)) this.#initializers.push(white);
    return white.name;
  }

  #cast(from: string, type: FloatType, name: string): string {
    const to = onnxDataTypes.indexOf(type);
    this.#nodes.push(newNode("Cast", [from], name, { to }));
    return name;
  }
}
