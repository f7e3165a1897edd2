import type { Activation } from "./modules.ts";

export type YoloFamily = "v8" | "11" | "12" | "26";
export type YoloScale = "n" | "s" | "m" | "l" | "x";

/** A layer of a family's configuration, before a scale widens and deepens it. */
export type LayerRow =
  | { readonly block: "conv"; readonly channels: number }
  | {
      readonly block: "c2f";
      readonly channels: number;
      readonly repeats: number;
      readonly add: boolean;
    }
  | {
      readonly block: "c3k2";
      readonly channels: number;
      readonly repeats: number;
      readonly c3k: boolean;
      readonly ratio?: number;
      readonly attention?: boolean;
    }
  | {
      readonly block: "a2c2f";
      readonly channels: number;
      readonly repeats: number;
      readonly areaCount: number | undefined;
    }
  | {
      readonly block: "sppf";
      readonly channels: number;
      readonly activation?: Activation;
      readonly add?: boolean;
    }
  | { readonly block: "c2psa"; readonly repeats: number }
  | { readonly block: "up" }
  /** Joins the layer before with an earlier one. */
  | { readonly block: "join"; readonly layer: number };

export interface YoloConfiguration {
  /** Depth and width factors and the widest layer, by the letter in the model's name. */
  readonly scales: Readonly<
    Record<
      YoloScale,
      { readonly depth: number; readonly width: number; readonly maxChannels: number }
    >
  >;
  readonly rows: readonly LayerRow[];
  /** The layers that the head reads: strides 8, 16 and 32. */
  readonly headFrom: readonly number[];
  readonly separable: boolean;
  readonly endToEnd: boolean;
}

const conv = (channels: number): LayerRow => ({ block: "conv", channels });
const c2f = (channels: number, repeats: number, add = false): LayerRow => ({
  block: "c2f",
  channels,
  repeats,
  add,
});
const c3k2 = (channels: number, c3k: boolean, ratio = 0.5): LayerRow => ({
  block: "c3k2",
  channels,
  repeats: 2,
  c3k,
  ratio,
});
const a2c2f = (channels: number, repeats: number, areaCount?: number): LayerRow => ({
  block: "a2c2f",
  channels,
  repeats,
  areaCount,
});
const up: LayerRow = { block: "up" };
const join = (layer: number): LayerRow => ({ block: "join", layer });

const scales11 = {
  n: { depth: 0.5, width: 0.25, maxChannels: 1024 },
  s: { depth: 0.5, width: 0.5, maxChannels: 1024 },
  m: { depth: 0.5, width: 1, maxChannels: 512 },
  l: { depth: 1, width: 1, maxChannels: 512 },
  x: { depth: 1, width: 1.5, maxChannels: 512 },
} as const;

/** The first nine layers of YOLO11 and YOLO26. */
const backbone11 = [
  conv(64),
  conv(128),
  c3k2(256, false, 0.25),
  conv(256),
  c3k2(512, false, 0.25),
  conv(512),
  c3k2(512, true),
  conv(1024),
  c3k2(1024, true),
];

/** The families' layers, as their yaml files list them. */
export const configurations: Readonly<Record<YoloFamily, YoloConfiguration>> = {
  v8: {
    scales: {
      n: { depth: 0.33, width: 0.25, maxChannels: 1024 },
      s: { depth: 0.33, width: 0.5, maxChannels: 1024 },
      m: { depth: 0.67, width: 0.75, maxChannels: 768 },
      l: { depth: 1, width: 1, maxChannels: 512 },
      x: { depth: 1, width: 1.25, maxChannels: 512 },
    },
    rows: [
      conv(64),
      conv(128),
      c2f(128, 3, true),
      conv(256),
      c2f(256, 6, true),
      conv(512),
      c2f(512, 6, true),
      conv(1024),
      c2f(1024, 3, true),
      { block: "sppf", channels: 1024 },
      ...[up, join(6), c2f(512, 3)],
      ...[up, join(4), c2f(256, 3)],
      ...[conv(256), join(12), c2f(512, 3)],
      ...[conv(512), join(9), c2f(1024, 3)],
    ],
    headFrom: [15, 18, 21],
    separable: false,
    endToEnd: false,
  },
  11: {
    scales: scales11,
    rows: [
      ...backbone11,
      { block: "sppf", channels: 1024 },
      { block: "c2psa", repeats: 2 },
      ...[up, join(6), c3k2(512, false)],
      ...[up, join(4), c3k2(256, false)],
      ...[conv(256), join(13), c3k2(512, false)],
      ...[conv(512), join(10), c3k2(1024, true)],
    ],
    headFrom: [16, 19, 22],
    separable: true,
    endToEnd: false,
  },
  12: {
    scales: scales11,
    rows: [
      conv(64),
      conv(128),
      c3k2(256, false, 0.25),
      conv(256),
      c3k2(512, false, 0.25),
      conv(512),
      a2c2f(512, 4, 4),
      conv(1024),
      a2c2f(1024, 4, 1),
      ...[up, join(6), a2c2f(512, 2)],
      ...[up, join(4), a2c2f(256, 2)],
      ...[conv(256), join(11), a2c2f(512, 2)],
      ...[conv(512), join(8), c3k2(1024, true)],
    ],
    headFrom: [14, 17, 20],
    separable: true,
    endToEnd: false,
  },
  26: {
    scales: scales11,
    rows: [
      ...backbone11,
      { block: "sppf", channels: 1024, activation: "identity", add: true },
      { block: "c2psa", repeats: 2 },
      ...[up, join(6), c3k2(512, true)],
      ...[up, join(4), c3k2(256, true)],
      ...[conv(256), join(13), c3k2(512, true)],
      ...[conv(512), join(10)],
      { block: "c3k2", channels: 1024, repeats: 1, c3k: true, attention: true },
    ],
    headFrom: [16, 19, 22],
    separable: true,
    endToEnd: true,
  },
};
