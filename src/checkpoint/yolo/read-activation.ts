import type { Activation } from "../../graph/yolo/modules.ts";
import { describe, type PickledModule } from "./pickled-module.ts";

/** Those without parameters. */
const plain: ReadonlyMap<PickledModule["kind"], Activation> = new Map([
  ["torch:Identity", "identity"],
  ["torch:SiLU", "silu"],
  ["torch:ReLU", "relu"],
  ["torch:ReLU6", "relu6"],
  ["torch:SELU", "selu"],
  ["torch:Hardswish", "hardswish"],
  ["torch:Hardsigmoid", "hardsigmoid"],
  ["torch:Mish", "mish"],
  ["torch:Sigmoid", "sigmoid"],
  ["torch:Tanh", "tanh"],
]);

/** Reads the activation after a convolution of so many output channels. */
export function readActivation(module: PickledModule, channels: number): Activation {
  switch (module.kind) {
    case "torch:GELU":
      return readGelu(module);
    case "torch:LeakyReLU":
      return { leakyReluSlope: module.number("negative_slope") };
    case "torch:ELU":
      return { eluAlpha: module.number("alpha") };
    case "torch:CELU":
      return { celuAlpha: readCeluAlpha(module) };
    case "torch:PReLU": {
      const preluSlopes = module.tensor("weight");
      const { length } = preluSlopes.values;
      if (length !== 1 && length !== channels) {
        module.refuse(`1 or ${channels} slopes`, `${length}`);
      }
      return { preluSlopes };
    }
    case "torch:Softplus":
      // Above the threshold it is x, which it nearly is there in any case.
      return module.number("beta") === 1 && module.number("threshold") >= 20
        ? "softplus"
        : module.unsupported("a Softplus with a beta or threshold of its own");
    default:
      return plain.get(module.kind) ?? module.unsupported();
  }
}

function readGelu(module: PickledModule): Activation {
  const approximate = module.attribute("approximate");
  if (approximate === "none") return "gelu";
  if (approximate === "tanh") return "geluTanh";
  return module.unsupported(`a GELU approximated by ${describe(approximate)}`);
}

function readCeluAlpha(module: PickledModule): number {
  const alpha = module.number("alpha");
  return alpha > 0 ? alpha : module.refuse("an `alpha` above 0", `${alpha}`);
}
