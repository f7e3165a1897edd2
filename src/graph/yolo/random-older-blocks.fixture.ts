import type {
  BottleneckModule,
  C2fModule,
  C3Module,
  ConvModule,
  ElanModule,
  GhostModule,
  PadModule,
  PoolModule,
  ResidualModule,
  SequentialModule,
  SppfModule,
  YoloModule,
} from "./modules.ts";
import type { RandomBlocks } from "./random-blocks.fixture.ts";
import type { RandomModules } from "./random-modules.fixture.ts";

const residualGain = 0.3;

/** The composite modules of YOLOv3-tiny, YOLOv9, YOLOv10 and the ghost networks. */
export class RandomOlderBlocks {
  readonly #random: RandomModules;
  readonly #blocks: RandomBlocks;

  constructor(random: RandomModules, blocks: RandomBlocks) {
    this.#random = random;
    this.#blocks = blocks;
  }

  /** ELAN1. */
  elan(inputs: number, outputs: number, [width, inner]: readonly [number, number]): ElanModule {
    return this.#elan(inputs, outputs, [width, inner], (from) =>
      this.#random.conv(from, inner, { kernel: 3 }),
    );
  }

  /** RepNCSPELAN4. */
  repElan(
    inputs: number,
    outputs: number,
    [width, inner]: readonly [number, number],
    repeats: number,
  ): ElanModule {
    return this.#elan(inputs, outputs, [width, inner], (from) =>
      chain(this.#repCsp(from, inner, repeats), this.#random.conv(inner, inner, { kernel: 3 })),
    );
  }

  sppElan(inputs: number, outputs: number, hidden: number): SppfModule {
    return {
      kind: "sppf",
      cv1: this.#random.conv(inputs, hidden),
      join: this.#random.conv(4 * hidden, outputs),
      joinName: "cv5",
      poolSize: 5,
      poolCount: 3,
      add: false,
    };
  }

  /** AConv. */
  averagedConv(inputs: number, outputs: number): SequentialModule {
    const pool: PoolModule = {
      kind: "pool",
      of: "mean",
      kernel: [2, 2],
      stride: [1, 1],
      padding: [0, 0],
    };
    const cv1 = this.#random.conv(inputs, outputs, { kernel: 3, stride: 2 });
    return { kind: "sequential", modules: { pool, cv1 } };
  }

  /** ADown. */
  downsample(inputs: number, outputs: number): YoloModule {
    return {
      kind: "downsample",
      cv1: this.#random.conv(inputs / 2, outputs / 2, { kernel: 3, stride: 2 }),
      cv2: this.#random.conv(inputs / 2, outputs / 2),
    };
  }

  /** SCDown. */
  pointwiseDown(inputs: number, outputs: number): SequentialModule {
    const cv1 = this.#random.conv(inputs, outputs);
    const cv2 = this.#depthwise(outputs, { kernel: 3, stride: 2, activation: "identity" });
    return { kind: "sequential", modules: { cv1, cv2 } };
  }

  c2fCib(
    inputs: number,
    outputs: number,
    { repeats, large }: { readonly repeats: number; readonly large: boolean },
  ): C2fModule {
    const hidden = outputs / 2;
    return this.#blocks.split(inputs, outputs, hidden, { repeats }, () => this.#cib(hidden, large));
  }

  ghost(
    inputs: number,
    outputs: number,
    { stride = 1, kernel = 1, isLinear = false } = {},
  ): GhostModule {
    const activation = isLinear ? "identity" : "silu";
    const half = outputs / 2;
    return {
      kind: "ghost",
      cv1: this.#random.conv(inputs, half, { kernel, stride, activation }),
      cv2: this.#depthwise(half, { kernel: 5, activation }),
    };
  }

  c3Ghost(inputs: number, outputs: number, repeats: number): C3Module {
    return this.#c3(inputs, outputs, repeats, (hidden) => this.#ghostBottleneck(hidden));
  }

  maxPool(size: number, stride: number): PoolModule {
    return {
      kind: "pool",
      of: "largest",
      kernel: [size, size],
      stride: [stride, stride],
      padding: [0, 0],
    };
  }

  pad(right: number, bottom: number): PadModule {
    return { kind: "pad", top: 0, left: 0, right, bottom };
  }

  #elan(
    inputs: number,
    outputs: number,
    [width, inner]: readonly [number, number],
    step: (from: number) => YoloModule,
  ): ElanModule {
    return {
      kind: "elan",
      cv1: this.#random.conv(inputs, width),
      cv2: step(width / 2),
      cv3: step(inner),
      cv4: this.#random.conv(width + 2 * inner, outputs),
    };
  }

  #repCsp(inputs: number, outputs: number, repeats: number): C3Module {
    return this.#c3(
      inputs,
      outputs,
      repeats,
      (hidden): BottleneckModule => this.#blocks.bottleneck(hidden, { inner: hidden }),
    );
  }

  #c3(
    inputs: number,
    outputs: number,
    repeats: number,
    block: (hidden: number) => YoloModule,
  ): C3Module {
    const hidden = outputs / 2;
    return {
      kind: "c3",
      cv1: this.#random.conv(inputs, hidden),
      cv2: this.#random.conv(inputs, hidden),
      cv3: this.#random.conv(2 * hidden, outputs),
      m: chain(...Array.from({ length: repeats }, () => block(hidden))),
    };
  }

  #cib(channels: number, large: boolean): ResidualModule {
    const cv1 = chain(
      this.#depthwise(channels, { kernel: 3 }),
      this.#random.conv(channels, 2 * channels),
      this.#depthwise(2 * channels, { kernel: large ? 7 : 3 }),
      this.#random.conv(2 * channels, channels),
      this.#depthwise(channels, { kernel: 3, gain: residualGain }),
    );
    return { kind: "residual", modules: { cv1 }, shortcut: { kind: "identity" } };
  }

  #ghostBottleneck(channels: number): ResidualModule {
    const conv = chain(
      this.ghost(channels, channels / 2),
      { kind: "identity" },
      this.ghost(channels / 2, channels, { isLinear: true }),
    );
    return { kind: "residual", modules: { conv }, shortcut: { kind: "identity" } };
  }

  #depthwise(channels: number, options: Parameters<RandomModules["conv"]>[2]): ConvModule {
    return this.#random.conv(channels, channels, { ...options, groups: channels });
  }
}

function chain(...modules: YoloModule[]): SequentialModule {
  return { kind: "sequential", modules };
}
