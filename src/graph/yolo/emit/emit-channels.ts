import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { ConvModule, Weights } from "../modules.ts";
import { emitConv } from "./emit-conv.ts";

/** Joins along the channels. */
export function emitConcat(graph: GraphBuilder, values: readonly Value[]): Value {
  return graph.node("Concat", values, { axis: 1 });
}

/**
 * The two halves of a convolution's output channels, each as a convolution of its own.
 *
 * On the CPU, ONNX Runtime keeps convolutions in a layout of blocks of channels, which a Split has to
 * leave and enter again. Without it YOLO11m takes 18 MB less, runs 1 % faster, and is mapped in 38 ms
 * instead of 45 where sizes are free.
 */
export function emitHalves(
  graph: GraphBuilder,
  name: string,
  module: ConvModule,
  x: Value,
): [Value, Value] {
  return graph.scope(name, () => {
    const half = module.weight.dims[0]! / 2;
    // In groups, half of the outputs reads half of the inputs.
    if (module.groups > 1) {
      return graph.split(emitConv(graph, module, x), [half, half], 1) as [Value, Value];
    }
    const emit = (index: 0 | 1) =>
      graph.scope(`${index}`, () => emitConv(graph, halfOf(module, index), x));
    return [emit(0), emit(1)];
  });
}

function halfOf(module: ConvModule, index: 0 | 1): ConvModule {
  const cut = ({ dims: [outputs, ...rest], values }: Weights): Weights => {
    const length = values.length / 2;
    return {
      dims: [outputs! / 2, ...rest],
      values: values.subarray(index * length, (index + 1) * length),
    };
  };
  return { ...module, weight: cut(module.weight), bias: cut(module.bias) };
}

/** Enlarges by repeating pixels. */
export function emitUpsample(graph: GraphBuilder, factor: number, x: Value): Value {
  // Resize wants its scales in float32, whatever it enlarges.
  const scales = graph.floats([1, 1, factor, factor], [4], "float32");
  return graph.node("Resize", [x, "", scales], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
}
