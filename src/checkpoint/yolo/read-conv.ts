import type {
  Activation,
  ConvModule,
  ConvTransposeModule,
  RowsColumns,
  Weights,
} from "../../graph/yolo/modules.ts";
import { describe, type PickledModule } from "./pickled-module.ts";

const most = 1024;

/** Ultralytics' Conv and DWConv: convolution, batch norm and activation. */
export function readConv(module: PickledModule): ConvModule {
  if (module.kind !== "ultralytics:Conv" && module.kind !== "ultralytics:DWConv") {
    return module.kind === "torch:Conv2d" ? readConv2d(module) : module.unsupported();
  }
  const conv = readConv2d(module.child("conv"));
  const bn = module.optionalChild("bn");
  return {
    ...(bn === undefined ? conv : foldBatchNorm(conv, bn)),
    activation: readActivation(module.child("act")),
  };
}

/** PyTorch's Conv2d, as the last layer of a head's branch is. */
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

/** PyTorch's ConvTranspose2d, of which only the enlarging kind is known: kernel equal to stride. */
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
  // More would add outputs that see nothing.
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
 * Makes the convolution do what the batch norm after it does, too: with s = γ / √(σ² + ε), weights
 * s·w and bias s·b + β − s·μ.
 */
function foldBatchNorm(conv: ConvModule, bn: PickledModule): ConvModule {
  if (bn.kind === "torch:Identity") return conv;
  if (bn.kind !== "torch:BatchNorm2d") return bn.unsupported();
  const channels = conv.weight.dims[0]!;
  const vector = (name: string) => ofLength(bn, name, bn.tensor(name), channels).values;
  // Absent where the norm has nothing to learn.
  const gamma = bn.optionalTensor("weight") && vector("weight");
  const beta = bn.optionalTensor("bias") && vector("bias");
  const mean = vector("running_mean");
  const variance = vector("running_var");
  const epsilon = bn.number("eps");

  // Both arrays are copies of what the checkpoint holds, so they may be changed.
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

function readActivation(module: PickledModule): Activation {
  switch (module.kind) {
    case "torch:Identity":
      return "identity";
    case "torch:SiLU":
      return "silu";
    case "torch:ReLU":
      return "relu";
    case "torch:ReLU6":
      return "relu6";
    case "torch:Hardswish":
      return "hardswish";
    case "torch:Mish":
      return "mish";
    case "torch:Sigmoid":
      return "sigmoid";
    case "torch:Tanh":
      return "tanh";
    case "torch:LeakyReLU":
      return { leakyReluSlope: module.number("negative_slope") };
    default:
      return module.unsupported();
  }
}
