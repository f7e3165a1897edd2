import { float } from "../../attributes.ts";
import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { Activation } from "../modules.ts";

export function emitActivation(graph: GraphBuilder, activation: Activation, x: Value): Value {
  const times = (a: Value | number, b: Value | number) => graph.node("Mul", [a, b]);
  switch (activation) {
    case "identity":
      return x;
    case "silu":
      return times(x, graph.node("Sigmoid", [x]));
    case "relu":
      return graph.node("Relu", [x]);
    case "relu6":
      return graph.node("Clip", [x, 0, 6]);
    case "gelu": {
      // Distribution of the normal: (1 + erf(x / √2)) / 2.
      const error = graph.node("Erf", [graph.node("Div", [x, Math.SQRT2])]);
      return times(times(x, graph.node("Add", [error, 1])), 0.5);
    }
    case "geluTanh": {
      // x + 0.044715 x³, times √(2 / π).
      const cubic = graph.node("Add", [times(times(times(x, x), 0.044715), x), x]);
      const bent = graph.node("Tanh", [times(cubic, Math.sqrt(2 / Math.PI))]);
      return times(times(x, graph.node("Add", [bent, 1])), 0.5);
    }
    case "selu":
      return graph.node("Selu", [x]);
    case "softplus":
      return graph.node("Softplus", [x]);
    case "hardswish":
      return graph.node("HardSwish", [x]);
    case "hardsigmoid":
      return graph.node("HardSigmoid", [x], { alpha: float(1 / 6), beta: float(0.5) });
    case "mish":
      return times(x, graph.node("Tanh", [graph.node("Softplus", [x])]));
    case "sigmoid":
      return graph.node("Sigmoid", [x]);
    case "tanh":
      return graph.node("Tanh", [x]);
  }
  if ("leakyReluSlope" in activation) {
    return graph.node("LeakyRelu", [x], { alpha: float(activation.leakyReluSlope) });
  }
  if ("eluAlpha" in activation) {
    return graph.node("Elu", [x], { alpha: float(activation.eluAlpha) });
  }
  if ("celuAlpha" in activation) {
    return graph.node("Celu", [x], { alpha: float(activation.celuAlpha) });
  }
  const { values } = activation.preluSlopes;
  const slopes = graph.weights(graph.scopedName("act.weight"), [values.length, 1, 1], values);
  return graph.node("PRelu", [x, slopes]);
}
