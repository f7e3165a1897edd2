import { toOnnxAttributes } from "../../attributes.ts";
import { inputLayoutOf } from "../../byte-input.ts";
import { constantsOf, withoutUnread } from "../../graph-values.ts";
import { ownDomain } from "../../onnx/domains.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { createWeights, floatsOf } from "../../onnx-tensor.ts";
import { wholeSteps } from "../whole-steps.ts";

/**
 * Two products of more may overflow where processors without VNNI add them up in 16 bits; which two
 * are added depends on the number of channels.
 */
const largestWeight = 64;
/** Outputs that ConvolvePixels computes at a time: `group_outputs` of `convolve-pixels.h`. */
const groupOutputs = 16;
/** What ConvolvePixels takes of an attribute. */
const mostOfAttribute = 4095;

/** A first convolution, as ConvolvePixels computes it. */
interface FirstConvolution {
  readonly weights: OnnxTensor;
  readonly biases: Int32Array;
  /** From a sum to steps of the output, for each output. */
  readonly factors: Float32Array;
  readonly attributes: Readonly<Record<"kernel" | "outputs" | "pad" | "stride" | "zero", number>>;
}

/**
 * Replaces the first convolution of an int8 network whose photo comes pixel by pixel by
 * ConvolvePixels, which computes the same bytes in a fifth of the time.
 */
export function convolvePixels(model: OnnxModel): OnnxModel {
  if (inputLayoutOf(model.metadata) !== "pixels") return model;
  const { graph } = model;
  const photo = graph.inputs[0]!.name;
  const constants = constantsOf(graph);
  const added: OnnxTensor[] = [];
  const nodes = graph.nodes.map((node) => {
    const found = node.inputs[0] === photo ? readConvolution(node, constants) : undefined;
    if (found === undefined) return node;
    const packed = pack(`${node.outputs[0]}.packed`, found);
    added.push(packed);
    const opType = "ConvolvePixels";
    const attributes = toOnnxAttributes(opType, found.attributes);
    return { ...node, opType, domain: ownDomain, inputs: [photo, packed.name], attributes };
  });
  const initializers = [...graph.initializers, ...added];
  return withoutUnread({ ...model, graph: { ...graph, nodes, initializers } });
}

/** Undefined for what is no convolution of all three channels with weights of 7 bits around 0. */
function readConvolution(
  node: OnnxNode,
  constants: ReadonlyMap<string, OnnxTensor>,
): FirstConvolution | undefined {
  const { opType, inputs, attributes } = node;
  if (opType !== "QLinearConv") return undefined;
  const [, inputScale, inputZero, weights, weightScales, weightZeros, scale, zero, bias] =
    inputs.map((name) => constants.get(name));
  if (weights?.elementType !== "int8" || weights.dims[1] !== 3) return undefined;
  const [outputs = 0, , kernel = 0, width] = weights.dims;
  const steps = wholeSteps(node);
  if (steps === undefined) return undefined;
  const { stride, pad } = steps;
  const isUsual =
    attributes.channels_last?.value === 1 &&
    kernel === width &&
    pad < kernel &&
    [outputs, kernel, stride].every((value) => value > 0 && value <= mostOfAttribute);
  const areAroundZero = [inputZero, weightZeros].every((tensor) =>
    tensor?.rawData.every((byte) => byte === 0),
  );
  const areSmall = signed(weights).every((weight) => Math.abs(weight) <= largestWeight);
  if (!isUsual || !areAroundZero || !areSmall) return undefined;
  const [own, result] = [oneOf(inputScale), oneOf(scale)];
  if (own === undefined || result === undefined || weightScales?.elementType !== "float32") {
    return undefined;
  }
  if (zero?.elementType !== "uint8" || zero.rawData.length !== 1) return undefined;
  if (bias !== undefined && bias.elementType !== "int32") return undefined;
  const scales = floatsOf(weightScales);
  return {
    weights,
    biases: bias === undefined ? new Int32Array(outputs) : new Int32Array(copyOf(bias)),
    // In the order in which ONNX Runtime rounds.
    factors: Float32Array.from({ length: outputs }, (_, output) =>
      Math.fround(Math.fround(own * scales[scales.length === 1 ? 0 : output]!) / result),
    ),
    attributes: { kernel, outputs, pad, stride, zero: zero.rawData[0]! },
  };
}

/** In the groups that `convolve-pixels.h` describes. */
function pack(name: string, { weights, biases, factors, attributes }: FirstConvolution) {
  const { kernel, outputs } = attributes;
  const taps = kernel * kernel;
  const all = signed(weights);
  const groups = Math.ceil(outputs / groupOutputs);
  const groupBytes = 4 * groupOutputs * (taps + 2);
  const packed = new Uint8Array(groups * groupBytes);
  for (let output = 0; output < outputs; output++) {
    const place = output % groupOutputs;
    const start = Math.floor(output / groupOutputs) * groupBytes;
    for (let tap = 0; tap < taps; tap++) {
      for (let channel = 0; channel < 3; channel++) {
        const at = start + 4 * (groupOutputs * tap + place) + channel;
        packed[at] = all[(3 * output + channel) * taps + tap]!;
      }
    }
    const ends = new DataView(packed.buffer, start + 4 * groupOutputs * taps);
    ends.setInt32(4 * place, biases[output]!, true);
    ends.setFloat32(4 * (groupOutputs + place), factors[output]!, true);
  }
  return createWeights(name, [packed.length], packed);
}

function oneOf(tensor: OnnxTensor | undefined): number | undefined {
  if (tensor?.elementType !== "float32") return undefined;
  const values = floatsOf(tensor);
  return values.length === 1 ? values[0] : undefined;
}

function copyOf({ rawData }: OnnxTensor): ArrayBuffer {
  return Uint8Array.from(rawData).buffer;
}

function signed(tensor: OnnxTensor): Int8Array {
  return new Int8Array(copyOf(tensor));
}
