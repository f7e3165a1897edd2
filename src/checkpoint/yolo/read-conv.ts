import type {
  ConvModule,
  ConvTransposeModule,
  RowsColumns,
  Weights,
} from "../../graph/yolo/modules.ts";
import { describe, type PickledModule } from "./pickled-module.ts";
import { readActivation } from "./read-activation.ts";

const most = 1024;

/** Reads a convolution of any class, with its batch norm and activation. */
export function readConv(module: PickledModule): ConvModule {
  switch (module.kind) {
    case "ultralytics:Conv":
    case "ultralytics:DWConv":
      return readWithNorm(module);
    case "ultralytics:RepConv":
    case "ultralytics:RepVGGDW":
      return readSummedConvs(module);
    case "torch:Conv2d":
    // A convolution whose output its readers cut into parts.
    case "ultralytics:CBLinear":
      return readConv2d(module.kind === "torch:Conv2d" ? module : module.child("conv"));
    default:
      return module.unsupported();
  }
}

/** Ultralytics' Conv and DWConv: convolution, batch norm and activation. */
function readWithNorm(module: PickledModule): ConvModule {
  const conv = readConv2d(module.child("conv"));
  const bn = module.optionalChild("bn");
  return {
    ...(bn === undefined ? conv : foldBatchNorm(conv, bn)),
    activation: readActivation(module.child("act"), conv.weight.dims[0]!),
  };
}

/**
 * RepConv and RepVGGDW: two convolutions of one input whose outputs are summed, which is one
 * convolution whose kernels are summed; saved fused, it is that one.
 */
function readSummedConvs(module: PickledModule): ConvModule {
  const [first, second] =
    module.kind === "ultralytics:RepConv" ? ["conv1", "conv2"] : ["conv", "conv1"];
  const other = module.optionalChild(second!);
  // A third branch, of the input itself.
  if (module.optionalChild("bn") !== undefined) {
    return module.unsupported("a RepConv with an identity branch");
  }
  const sum =
    other === undefined
      ? readConv(module.child("conv"))
      : sumOf(module, readConv(module.child(first!)), readConv(other));
  if (sum.activation !== "identity") {
    return module.unsupported("a sum of convolutions with activations of their own");
  }
  return { ...sum, activation: readActivation(module.child("act"), sum.weight.dims[0]!) };
}

/** Adds the kernels of `small` to the middle of those of `large`, and its biases. */
function sumOf(module: PickledModule, large: ConvModule, small: ConvModule): ConvModule {
  const [outputs, inputs, rows, columns] = large.weight.dims as [number, number, number, number];
  const [smallRows, smallColumns] = small.weight.dims.slice(2) as [number, number];
  const [top, left] = [(rows - smallRows) / 2, (columns - smallColumns) / 2];
  const settings = ({ stride, groups, dilation, activation }: ConvModule) =>
    JSON.stringify({ stride, groups, dilation, activation });
  const fits =
    settings(large) === settings(small) &&
    `${large.dilation}` === "1,1" &&
    small.weight.dims[0] === outputs &&
    small.weight.dims[1] === inputs &&
    [top, left].every((zeros) => Number.isInteger(zeros) && zeros >= 0) &&
    large.padding[0] - small.padding[0] === top &&
    large.padding[1] - small.padding[1] === left;
  if (!fits) return module.refuse("two convolutions that can be summed", "others");
  const { values } = large.weight;
  for (const [i, weight] of small.weight.values.entries()) {
    const column = i % smallColumns;
    const row = Math.floor(i / smallColumns) % smallRows;
    const kernel = Math.floor(i / (smallColumns * smallRows));
    values[(kernel * rows + row + top) * columns + column + left]! += weight;
  }
  for (const [i, bias] of small.bias.values.entries()) large.bias.values[i]! += bias;
  return large;
}

/** PyTorch's Conv2d, as at the end of a head's branch. */
function readConv2d(module: PickledModule): ConvModule {
  if (module.kind !== "torch:Conv2d") return module.unsupported();
  const weight = readKernel(module);
  requireZeroPadding(module);
  const dilation = module.pair("dilation", { least: 1, most });
  return {
    kind: "conv",
    weight,
    bias: readBias(module, weight.dims[0]!),
    stride: module.pair("stride", { least: 1, most }),
    padding: readPadding(module, weight, dilation),
    dilation,
    groups: module.integer("groups", { least: 1, most: 2 ** 16 }),
    activation: "identity",
  };
}

