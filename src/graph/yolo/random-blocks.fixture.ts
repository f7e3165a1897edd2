import type {
  A2c2fModule,
  Activation,
  AttentionModule,
  BottleneckModule,
  C2fModule,
  C2Module,
  C3Module,
  DetectModule,
  FusedProtoModule,
  ProtoModule,
  PsaModule,
  ResidualAttentionModule,
  SegmentModule,
  SequentialModule,
  SppfModule,
  YoloModule,
} from "./modules.ts";
import type { RandomModules } from "./random-modules.fixture.ts";

const regMax = 16;
const maskCount = 32;

/**
 * Gains that make the outputs look like a trained network's, tried with all scales and several
 * seeds. The first layer amplifies, since SiLU halves faint signals and a hundred of them would
 * extinguish them; residual branches add little, so that depth does not matter; the last layers
 * bring back the range. The bias puts the score of an anchor without contrast at 0.001, so that a
 * photo has none to some dozens of detections above 0.25, not thousands.
 */
export const signalGain = 30;
const residualGain = 0.3;
const boxGain = 0.1;
const classGain = 0.33;
const classBias = -7;

/** In what the heads of the families differ. */
export interface HeadOptions {
  readonly classCount: number;
  /** Whether the class branches are depthwise and pointwise convolutions, as since YOLO11. */
  readonly separable: boolean;
  /** Whether the head chooses the detections itself, as in YOLOv10 and YOLO26. */
  readonly endToEnd: boolean;
  /** Whether it makes distributions of box distances; YOLO26 makes the distances. */
  readonly distributions: boolean;
  readonly strides: readonly number[];
}

/** The composite modules of the YOLO families, from random convolutions. */
export class RandomBlocks {
  readonly #random: RandomModules;

  constructor(random: RandomModules) {
    this.#random = random;
  }

  /** YOLOv8's C2f, whose bottlenecks are as wide inside as outside. */
  c2f(
    inputs: number,
    outputs: number,
    options: { readonly repeats: number; readonly add: boolean },
  ): C2fModule {
    const { repeats, add } = options;
    const hidden = outputs / 2;
    return this.split(inputs, outputs, hidden, { repeats }, () =>
      this.bottleneck(hidden, { inner: hidden, add }),
    );
  }

  c3k2(
    inputs: number,
    outputs: number,
    options: {
      readonly c3k: boolean;
      readonly repeats: number;
      readonly ratio?: number;
      readonly attention?: boolean;
    },
  ): C2fModule {
    const { c3k, repeats, ratio = 0.5, attention = false } = options;
    const hidden = Math.trunc(outputs * ratio);
    return this.split(inputs, outputs, hidden, { repeats }, () => {
      if (attention) return this.#chain(this.bottleneck(hidden), this.#psaBlock(hidden));
      return c3k ? this.#c3k(hidden) : this.bottleneck(hidden);
    });
  }

  sppf(
    inputs: number,
    outputs: number,
    options: { readonly activation?: Activation; readonly add?: boolean } = {},
  ): SppfModule {
    const { activation = "silu", add = false } = options;
    const hidden = inputs / 2;
    return {
      kind: "sppf",
      cv1: this.#random.conv(inputs, hidden, { activation }),
      join: this.#random.conv(4 * hidden, outputs),
      joinName: "cv2",
      poolSize: 5,
      poolCount: 3,
      add,
    };
  }

