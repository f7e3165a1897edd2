import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { onnxDataTypes } from "../../graph/onnx-data-type.ts";

export interface FamilyNetwork {
  /** `channels`: (1, values, anchors); `rows`: (1, anchors, values). */
  readonly layout: "channels" | "rows";
  /** Of each anchor; the last map's has `found` in their place. */
  readonly values: readonly number[];
  readonly found: readonly number[];
  readonly anchorsPerCell?: 1 | 3;
  /** Puts out only as many rows, the best by their fifth value. */
  readonly bestRows?: number;
  readonly strides?: readonly number[];
  /** Whether height and width of the input are free; otherwise they are 64. */
  readonly freeSize?: boolean;
  /** Whether the output does not declare how many values an anchor has. */
  readonly freeChannels?: boolean;
  /** Of the mask prototypes; without, there are none. */
  readonly coefficientCount?: number;
  readonly elementType?: "float32" | "float16";
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A network whose output has the anchors of a YOLO network's maps, as families of them have: every
 * anchor of a map has the same values, and only those of the last map have found something.
 */
export function familyNetwork({
  layout,
  values,
  found,
  anchorsPerCell = 1,
  bestRows,
  strides = [8, 16, 32],
  freeSize = false,
  freeChannels = false,
  coefficientCount,
  elementType = "float32",
  metadata = {},
}: FamilyNetwork): Uint8Array {
  const graph = new GraphBuilder("family");
  const size = freeSize ? (["height", "width"] as const) : ([64, 64] as const);
  const cast = (x: Value, to: "float32" | "float16") =>
    graph.node("Cast", [x], { to: onnxDataTypes.indexOf(to) });
  const images = cast(graph.input("images", elementType, [1, 3, ...size]), "float32");
  const maps = strides.map((stride, index) => {
    const isLast = index === strides.length - 1;
    const map = constantMap(graph, images, {
      stride,
      values: Array(anchorsPerCell)
        .fill(isLast ? found : values)
        .flat(),
    });
    const shape = graph.ints([1, anchorsPerCell, values.length, -1]);
    const anchors = graph.node("Reshape", [map, shape]);
    return layout === "channels"
      ? graph.node("Reshape", [anchors, graph.ints([1, values.length, -1])])
      : graph.node("Reshape", [
          graph.node("Transpose", [anchors], { perm: [0, 1, 3, 2] }),
          graph.ints([1, -1, values.length]),
        ]);
  });
  const axis = layout === "channels" ? 2 : 1;
  const all = graph.node("Concat", maps, { axis });
  const rows = bestRows === undefined ? all : best(graph, all, bestRows);
  const output = cast(freeChannels ? withoutShape(graph, rows) : rows, elementType);
  const cells = strides.reduce((sum, stride) => sum + (64 / stride) ** 2, 0);
  const anchors = freeSize ? "anchors" : (bestRows ?? anchorsPerCell * cells);
  const channels = freeChannels ? "channels" : values.length;
  const dims = layout === "channels" ? [1, channels, anchors] : [1, anchors, channels];
  graph.output("output0", output, elementType, dims);
  if (coefficientCount !== undefined) {
    const prototypes = constantMap(graph, images, {
      stride: 4,
      values: Array(coefficientCount).fill(1),
    });
    const [height, width] = freeSize ? ["masks high", "masks wide"] : [16, 16];
    graph.output("output1", cast(prototypes, elementType), elementType, [
      1,
      coefficientCount,
      height!,
      width!,
    ]);
  }
  return serializeModel(graph.toModel({ metadata: Object.entries(metadata) }));
}

/** Else the runtime finds out what is not declared. */
function withoutShape(graph: GraphBuilder, x: Value): Value {
  const shape = graph.node("Shape", [x]);
  const extents = graph.node("Compress", [shape, graph.node("Equal", [shape, shape])]);
  return graph.node("Reshape", [x, extents]);
}

/** Fails where there are fewer, as an end-to-end head does. */
function best(graph: GraphBuilder, rows: Value, count: number): Value {
  const scores = graph.node("Gather", [rows, graph.ints([4], [])], { axis: 2 });
  const [, indices] = graph.nodes("TopK", [scores, graph.ints([count])], {
    outputCount: 2,
    attributes: { axis: 1 },
  });
  const row = graph.node("Squeeze", [indices!, graph.ints([0])]);
  return graph.node("Gather", [rows, row], { axis: 1 });
}

/** (1, values, height / stride, width / stride), the same values in each cell. */
function constantMap(
  graph: GraphBuilder,
  images: Value,
  { stride, values }: { readonly stride: number; readonly values: readonly number[] },
): Value {
  const cells = graph.node("AveragePool", [images], {
    kernel_shape: [stride, stride],
    strides: [stride, stride],
  });
  const weights = graph.floats(Array<number>(3 * values.length).fill(0), [values.length, 3, 1, 1]);
  return graph.node("Conv", [cells, weights, graph.floats(values)], { kernel_shape: [1, 1] });
}

/** A network that puts out the same rows on every picture, as end-to-end ones do. */
export function rowsNetwork({
  rows,
  coefficientCount,
  metadata = {},
}: {
  readonly rows: readonly (readonly number[])[];
  readonly coefficientCount?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}): Uint8Array {
  const graph = new GraphBuilder("rows");
  const images = graph.input("images", "float32", [1, 3, 64, 64]);
  const zero = graph.node("ReduceMean", [graph.node("Mul", [images, 0])], { keepdims: 0 });
  const dims = [1, rows.length, rows[0]!.length];
  const output = graph.node("Add", [graph.floats(rows.flat(), dims), zero]);
  graph.output("output0", output, "float32", dims);
  if (coefficientCount !== undefined) {
    const values = Array<number>(coefficientCount).fill(1);
    const prototypes = constantMap(graph, images, { stride: 4, values });
    graph.output("output1", prototypes, "float32", [1, coefficientCount, 16, 16]);
  }
  return serializeModel(graph.toModel({ metadata: Object.entries(metadata) }));
}
