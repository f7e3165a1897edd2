import { OrangeryError } from "../../errors.ts";
import { elementCount } from "../tensor.ts";
import type { InputSize } from "./input-size.ts";
import {
  type AttentionModule,
  type ConvModule,
  type ConvTransposeModule,
  coefficientCount,
  detectOf,
  type ProtoModule,
  type YoloHead,
  type YoloModule,
  type YoloNetwork,
} from "./modules.ts";

/** The size of a feature map. */
export interface MapShape {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * How many times the picture's own numbers a map may have. The widest that exist have 8 times as
 * many; a network could otherwise enlarge a picture until no memory holds it.
 */
const largestMap = 256;

/** What a network makes of one picture. */
export interface NetworkShapes {
  /** Of the mask prototypes; undefined for a head without masks. */
  readonly prototypes: MapShape | undefined;
  /** Multiplications in convolutions. */
  readonly convolutionMacs: number;
}

/**
 * Follows a picture of this size through the network and checks on the way that every module gets
 * what it can take, so that a network that passes can be built and run.
 *
 * @throws `INVALID_ARGUMENT`, naming the module that does not fit.
 */
export function traceShapes(network: YoloNetwork, size: InputSize): NetworkShapes {
  const image = { channels: 3, rows: size.heightPx, columns: size.widthPx };
  const trace = new ShapeTrace(largestMap * elementsOf(image));
  const shapes: MapShape[] = [];
  const read = (from: readonly number[]) =>
    from.map((i) => {
      const shape = i === -1 && shapes.length === 0 ? image : shapes.at(i);
      return shape ?? trace.refuse("the output of an earlier layer", `layer ${i}`);
    });
  for (const [i, { from, module }] of network.layers.entries()) {
    shapes.push(trace.within(`model.${i}`, () => trace.follow(module, ...read(from))));
  }
  const prototypes = trace.within(`model.${network.layers.length}`, () =>
    trace.followHead(network.head.module, read(network.head.from), image),
  );
  return { prototypes, convolutionMacs: trace.convolutionMacs };
}

class ShapeTrace {
  convolutionMacs = 0;
  readonly #mostElements: number;
  readonly #path: string[] = [];

  constructor(mostElements: number) {
    this.#mostElements = mostElements;
  }

  /** Follows the module called `name`. */
  within<T>(name: string, follow: () => T): T {
    this.#path.push(name);
    const result = follow();
    this.#path.pop();
    return result;
  }

  /** The shape of a module's output. */
  follow(module: YoloModule, ...inputs: MapShape[]): MapShape {
    const shape = this.#follow(module, inputs);
    if (!(elementsOf(shape) <= this.#mostElements)) {
      this.refuse(`a map of at most ${this.#mostElements} numbers`, describe(shape));
    }
    return shape;
  }

  #follow(module: YoloModule, inputs: readonly MapShape[]): MapShape {
    const [x] = inputs;
    if (x === undefined) return this.refuse("an input", "none");
    switch (module.kind) {
      case "conv":
        return this.#conv(module, x);
      case "convTranspose":
        return this.#convTranspose(module, x);
      case "sequential":
        return this.#chain(module.modules, x);
      case "bottleneck": {
        const y = this.#part("cv2", module.cv2, this.#part("cv1", module.cv1, x));
        return module.add ? this.#same(x, y) : y;
      }
      case "c2f": {
        const half = this.#half(this.#part("cv1", module.cv1, x));
        return this.#part("cv2", module.cv2, this.#join([half, ...this.#each(module.m, half)]));
      }
      case "c3": {
        const deep = this.#part("m", module.m, this.#part("cv1", module.cv1, x));
        const flat = this.#part("cv2", module.cv2, x);
        return this.#part("cv3", module.cv3, this.#join([deep, flat]));
      }
      case "sppf": {
        // Odd pools keep the size.
        if (module.poolSize % 2 !== 1) this.refuse("a pool of odd size", `${module.poolSize}`);
        const pooled = this.#part("cv1", module.cv1, x);
        const all = Array<MapShape>(module.poolCount + 1).fill(pooled);
        const y = this.#part("cv2", module.cv2, this.#join(all));
        return module.add ? this.#same(x, y) : y;
      }
      case "attention":
        return this.#attention(module, x);
      case "residualAttention": {
        const attended = this.#part("attn", module.attn, x);
        if (module.add) this.#same(x, attended);
        const y = this.#part(module.ffnName, module.ffn, attended);
        return module.add ? this.#same(attended, y) : y;
      }
      case "c2psa": {
        const half = this.#half(this.#part("cv1", module.cv1, x));
        return this.#part("cv2", module.cv2, this.#join([half, this.#part("m", module.m, half)]));
      }
      case "a2c2f": {
        const y = this.#part(
          "cv2",
          module.cv2,
          this.#join(this.#each(module.m, this.#part("cv1", module.cv1, x))),
        );
        if (module.gamma === undefined) return y;
        if (module.gamma.values.length !== y.channels) {
          this.refuse(`${y.channels} values of gamma`, `${module.gamma.values.length}`);
        }
        return this.#same(x, y);
      }
      case "proto":
        return this.#proto(module, x);
      case "fusedProto": {
        const { featRefine, factors } = module;
        if (featRefine.length !== inputs.length - 1 || factors.length !== featRefine.length) {
          this.refuse(`${featRefine.length + 1} levels`, `${inputs.length}`);
        }
        for (const [i, refine] of featRefine.entries()) {
          const refined = this.#part(`feat_refine.${i}`, refine, inputs[i + 1]!);
          this.#same(x, enlarged(refined, factors[i]!));
        }
        return this.#proto(module.proto, this.#part("feat_fuse", module.featFuse, x));
      }
      case "upsample":
        return enlarged(x, module.factor);
      case "concat":
        return this.#join(inputs);
      case "identity":
        return x;
    }
  }