  /** YOLOv8's C2 of six strides, whose first half is deep. */
  c2(inputs: number, outputs: number, repeats: number): C2Module {
    const hidden = outputs / 2;
    return {
      kind: "c2",
      cv1: this.#random.conv(inputs, 2 * hidden),
      cv2: this.#random.conv(2 * hidden, outputs),
      m: this.#chain(
        ...Array.from({ length: repeats }, () =>
          this.bottleneck(hidden, { inner: hidden, add: false }),
        ),
      ),
      deepHalf: 0,
    };
  }

  c2psa(channels: number, repeats: number): C2Module {
    const hidden = channels / 2;
    return {
      kind: "c2",
      cv1: this.#random.conv(channels, 2 * hidden),
      cv2: this.#random.conv(2 * hidden, channels),
      m: this.#chain(...Array.from({ length: repeats }, () => this.#psaBlock(hidden))),
      deepHalf: 1,
    };
  }

  /** YOLOv10's attention, which is that of one PSABlock. */
  psa(channels: number): PsaModule {
    const hidden = channels / 2;
    const [cv1, cv2] = [
      this.#random.conv(channels, channels),
      this.#random.conv(channels, channels),
    ];
    const { attn, ffn } = this.#psaBlock(hidden);
    return { kind: "psa", cv1, cv2, attn, ffn };
  }

  /** YOLO12's block: pairs of area attention, or C3k where there are no areas. */
  a2c2f(
    inputs: number,
    outputs: number,
    options: {
      readonly repeats: number;
      readonly areaCount: number | undefined;
      /**
       * Whether it is a change of its input, and its attention narrower, as in the sizes l and x.
       */
      readonly residual: boolean;
    },
  ): A2c2fModule {
    const { repeats, areaCount, residual } = options;
    const hidden = outputs / 2;
    const pair = (areas: number) =>
      this.#chain(
        this.#aBlock(hidden, areas, residual ? 1.2 : 2),
        this.#aBlock(hidden, areas, residual ? 1.2 : 2),
      );
    return {
      kind: "a2c2f",
      cv1: this.#random.conv(inputs, hidden),
      m: Array.from({ length: repeats }, () =>
        areaCount === undefined ? this.#c3k(hidden) : pair(areaCount),
      ),
      cv2: this.#random.conv((1 + repeats) * hidden, outputs),
      gamma:
        residual && areaCount !== undefined
          ? { dims: [outputs], values: new Float32Array(outputs).fill(residualGain) }
          : undefined,
    };
  }

  detect(inputs: readonly number[], options: HeadOptions): DetectModule {
    const { classCount, separable, endToEnd, distributions, strides } = options;
    const bins = distributions ? regMax : 1;
    const boxWidth = Math.max(16, inputs[0]! / 4, 4 * bins);
    const classWidth = Math.max(inputs[0]!, Math.min(classCount, 100));
    const conv = this.#random.conv.bind(this.#random);
    const classConv = (from: number, to: number) =>
      separable
        ? this.#chain(conv(from, from, { kernel: 3, groups: from }), conv(from, to))
        : conv(from, to, { kernel: 3 });
    return {
      kind: "detect",
      cv2: inputs.map((channels) =>
        this.#chain(
          conv(channels, boxWidth, { kernel: 3 }),
          conv(boxWidth, boxWidth, { kernel: 3 }),
          conv(boxWidth, 4 * bins, { activation: "identity", bias: 1, gain: boxGain }),
        ),
      ),
      cv3: inputs.map((channels) =>
        this.#chain(
          classConv(channels, classWidth),
          classConv(classWidth, classWidth),
          conv(classWidth, classCount, {
            activation: "identity",
            bias: classBias,
            gain: classGain,
          }),
        ),
      ),
      classCount,
      dfl: distributions
        ? { dims: [1, regMax, 1, 1], values: Float32Array.from({ length: regMax }, (_, i) => i) }
        : undefined,
      strides,
      endToEnd: endToEnd ? { maxDetections: 300 } : undefined,
    };
  }

  segment(
    inputs: readonly number[],
    options: HeadOptions & { readonly protoWidth: number },
  ): SegmentModule {
    const conv = this.#random.conv.bind(this.#random);
    const width = Math.max(inputs[0]! / 4, maskCount);
    return {
      kind: "segment",
      detect: this.detect(inputs, options),
      cv4: inputs.map((channels) =>
        this.#chain(
          conv(channels, width, { kernel: 3 }),
          conv(width, width, { kernel: 3 }),
          conv(width, maskCount, { activation: "identity" }),
        ),
      ),
      proto: options.distributions
        ? this.#proto(inputs[0]!, options.protoWidth)
        : this.#fusedProto(inputs, options.protoWidth),
    };
  }

  split(
    inputs: number,
    outputs: number,
    hidden: number,
    { repeats }: { readonly repeats: number },
    block: () => YoloModule,
  ): C2fModule {
    return {
      kind: "c2f",
      cv1: this.#random.conv(inputs, 2 * hidden),
      m: Array.from({ length: repeats }, block),
      cv2: this.#random.conv((2 + repeats) * hidden, outputs),
    };
  }

  #c3k(channels: number): C3Module {
    const hidden = channels / 2;
    return {
      kind: "c3",
      cv1: this.#random.conv(channels, hidden),
      cv2: this.#random.conv(channels, hidden),
      cv3: this.#random.conv(2 * hidden, channels),
      m: this.#chain(
        this.bottleneck(hidden, { inner: hidden }),
        this.bottleneck(hidden, { inner: hidden }),
      ),
    };
  }

  bottleneck(
    channels: number,
    options: { readonly inner?: number; readonly add?: boolean } = {},
  ): BottleneckModule {
    const { inner = channels / 2, add = true } = options;
    return {
      kind: "bottleneck",
      cv1: this.#random.conv(channels, inner, { kernel: 3 }),
      cv2: this.#random.conv(inner, channels, { kernel: 3, gain: add ? residualGain : 1 }),
      add,
    };
  }

  #psaBlock(channels: number): ResidualAttentionModule {
    const headCount = Math.max(Math.trunc(channels / 64), 1);
    const headDim = channels / headCount;
    return {
      kind: "residualAttention",
      attn: this.#attention(channels, { headCount, keyDim: headDim / 2, areaCount: 1, kernel: 3 }),
      ffn: this.#feedForward(channels, 2 * channels),
      ffnName: "ffn",
      add: true,
    };
  }

  #aBlock(channels: number, areaCount: number, ratio: number): ResidualAttentionModule {
    const headCount = channels / 32;
    return {
      kind: "residualAttention",
      attn: this.#attention(channels, { headCount, keyDim: 32, areaCount, kernel: 7 }),
      ffn: this.#feedForward(channels, Math.trunc(channels * ratio)),
      ffnName: "mlp",
      add: true,
    };
  }

  #feedForward(channels: number, hidden: number): SequentialModule {
    return this.#chain(
      this.#random.conv(channels, hidden),
      this.#random.conv(hidden, channels, { activation: "identity", gain: residualGain }),
    );
  }

  #attention(
    channels: number,
    options: {
      readonly headCount: number;
      readonly keyDim: number;
      readonly areaCount: number;
      readonly kernel: number;
    },
  ): AttentionModule {
    const { headCount, keyDim, areaCount, kernel } = options;
    const headDim = channels / headCount;
    const conv = this.#random.conv.bind(this.#random);
    const activation = "identity";
    return {
      kind: "attention",
      qkv: conv(channels, headCount * (2 * keyDim + headDim), { activation }),
      proj: conv(channels, channels, { activation, gain: residualGain }),
      pe: conv(channels, channels, { kernel, groups: channels, activation }),
      headCount,
      keyDim,
      headDim,
      areaCount,
    };
  }

  #proto(inputs: number, width: number): ProtoModule {
    return {
      kind: "proto",
      cv1: this.#random.conv(inputs, width, { kernel: 3 }),
      upsample: this.#random.convTranspose(width, width, 2),
      cv2: this.#random.conv(width, width, { kernel: 3 }),
      cv3: this.#random.conv(width, maskCount),
    };
  }

  #fusedProto(inputs: readonly number[], width: number): FusedProtoModule {
    const [first, ...others] = inputs as [number, ...number[]];
    return {
      kind: "fusedProto",
      featRefine: others.map((channels) => this.#random.conv(channels, first)),
      factors: others.map((_, i) => 2 ** (i + 1)),
      featFuse: this.#random.conv(first, width, { kernel: 3 }),
      proto: this.#proto(width, width),
    };
  }

  #chain(...modules: YoloModule[]): SequentialModule {
    return { kind: "sequential", modules };
  }
}
