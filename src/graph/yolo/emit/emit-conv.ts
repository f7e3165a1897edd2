import { float } from "../../attributes.ts";
import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { Activation, ConvModule, ConvTransposeModule, Weights } from "../modules.ts";

/** Adds a convolution, its bias and its activation. */
export function emitConv(graph: GraphBuilder, module: ConvModule, x: Value): Value {
  const y = graph.node("Conv", [x, ...weightsOf(graph, module)], {
    kernel_shape: module.weight.dims.slice(2),
    strides: module.stride,
    pads: [...module.padding, ...module.padding],
    dilations: module.dilation,
    group: module.groups,
  });
  return emitActivation(graph, module.activation, y);
}

export function emitConvTranspose(
  graph: GraphBuilder,
  module: ConvTransposeModule,
  x: Value,
): Value {
  return graph.node("ConvTranspose", [x, ...weightsOf(graph, module)], {
    kernel_shape: module.weight.dims.slice(2),
    strides: module.stride,
  });
}

function weightsOf(graph: GraphBuilder, module: { weight: Weights; bias: Weights }): Value[] {
  const tensor = (name: "weight" | "bias") =>
    graph.weights(graph.scopedName(name), module[name].dims, module[name].values);
  return [tensor("weight"), tensor("bias")];
}

function emitActivation(graph: GraphBuilder, activation: Activation, x: Value): Value {
  switch (activation) {
    case "identity":
      return x;
    case "silu":
      return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
    case "relu":
      return graph.node("Relu", [x]);
    case "relu6":
      return graph.node("Clip", [x, 0, 6]);
    case "hardswish":
      return graph.node("HardSwish", [x]);
    case "mish":
      return graph.node("Mul", [x, graph.node("Tanh", [graph.node("Softplus", [x])])]);
    case "sigmoid":
      return graph.node("Sigmoid", [x]);
    case "tanh":
      return graph.node("Tanh", [x]);
    default:
      return graph.node("LeakyRelu", [x], { alpha: float(activation.leakyReluSlope) });
  }
}
