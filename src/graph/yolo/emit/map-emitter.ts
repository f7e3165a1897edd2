import { OrangeryError } from "../../../errors.ts";
import type { GraphBuilder } from "../../graph-builder.ts";
import type { ConvModule, PadModule, PoolModule, RowsColumns } from "../modules.ts";
import { describeMap, type FeatureMap, type FeatureMaps } from "./feature-map.ts";

/**
 * Adds operations on maps to a graph, and follows the sizes of the maps.
 *
 * Every method throws `INVALID_ARGUMENT`, naming the module, for maps that do not fit.
 */
export class MapEmitter {
  readonly graph: GraphBuilder;

  constructor(graph: GraphBuilder) {
    this.graph = graph;
  }

  add(a: FeatureMap, b: FeatureMap): FeatureMap {
    this.requireSame(a, b);
    return { ...a, value: this.graph.node("Add", [a.value, b.value]) };
  }

  /** Joins maps along the channels. */
  concat(maps: FeatureMaps): FeatureMap {
    const [first] = maps;
    for (const { rows, columns } of maps) {
      if (rows !== first.rows || columns !== first.columns) {
        this.refuse("maps of one size", maps.map(describeMap).join(", "));
      }
    }
    return {
      ...first,
      channels: maps.reduce((sum, { channels }) => sum + channels, 0),
      value: this.graph.node(
        "Concat",
        maps.map(({ value }) => value),
        { axis: 1 },
      ),
    };
  }

  /** Splits a map along the channels into equal parts. */
  split(x: FeatureMap, count: number): FeatureMap[] {
    const channels = x.channels / count;
    if (!Number.isInteger(channels)) {
      this.refuse(`channels for ${count} equal parts`, describeMap(x));
    }
    const values = this.graph.split(x.value, Array<number>(count).fill(channels), 1);
    return values.map((value) => ({ ...x, channels, value }));
  }

  /** Takes some channels of a map. */
  slice(x: FeatureMap, first: number, channels: number): FeatureMap {
    const { graph } = this;
    const end = first + channels;
    if (end > x.channels) this.refuse(`${end} channels or more`, describeMap(x));
    const range = [first, end, 1].map((number) => graph.ints([number]));
    return { ...x, channels, value: graph.node("Slice", [x.value, ...range]) };
  }

  pool(module: Omit<PoolModule, "kind">, x: FeatureMap): FeatureMap {
    const { of, kernel, stride, padding } = module;
    if (!padding.every((zeros, axis) => 2 * zeros <= kernel[axis]!)) {
      this.refuse("padding of at most half the kernel", padding.join("×"));
    }
    const size = this.sizeUnder({ ...module, dilation: [1, 1] }, x);
    const isUnit = stride.every((step) => step === 1);
    const isPadded = padding.some((zeros) => zeros > 0);
    const value = this.graph.node(of === "mean" ? "AveragePool" : "MaxPool", [x.value], {
      kernel_shape: kernel,
      strides: isUnit ? undefined : stride,
      // ONNX Runtime (1.30) fuses a Pad into the pool after it, although a pool ignores its padding
      // and zeros exceed negative values. It leaves pools with `auto_pad` alone.
      ...(isPadded ? { pads: [...padding, ...padding] } : { auto_pad: "VALID" }),
    });
    return { ...x, ...size, value };
  }

  /** Puts zeros around a map. */
  pad({ top, bottom, left, right }: Omit<PadModule, "kind">, x: FeatureMap): FeatureMap {
    const pads = this.graph.ints([0, 0, top, left, 0, 0, bottom, right]);
    return {
      ...x,
      rows: x.rows + top + bottom,
      columns: x.columns + left + right,
      value: this.graph.node("Pad", [x.value, pads]),
    };
  }

  /** Enlarges by repeating pixels. */
  enlarge(x: FeatureMap, factor: number): FeatureMap {
    const scales = this.graph.floats([1, 1, factor, factor]);
    return {
      ...x,
      rows: x.rows * factor,
      columns: x.columns * factor,
      value: this.graph.node("Resize", [x.value, "", scales], {
        mode: "nearest",
        coordinate_transformation_mode: "asymmetric",
        nearest_mode: "floor",
      }),
    };
  }

  requireSame(expected: Omit<FeatureMap, "value">, came: FeatureMap): void {
    const [wanted, found] = [describeMap({ ...came, ...expected }), describeMap(came)];
    if (wanted !== found) this.refuse(wanted, found);
  }

  refuse(expected: string, came: string): never {
    const module = this.graph.scopePath;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected ${expected} at ${module || "the network"}, got ${came}.`,
      { details: { module, expected, came } },
    );
  }

  /** Returns the number of places of a kernel on a map, in rows and columns. */
  protected sizeUnder(
    {
      kernel,
      stride,
      padding,
      dilation,
    }: Pick<ConvModule, "stride" | "padding" | "dilation"> & { readonly kernel: RowsColumns },
    x: FeatureMap,
  ): { readonly rows: number; readonly columns: number } {
    const places = (input: number, axis: 0 | 1) => {
      const room = input + 2 * padding[axis] - dilation[axis] * (kernel[axis] - 1) - 1;
      return Math.floor(room / stride[axis]) + 1;
    };
    const [rows, columns] = [places(x.rows, 0), places(x.columns, 1)];
    if (!(rows >= 1 && columns >= 1)) this.refuse("a kernel that fits its input", describeMap(x));
    return { rows, columns };
  }
}