/** Reads a ConvTranspose2d that enlarges: its kernel is its stride. */
export function readConvTranspose(module: PickledModule): ConvTransposeModule {
  if (module.kind !== "torch:ConvTranspose2d") return module.unsupported();
  const weight = readKernel(module);
  const stride = module.pair("stride", { least: 1, most });
  const range = { least: 0, most };
  const plain =
    `${stride}` === `${weight.dims.slice(2)}` &&
    `${module.pair("padding", range)}` === "0,0" &&
    `${module.pair("output_padding", range)}` === "0,0" &&
    `${module.pair("dilation", range)}` === "1,1" &&
    module.integer("groups", range) === 1;
  if (!plain) module.unsupported("a ConvTranspose2d whose kernel is not its stride");
  return { kind: "convTranspose", weight, bias: readBias(module, weight.dims[1]!), stride };
}

function readKernel(module: PickledModule): Weights {
  const weight = module.tensor("weight");
  const [rows, columns] = module.pair("kernel_size", { least: 1, most });
  const { dims } = weight;
  if (dims.length !== 4 || weight.values.length === 0 || dims[2] !== rows || dims[3] !== columns) {
    module.refuse(`weights for a kernel of ${rows}×${columns}`, `(${dims.join(", ")})`);
  }
  return weight;
}

function requireZeroPadding(module: PickledModule): void {
  const mode = module.attribute("padding_mode");
  if (mode !== "zeros") module.unsupported(`padding mode ${describe(mode)}`);
}

function readPadding(module: PickledModule, { dims }: Weights, dilation: RowsColumns): RowsColumns {
  const value = module.attribute("padding");
  if (value === "valid") return [0, 0];
  if (typeof value === "string") return module.unsupported(`padding ${describe(value)}`);
  const padding = module.pair("padding", { least: 0, most });
  // More padding would only add outputs computed from zeros.
  const fits = padding.every((zeros, axis) => zeros <= dilation[axis]! * (dims[axis + 2]! - 1));
  return fits ? padding : module.refuse("padding smaller than the kernel", describe(value));
}

function readBias(module: PickledModule, channels: number): Weights {
  const bias = module.optionalTensor("bias");
  return bias === undefined
    ? { dims: [channels], values: new Float32Array(channels) }
    : ofLength(module, "bias", bias, channels);
}

/**
 * Folds a batch norm into the convolution before it: with s = γ / √(σ² + ε), weights s·w and bias
 * s·b + β − s·μ.
 */
function foldBatchNorm(conv: ConvModule, bn: PickledModule): ConvModule {
  if (bn.kind === "torch:Identity") return conv;
  if (bn.kind !== "torch:BatchNorm2d") return bn.unsupported();
  const channels = conv.weight.dims[0]!;
  const vector = (name: string, tensor: Weights) => ofLength(bn, name, tensor, channels).values;
  // Absent where the norm learns nothing.
  const optionalVector = (name: string) => {
    const tensor = bn.optionalTensor(name);
    return tensor && vector(name, tensor);
  };
  const gamma = optionalVector("weight");
  const beta = optionalVector("bias");
  const mean = vector("running_mean", bn.tensor("running_mean"));
  const variance = vector("running_var", bn.tensor("running_var"));
  const epsilon = bn.number("eps");

  // Both arrays are copies, which may be changed.
  const { values: weights } = conv.weight;
  const { values: biases } = conv.bias;
  const perChannel = weights.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    // In double precision; only the result is rounded.
    const scale = (gamma?.[channel] ?? 1) / Math.sqrt(variance[channel]! + epsilon);
    for (let i = channel * perChannel; i < (channel + 1) * perChannel; i++) weights[i]! *= scale;
    const shifted = biases[channel]! - mean[channel]!;
    biases[channel] = shifted * scale + (beta?.[channel] ?? 0);
  }
  return conv;
}

function ofLength(
  module: PickledModule,
  name: string,
  { values }: Weights,
  length: number,
): Weights {
  if (values.length !== length) {
    module.refuse(`${length} values of \`${name}\``, `${values.length}`);
  }
  return { dims: [length], values };
}
