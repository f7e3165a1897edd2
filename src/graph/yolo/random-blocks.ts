import type {
  AttentionModule,
  BottleneckModule,
  C2fModule,
  C2psaModule,
  C3Module,
  DetectModule,
  ProtoModule,
  SegmentModule,
  SequentialModule,
  SppfModule,
  YoloModule,
} from "./modules.ts";
import type { RandomModules } from "./random-modules.ts";

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

/** The composite modules of YOLO11, from random convolutions. */
export class RandomBlocks {
  readonly #random: RandomModules;

  constructor(random: RandomModules) {
    this.#random = random;
  }

  c3k2(
    inputs: number,
    outputs: number,
    options: { readonly c3k: boolean; readonly repeats: number; readonly ratio?: number },
  ): C2fModule {
    const { c3k, repeats, ratio = 0.5 } = options;
    const hidden = Math.trunc(outputs * ratio);
    return {
      kind: "c2f",
      cv1: this.#random.conv(inputs, 2 * hidden),
      m: Array.from({ length: repeats }, () =>
        c3k ? this.#c3k(hidden) : this.#bottleneck(hidden, hidden / 2),
      ),
      cv2: this.#random.conv((2 + repeats) * hidden, outputs),
    };
  }

  sppf(inputs: number, outputs: number): SppfModule {
    const hidden = inputs / 2;
    return {
      kind: "sppf",
      cv1: this.#random.conv(inputs, hidden),
      cv2: this.#random.conv(4 * hidden, outputs),
      poolSize: 5,
    };
  }

  c2psa(channels: number, repeats: number): C2psaModule {
    const hidden = channels / 2;
    return {
      kind: "c2psa",
      cv1: this.#random.conv(channels, 2 * hidden),
      cv2: this.#random.conv(2 * hidden, channels),
      m: {
        kind: "sequential",
        modules: Array.from({ length: repeats }, () => ({
          kind: "psaBlock",
          attn: this.#attention(hidden),
          ffn: this.#chain(
            this.#random.conv(hidden, 2 * hidden),
            this.#random.conv(2 * hidden, hidden, { activation: "identity", gain: residualGain }),
          ),
          add: true,
        })),
      },
    };
  }

  detect(inputs: readonly number[], classCount: number): DetectModule {
    const conv = this.#random.conv.bind(this.#random);
    const boxWidth = Math.max(16, inputs[0]! / 4, 4 * regMax);
    const classWidth = Math.max(inputs[0]!, Math.min(classCount, 100));
    const separable = (from: number, to: number) =>
      this.#chain(conv(from, from, { kernel: 3, groups: from }), conv(from, to));
    return {
      kind: "detect",
      cv2: inputs.map((channels) =>
        this.#chain(
          conv(channels, boxWidth, { kernel: 3 }),
          conv(boxWidth, boxWidth, { kernel: 3 }),
          conv(boxWidth, 4 * regMax, { activation: "identity", bias: 1, gain: boxGain }),
        ),
      ),
      cv3: inputs.map((channels) =>
        this.#chain(
          separable(channels, classWidth),
          separable(classWidth, classWidth),
          conv(classWidth, classCount, {
            activation: "identity",
            bias: classBias,
            gain: classGain,
          }),
        ),
      ),
      classCount,
      dfl: { dims: [1, regMax, 1, 1], values: Float32Array.from({ length: regMax }, (_, i) => i) },
      strides: [8, 16, 32],
    };
  }

  segment(inputs: readonly number[], classCount: number, protoWidth: number): SegmentModule {
    const conv = this.#random.conv.bind(this.#random);
    const width = Math.max(inputs[0]! / 4, maskCount);
    return {
      kind: "segment",
      detect: this.detect(inputs, classCount),
      cv4: inputs.map((channels) =>
        this.#chain(
          conv(channels, width, { kernel: 3 }),
          conv(width, width, { kernel: 3 }),
          conv(width, maskCount, { activation: "identity" }),
        ),
      ),
      proto: this.#proto(inputs[0]!, protoWidth),
    };
  }

  #c3k(channels: number): C3Module {
    const hidden = channels / 2;
    return {
      kind: "c3",
      cv1: this.#random.conv(channels, hidden),
      cv2: this.#random.conv(channels, hidden),
      cv3: this.#random.conv(2 * hidden, channels),
      m: this.#chain(this.#bottleneck(hidden, hidden), this.#bottleneck(hidden, hidden)),
    };
  }

  #bottleneck(channels: number, hidden: number): BottleneckModule {
    return {
      kind: "bottleneck",
      cv1: this.#random.conv(channels, hidden, { kernel: 3 }),
      cv2: this.#random.conv(hidden, channels, { kernel: 3, gain: residualGain }),
      add: true,
    };
  }

  #attention(channels: number): AttentionModule {
    const conv = this.#random.conv.bind(this.#random);
    const headCount = Math.max(Math.trunc(channels / 64), 1);
    const headDim = channels / headCount;
    const keyDim = headDim / 2;
    return {
      kind: "attention",
      qkv: conv(channels, headCount * (2 * keyDim + headDim), { activation: "identity" }),
      proj: conv(channels, channels, { activation: "identity", gain: residualGain }),
      pe: conv(channels, channels, { kernel: 3, groups: channels, activation: "identity" }),
      headCount,
      keyDim,
      headDim,
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

  #chain(...modules: YoloModule[]): SequentialModule {
    return { kind: "sequential", modules };
  }
}
