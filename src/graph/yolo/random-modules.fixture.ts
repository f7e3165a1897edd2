import { elementCount } from "../onnx-tensor.ts";
import type { Activation, ConvModule, ConvTransposeModule, Weights } from "./modules.ts";

/** A convolution to be made; padding keeps the size. */
export interface ConvOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly activation?: Activation;
  /** Every bias. */
  readonly bias?: number;
  /** Factor on the weights. */
  readonly gain?: number;
}

/**
 * Makes modules with random weights; the same seed makes the same weights. They are uniform, with
 * a variance by fan-in (He et al. 2015), so that signals neither die nor explode on their way.
 * Depthwise filters sum to zero: what follows sees edges and not how bright the picture is.
 */
export class RandomModules {
  readonly #activation: Activation;
  readonly #hasWeights: boolean;
  #state: number;

  /**
   * @param seed Without one the weights are all 0, for what depends on their number alone.
   * @param activation Of convolutions that are asked for without one.
   */
  constructor(seed: number | undefined, activation: Activation = "silu") {
    this.#hasWeights = seed !== undefined;
    this.#state = (seed ?? 0) >>> 0;
    this.#activation = activation;
  }

  conv(inputs: number, outputs: number, options: ConvOptions = {}): ConvModule {
    const { kernel = 1, stride = 1, groups = 1, bias = 0, gain = 1 } = options;
    const { activation = this.#activation } = options;
    const depthwise = groups === inputs && groups > 1;
    const perGroup = inputs / groups;
    const weight = this.#weights([outputs, perGroup, kernel, kernel], perGroup * kernel ** 2, gain);
    if (depthwise) centreFilters(weight.values, kernel ** 2);
    return {
      kind: "conv",
      weight,
      bias: constant(outputs, bias),
      stride: [stride, stride],
      padding: [Math.floor(kernel / 2), Math.floor(kernel / 2)],
      dilation: [1, 1],
      groups,
      activation,
    };
  }

  convTranspose(inputs: number, outputs: number, stride: number): ConvTransposeModule {
    return {
      kind: "convTranspose",
      weight: this.#weights([inputs, outputs, stride, stride], inputs, 1),
      bias: constant(outputs, 0),
      stride: [stride, stride],
    };
  }

  #weights(dims: readonly number[], fanIn: number, gain: number): Weights {
    const limit = gain * Math.sqrt(6 / fanIn);
    const values = new Float32Array(elementCount(dims));
    if (!this.#hasWeights) return { dims, values };
    for (let i = 0; i < values.length; i++) values[i] = (2 * this.#uniform() - 1) * limit;
    return { dims, values };
  }

  /** Mulberry32 (Tommy Ettinger, public domain): 0 up to 1. */
  #uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }
}

function centreFilters(values: Float32Array, filterLength: number): void {
  for (let start = 0; start < values.length; start += filterLength) {
    const filter = values.subarray(start, start + filterLength);
    const mean = filter.reduce((sum, weight) => sum + weight, 0) / filterLength;
    for (const [i, weight] of filter.entries()) filter[i] = weight - mean;
  }
}

function constant(length: number, value: number): Weights {
  return { dims: [length], values: new Float32Array(length).fill(value) };
}
