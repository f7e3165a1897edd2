import { constantsOf } from "../graph-values.ts";
import { newNode } from "../new-node.ts";
import type { OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "../onnx-nodes.ts";
import { createWeights } from "../onnx-tensor.ts";
import type { rangesOf, ValueRange } from "./calibration.ts";
import { chooseQuantizedValues } from "./quantized-values.ts";
import { type QuantizedWeights, quantizeWeights } from "./quantized-weights.ts";

export interface QuantizeOptions {
  /** As {@link rangesOf} returns them. */
  readonly ranges: ReadonlyMap<string, ValueRange>;
  /** What the network's input is: a photo's bytes, or floats from 0 to 1. Default `floats`. */
  readonly input?: "bytes" | "floats" | undefined;
}

/** The scale and the zero point of bytes, as names of initializers. */
interface ByteScale {
  readonly scale: number;
  readonly names: readonly [scale: string, zeroPoint: string];
}

/**
 * Quantises a float32 network: activations become unsigned bytes, with one scale for each value;
 * weights of convolutions become signed bytes, with one scale for each output channel. It is
 * written as QuantizeLinear and DequantizeLinear around the operators ("QDQ"), of which ONNX
 * Runtime makes operators on bytes.
 */
export function quantizeModel(model: OnnxModel, options: QuantizeOptions): OnnxModel {
  return new Quantization(model, options).run();
}

class Quantization {
  readonly #model: OnnxModel;
  readonly #options: QuantizeOptions;
  /** For each value to be quantised, the value whose range it has. */
  readonly #rangeOf: ReadonlyMap<string, string>;
  readonly #quantized: ReadonlySet<OnnxNode>;
  readonly #weights: ReadonlyMap<string, OnnxTensor>;
  readonly #scales = new Map<string, ByteScale>();
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxTensor[] = [];

  constructor(model: OnnxModel, options: QuantizeOptions) {
    const { nodes, rangeOf } = chooseQuantizedValues(model.graph);
    this.#model = model;
    this.#options = options;
    this.#rangeOf = rangeOf;
    this.#quantized = nodes;
    this.#weights = constantsOf(model.graph);
  }

  run(): OnnxModel {
    const { graph } = this.#model;
    const inputs = graph.inputs.map((input) => this.#readInput(input));
    for (const node of graph.nodes) {
      this.#nodes.push({ ...node, inputs: this.#inputsOf(node) });
      for (const output of node.outputs) this.#roundTrip(output);
    }
    const used = new Set(this.#nodes.flatMap(({ inputs: names }) => names));
    const kept = graph.initializers.filter(({ name }) => used.has(name));
    const initializers = [...kept, ...this.#initializers];
    return { ...this.#model, graph: { ...graph, inputs, nodes: this.#nodes, initializers } };
  }

  /** A photo's bytes are exact: its range is that of all photos, not of those that were seen. */
  #readInput(input: ValueInfo): ValueInfo {
    const { name } = input;
    if (!this.#rangeOf.has(name)) return input;
    this.#scales.set(name, this.#addScale(name, [0, 1]));
    if (this.#options.input !== "bytes") {
      this.#roundTrip(name);
      return input;
    }
    this.#addNode("DequantizeLinear", [name, ...this.#scaleOf(name).names], floatsName(name));
    return { ...input, elementType: "uint8" };
  }

  /** Rounds a value to bytes and back, where it is to be bytes. */
  #roundTrip(value: string): void {
    if (!this.#rangeOf.has(value)) return;
    const { names } = this.#scaleOf(value);
    const bytes = `${value}.bytes`;
    this.#addNode("QuantizeLinear", [value, ...names], bytes);
    this.#addNode("DequantizeLinear", [bytes, ...names], floatsName(value));
  }

  #inputsOf(node: OnnxNode): readonly string[] {
    const inputs = node.inputs.map((name) => (this.#rangeOf.has(name) ? floatsName(name) : name));
    if (node.opType !== "Conv" || !this.#quantized.has(node)) return inputs;
    const [x = "", weightName = "", biasName = ""] = node.inputs;
    const [output = ""] = node.outputs;
    const { scale } = this.#scaleOf(x);
    const { weights, bias } = quantizeWeights({
      weights: this.#weights.get(weightName)!,
      bias: this.#weights.get(biasName),
      inputScale: scale,
    });
    const [read = ""] = inputs;
    const rest = [this.#dequantize(`${output}.weight`, weights)];
    if (bias !== undefined) rest.push(this.#dequantize(`${output}.bias`, bias));
    return [read, ...rest];
  }

  #dequantize(
    name: string,
    { dims, elements, scales }: QuantizedWeights<Int8Array | Int32Array>,
  ): string {
    const names = [
      this.#add(createWeights(`${name}.integers`, dims, elements)),
      this.#add(createWeights(`${name}.scales`, [scales.length], scales)),
    ];
    this.#addNode("DequantizeLinear", names, name, { axis: 0 });
    return name;
  }

  #scaleOf(value: string): ByteScale {
    const owner = this.#rangeOf.get(value)!;
    let known = this.#scales.get(owner);
    if (known === undefined) {
      known = this.#addScale(owner, this.#options.ranges.get(owner)!);
      this.#scales.set(owner, known);
    }
    return known;
  }

  /** Zero must be exactly representable, since padding uses it. */
  #addScale(value: string, [least, greatest]: ValueRange): ByteScale {
    const [low, high] = [Math.min(0, least), Math.max(0, greatest)];
    const scale = Math.fround(high > low ? (high - low) / 255 : 1);
    const zeroPoint = Math.min(255, Math.round(-low / scale));
    const names = [
      this.#add(createWeights(`${value}.scale`, [], Float32Array.of(scale))),
      this.#add(createWeights(`${value}.zero`, [], Uint8Array.of(zeroPoint))),
    ] as const;
    return { scale, names };
  }

  #add(tensor: OnnxTensor): string {
    this.#initializers.push(tensor);
    return tensor.name;
  }

  #addNode(...node: Parameters<typeof newNode>): void {
    this.#nodes.push(newNode(...node));
  }
}

/** The name of a value after its rounding to bytes. */
function floatsName(value: string): string {
  return `${value}.floats`;
}