  /** The shape of the prototypes, if the head has any. */
  followHead(head: YoloHead, features: readonly MapShape[], image: MapShape): MapShape | undefined {
    const { cv2, cv3, dfl, classCount, strides } = detectOf(head);
    if (features.length !== strides.length) {
      this.refuse(`${strides.length} levels of features`, `${features.length}`);
    }
    for (const [i, { rows, columns }] of features.entries()) {
      const stride = strides[i]!;
      if (rows * stride !== image.rows || columns * stride !== image.columns) {
        this.refuse(`features at stride ${stride}`, describe(features[i]!));
      }
    }
    const boxChannels = 4 * (dfl?.values.length ?? 1);
    this.#levels("cv2", cv2, { features, channels: boxChannels });
    this.#levels("cv3", cv3, { features, channels: classCount });
    if (head.kind === "detect") return undefined;
    this.#levels("cv4", head.cv4, { features, channels: coefficientCount(head) });
    return this.#part("proto", head.proto, ...features);
  }

  refuse(expected: string, came: string): never {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected ${expected} at ${this.#path.join(".") || "the network"}, got ${came}.`,
      { details: { module: this.#path.join("."), expected, came } },
    );
  }

  #part(name: string, module: YoloModule, ...inputs: MapShape[]): MapShape {
    return this.within(name, () => this.follow(module, ...inputs));
  }

  #levels(
    name: string,
    branches: readonly YoloModule[],
    { features, channels }: { features: readonly MapShape[]; channels: number },
  ): void {
    if (branches.length !== features.length) {
      this.refuse(`${features.length} branches ${name}`, `${branches.length}`);
    }
    for (const [i, branch] of branches.entries()) {
      const map = this.#part(`${name}.${i}`, branch, features[i]!);
      const expected = { ...features[i]!, channels };
      this.within(`${name}.${i}`, () => this.#same(expected, map));
    }
  }

  #chain(modules: readonly YoloModule[], x: MapShape): MapShape {
    return modules.reduce((shape, module, i) => this.#part(`${i}`, module, shape), x);
  }

  /** The input and the outputs of modules that each read the last output. */
  #each(modules: readonly YoloModule[], x: MapShape): MapShape[] {
    const shapes = [x];
    for (const [i, module] of modules.entries()) {
      shapes.push(this.#part(`m.${i}`, module, shapes.at(-1)!));
    }
    return shapes;
  }

  #conv(module: ConvModule, x: MapShape): MapShape {
    const [outputs, perGroup, kernelRows, kernelColumns] = this.#kernel(module);
    const { groups, stride, padding, dilation } = module;
    if (perGroup * groups !== x.channels || outputs % groups !== 0) {
      this.refuse(`${perGroup * groups} channels in ${groups} groups`, describe(x));
    }
    const extent = (input: number, axis: 0 | 1, kernel: number) =>
      Math.floor((input + 2 * padding[axis] - dilation[axis] * (kernel - 1) - 1) / stride[axis]) +
      1;
    const shape = {
      channels: outputs,
      rows: extent(x.rows, 0, kernelRows),
      columns: extent(x.columns, 1, kernelColumns),
    };
    if (!(shape.rows >= 1 && shape.columns >= 1)) {
      this.refuse("a kernel that fits its input", describe(x));
    }
    this.convolutionMacs += elementCount(module.weight.dims) * shape.rows * shape.columns;
    return shape;
  }

