import { float } from "../../attributes.ts";
import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { Activation } from "../modules.ts";

export function emitActivation(graph: GraphBuilder, activation: Activation, x: Value): Value {
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
