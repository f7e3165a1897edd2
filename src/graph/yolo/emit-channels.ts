import type { GraphBuilder, Value } from "../graph-builder.ts";
import type { ConvModule } from "./modules.ts";

/** Joins along the channels. */
export function emitConcat(graph: GraphBuilder, values: readonly Value[]): Value {
  return graph.node("Concat", values, { axis: 1 });
}

/** The two halves of a convolution's output channels. */
export function emitHalves(graph: GraphBuilder, x: Value, source: ConvModule): [Value, Value] {
  const half = source.weight.dims[0]! / 2;
  return graph.split(x, [half, half], 1) as [Value, Value];
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
