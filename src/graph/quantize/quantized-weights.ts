import type { OnnxTensor } from "../onnx-nodes.ts";
import { floatsOf } from "../onnx-tensor.ts";

/** Integers that, times the scale of their output channel, are about the weights. */
export interface QuantizedWeights<Elements> {
  /** As of the weights; the first is the number of output channels. */
  readonly dims: readonly number[];
  readonly elements: Elements;
  /** One for each output channel. */
  readonly scales: Float32Array;
}

/**
 * The greatest weight. Processors without VNNI add two products of an unsigned and a signed byte in
 * 16 bits, which overflow with weights of 8 bits (255 × 127 × 2 > 32,767): plants are lost (275 of
 * 280). 7 bits everywhere make one network for all processors.
 */
const greatestWeight = 63;

/** Quantises the weights and the bias of a convolution, float32. */
export function quantizeWeights({
  weights,
  bias,
  inputScale,
}: {
  /** [output channels, …] */
  readonly weights: OnnxTensor;
  /** [output channels] */
  readonly bias: OnnxTensor | undefined;
  /** The scale of the bytes that the convolution reads. */
  readonly inputScale: number;
}): {
  readonly weights: QuantizedWeights<Int8Array>;
  readonly bias: QuantizedWeights<Int32Array> | undefined;
} {
  const floats = floatsOf(weights);
  const [channels = 1] = weights.dims;
  const length = floats.length / channels;
  const scales = new Float32Array(channels);
  const elements = new Int8Array(floats.length);
  for (let channel = 0; channel < channels; channel++) {
    const [start, end] = [channel * length, (channel + 1) * length];
    let most = 0;
    for (let i = start; i < end; i++) most = Math.max(most, Math.abs(floats[i]!));
    const scale = Math.fround(most > 0 ? most / greatestWeight : 1);
    scales[channel] = scale;
    for (let i = start; i < end; i++) elements[i] = Math.round(floats[i]! / scale);
  }
  return {
    weights: { dims: weights.dims, elements, scales },
    bias:
      bias &&
      quantizeBias(
        bias,
        scales.map((scale) => scale * inputScale),
      ),
  };
}

/** A bias is added to sums of products, so it has their scale. */
function quantizeBias(bias: OnnxTensor, scales: Float32Array): QuantizedWeights<Int32Array> {
  const elements = Int32Array.from(floatsOf(bias), (value, channel) => {
    const rounded = Math.round(value / scales[channel]!);
    return Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, rounded));
  });
  return { dims: bias.dims, elements, scales };
}