  #convTranspose(module: ConvTransposeModule, x: MapShape): MapShape {
    const [inputs, outputs, kernelRows, kernelColumns] = this.#kernel(module, 1);
    if (inputs !== x.channels) this.refuse(`${inputs} channels`, describe(x));
    this.convolutionMacs += elementCount(module.weight.dims) * x.rows * x.columns;
    return {
      channels: outputs,
      rows: (x.rows - 1) * module.stride[0] + kernelRows,
      columns: (x.columns - 1) * module.stride[1] + kernelColumns,
    };
  }

  #kernel(
    { weight, bias }: ConvModule | ConvTransposeModule,
    outputAxis: 0 | 1 = 0,
  ): [number, number, number, number] {
    if (weight.dims.length !== 4 || weight.values.length === 0) {
      this.refuse("a kernel of four dimensions", `(${weight.dims.join(", ")})`);
    }
    if (bias.values.length !== weight.dims[outputAxis]) {
      this.refuse(`${weight.dims[outputAxis]} biases`, `${bias.values.length}`);
    }
    return weight.dims as [number, number, number, number];
  }

  #attention(module: AttentionModule, x: MapShape): MapShape {
    const { headCount, keyDim, headDim, areaCount } = module;
    const qkv = this.#part("qkv", module.qkv, x);
    const expected = headCount * (2 * keyDim + headDim);
    if (qkv.channels !== expected || headCount * headDim !== x.channels) {
      this.refuse(
        `${headCount} heads of ${keyDim}, ${keyDim} and ${headDim} channels`,
        `${describe(x)} and ${qkv.channels} channels of qkv`,
      );
    }
    if ((x.rows * x.columns) % areaCount !== 0) {
      this.refuse(`pixels that ${areaCount} areas can share`, describe(x));
    }
    this.#same({ ...x, channels: expected }, qkv);
    this.#same(x, this.#part("pe", module.pe, x));
    return this.#part("proj", module.proj, x);
  }

  #proto(module: ProtoModule, x: MapShape): MapShape {
    const features = this.#part("upsample", module.upsample, this.#part("cv1", module.cv1, x));
    return this.#part("cv3", module.cv3, this.#part("cv2", module.cv2, features));
  }

  #half(shape: MapShape): MapShape {
    if (shape.channels % 2 !== 0) this.refuse("an even number of channels", describe(shape));
    return { ...shape, channels: shape.channels / 2 };
  }

  #join(shapes: readonly MapShape[]): MapShape {
    const [first] = shapes as [MapShape];
    for (const { rows, columns } of shapes) {
      if (rows !== first.rows || columns !== first.columns) {
        this.refuse("maps of one size", shapes.map(describe).join(", "));
      }
    }
    return { ...first, channels: shapes.reduce((sum, { channels }) => sum + channels, 0) };
  }

  #same(expected: MapShape, came: MapShape): MapShape {
    if (describe(expected) !== describe(came)) this.refuse(describe(expected), describe(came));
    return came;
  }
}

function elementsOf({ channels, rows, columns }: MapShape): number {
  return channels * rows * columns;
}

function enlarged(shape: MapShape, factor: number): MapShape {
  return { ...shape, rows: shape.rows * factor, columns: shape.columns * factor };
}

function describe({ channels, rows, columns }: MapShape): string {
  return `${channels} channels of ${rows}×${columns}`;
}
