import type { Activation, YoloModule } from "./modules.ts";
import { type HeadOptions, type RandomBlocks, signalGain } from "./random-blocks.fixture.ts";
import type { RandomModules } from "./random-modules.fixture.ts";
import type { RandomOlderBlocks } from "./random-older-blocks.fixture.ts";

/** The letter of a size in a model's name; YOLOv3-tiny has one size. */
export type YoloScale = "n" | "s" | "m" | "l" | "x" | "t" | "c" | "e" | "b";

/** What a layer is made of. */
interface LayerToMake {
  readonly inputs: number;
  readonly outputs: number;
  readonly random: RandomModules;
  readonly blocks: RandomBlocks;
  readonly older: RandomOlderBlocks;
  readonly scale: YoloScale;
  /** How many there are of something in this scale. */
  repeats(count: number): number;
}

/** A layer of a family's configuration, before a scale widens and deepens it. */
export interface LayerRow {
  /** Default: the layer before. */
  readonly from?: readonly number[];
  /** Of its output; default: those of its input. */
  readonly channels?: number;
  /** Whether its inputs are joined. */
  readonly joins?: boolean;
  make(layer: LayerToMake): YoloModule;
}

export interface YoloConfiguration {
  /** Depth and width factors and the widest layer. */
  readonly depth: number;
  readonly width: number;
  readonly maxChannels: number;
  readonly rows: readonly LayerRow[];
  readonly headFrom: readonly number[];
  /** Strides 8, 16 and 32 where it has none. */
  readonly head: Omit<HeadOptions, "classCount" | "strides"> & Partial<HeadOptions>;
  readonly activation?: Activation;
}

type Scale = readonly [depth: number, width: number, maxChannels: number];

interface Family {
  readonly scales: Partial<Record<YoloScale, Scale>>;
  readonly headFrom: readonly number[] | ((scale: YoloScale) => readonly number[]);
  readonly rows: readonly LayerRow[] | ((scale: YoloScale) => readonly LayerRow[]);
  readonly head: YoloConfiguration["head"];
  readonly activation?: Activation;
}

const conv = (channels: number, { kernel = 3, stride = 2, from = -1 } = {}): LayerRow => ({
  channels,
  from: [from],
  // The pictures have few channels.
  make: ({ random, inputs, outputs }) =>
    random.conv(inputs, outputs, { kernel, stride, gain: inputs <= 3 ? signalGain : 1 }),
});
const same = (channels: number, kernel = 3) => conv(channels, { kernel, stride: 1 });
const up: LayerRow = { make: () => ({ kind: "upsample", factor: 2 }) };
const join = (layer: number): LayerRow => ({
  from: [-1, layer],
  joins: true,
  make: () => ({ kind: "concat" }),
});
const identity: LayerRow = { make: () => ({ kind: "identity" }) };
const c2f = (channels: number, count: number, add = false): LayerRow => ({
  channels,
  make: ({ blocks, inputs, outputs, repeats }) =>
    blocks.c2f(inputs, outputs, { repeats: repeats(count), add }),
});
const c2 = (channels: number): LayerRow => ({
  channels,
  make: ({ blocks, inputs, outputs, repeats }) => blocks.c2(inputs, outputs, repeats(3)),
});
const c3k2 = (
  channels: number,
  c3k: boolean,
  { ratio = 0.5, count = 2, attention = false } = {},
): LayerRow => ({
  channels,
  make: ({ blocks, inputs, outputs, repeats, scale }) =>
    blocks.c3k2(inputs, outputs, {
      c3k: c3k || (scale !== "n" && scale !== "s"),
      ratio,
      attention,
      repeats: repeats(count),
    }),
});
const a2c2f = (channels: number, count: number, areaCount?: number): LayerRow => ({
  channels,
  make: ({ blocks, inputs, outputs, repeats, scale }) =>
    blocks.a2c2f(inputs, outputs, {
      areaCount,
      repeats: repeats(count),
      residual: scale === "l" || scale === "x",
    }),
});
const sppf = (
  channels: number,
  options: { readonly activation?: Activation; readonly add?: boolean } = {},
): LayerRow => ({
  channels,
  make: ({ blocks, inputs, outputs }) => blocks.sppf(inputs, outputs, options),
});
const c2psa: LayerRow = {
  make: ({ blocks, inputs, repeats }) => blocks.c2psa(inputs, repeats(2)),
};
const psa: LayerRow = { make: ({ blocks, inputs }) => blocks.psa(inputs) };
const c2fCib = (channels: number, count: number, large = false): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs, repeats }) =>
    older.c2fCib(inputs, outputs, { repeats: repeats(count), large }),
});
const scDown = (channels: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.pointwiseDown(inputs, outputs),
});
const ghost = (channels: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.ghost(inputs, outputs, { kernel: 3, stride: 2 }),
});
const c3Ghost = (channels: number, count: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs, repeats }) => older.c3Ghost(inputs, outputs, repeats(count)),
});
const convTranspose = (channels: number): LayerRow => ({
  channels,
  make: ({ random, inputs, outputs }) => random.convTranspose(inputs, outputs, 2),
});
/** Convolutions after each other. */
const convs = (channels: number, count: number): LayerRow => ({
  channels,
  make: ({ random, inputs, outputs, repeats }) => ({
    kind: "sequential",
    modules: Array.from({ length: repeats(count) }, (_, i) =>
      random.conv(i === 0 ? inputs : outputs, outputs, { kernel: 3 }),
    ),
  }),
});
const maxPool = (size: number, stride: number): LayerRow => ({
  make: ({ older }) => older.maxPool(size, stride),
});
/** A row and a column of zeros at the end. */
const padEnd: LayerRow = { make: ({ older }) => older.pad(1, 1) };
const elan = (channels: number, width: number, inner: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.elan(inputs, outputs, [width, inner]),
});
const repElan = (channels: number, width: number, inner: number, count: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.repElan(inputs, outputs, [width, inner], count),
});
const sppElan = (channels: number, hidden: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.sppElan(inputs, outputs, hidden),
});
const aConv = (channels: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.averagedConv(inputs, outputs),
});
const aDown = (channels: number): LayerRow => ({
  channels,
  make: ({ older, inputs, outputs }) => older.downsample(inputs, outputs),
});
/** CBLinear: the channels of several maps, of 64, 128, 256, … */
const linear = (from: number, maps: number): LayerRow => ({
  from: [from],
  channels: 64 * (2 ** maps - 1),
  make: ({ random, inputs, outputs }) => random.conv(inputs, outputs, { activation: "identity" }),
});
/** CBFuse: of each of those the map of so many channels. */
const fuse = (from: readonly number[], channels: number): LayerRow => ({
  from,
  make: () => ({
    kind: "fuse",
    slices: from.slice(1).map(() => ({ first: channels - 64, channels })),
  }),
});

const scales8: Family["scales"] = {
  n: [0.33, 0.25, 1024],
  s: [0.33, 0.5, 1024],
  m: [0.67, 0.75, 768],
  l: [1, 1, 512],
  x: [1, 1.25, 512],
};
const scales11: Family["scales"] = {
  n: [0.5, 0.25, 1024],
  s: [0.5, 0.5, 1024],
  m: [0.5, 1, 512],
  l: [1, 1, 512],
  x: [1, 1.5, 512],
};
const head8 = { separable: false, endToEnd: false, distributions: true };
const head11 = { ...head8, separable: true };

/** The first nine layers of YOLO11 and YOLO26. */
const backbone11 = [
  conv(64),
  conv(128),
  c3k2(256, false, { ratio: 0.25 }),
  conv(256),
  c3k2(512, false, { ratio: 0.25 }),
  conv(512),
  c3k2(512, true),
  conv(1024),
  c3k2(1024, true),
];

/** Of YOLOv9 from t to m: widths of the stages, and of those on the way down again. */
const rows9 = (
  [a, b, c, d, e]: readonly [number, number, number, number, number],
  [f, g]: readonly [number, number],
  count: number,
): LayerRow[] => {
  const stage = (channels: number) => repElan(channels, channels, channels / 2, count);
  return [
    ...[conv(a), conv(2 * a), count === 1 ? stage(b) : elan(b, b, b / 2)],
    ...[aConv(c), stage(c), aConv(d), stage(d), aConv(e), stage(e), sppElan(e, e / 2)],
    ...[up, join(6), stage(d), up, join(4), stage(c)],
    ...[aConv(f), join(12), stage(d), aConv(g), join(9), stage(e)],
  ];
};

const stages9e = [
  repElan(256, 128, 64, 2),
  aDown(256),
  repElan(512, 256, 128, 2),
  aDown(512),
  repElan(1024, 512, 256, 2),
  aDown(1024),
  repElan(1024, 512, 256, 2),
];

const rows9of: Partial<Record<YoloScale, readonly LayerRow[]>> = {
  t: rows9([16, 32, 64, 96, 128], [48, 64], 3),
  s: rows9([32, 64, 128, 192, 256], [96, 128], 3),
  m: rows9([32, 128, 240, 360, 480], [184, 240], 1),
  c: [
    ...[conv(64), conv(128), repElan(256, 128, 64, 1), aDown(256), repElan(512, 256, 128, 1)],
    ...[aDown(512), repElan(512, 512, 256, 1), aDown(512), repElan(512, 512, 256, 1)],
    ...[sppElan(512, 256), up, join(6), repElan(512, 512, 256, 1)],
    ...[up, join(4), repElan(256, 256, 128, 1)],
    ...[aDown(256), join(12), repElan(512, 512, 256, 1)],
    ...[aDown(512), join(9), repElan(512, 512, 256, 1)],
  ],
  e: [
    ...[identity, conv(64), conv(128), ...stages9e],
    ...[linear(1, 1), linear(3, 2), linear(5, 3), linear(7, 4), linear(9, 5)],
    ...[conv(64, { from: 0 }), fuse([10, 11, 12, 13, 14, -1], 64)],
    ...[conv(128), fuse([11, 12, 13, 14, -1], 128), stages9e[0]!],
    ...[stages9e[1]!, fuse([12, 13, 14, -1], 256), stages9e[2]!],
    ...[stages9e[3]!, fuse([13, 14, -1], 512), stages9e[4]!],
    ...[stages9e[5]!, fuse([14, -1], 1024), stages9e[6]!],
    ...[sppElan(512, 256), up, join(25), repElan(512, 512, 256, 2)],
    ...[up, join(22), repElan(256, 256, 128, 2)],
    ...[aDown(256), join(32), repElan(512, 512, 256, 2)],
    ...[aDown(512), join(29), repElan(512, 1024, 512, 2)],
  ],
};

const rows10 = (scale: YoloScale): LayerRow[] => {
  const isLarge = scale === "n" || scale === "s";
  const [isSmall, isWide] = [isLarge, "blx".includes(scale)];
  return [
    ...[conv(64), conv(128), c2f(128, 3, true), conv(256), c2f(256, 6, true), scDown(512)],
    scale === "x" ? c2fCib(512, 6) : c2f(512, 6, true),
    scDown(1024),
    scale === "n" ? c2f(1024, 3, true) : c2fCib(1024, 3, isLarge),
    ...[sppf(1024), psa, up, join(6), isWide ? c2fCib(512, 3) : c2f(512, 3)],
    ...[up, join(4), c2f(256, 3), conv(256), join(13), isSmall ? c2f(512, 3) : c2fCib(512, 3)],
    ...[scDown(512), join(10), c2fCib(1024, 3, isLarge)],
  ];
};

/** The families' layers, as their configurations list them. */
const families = {
  "v3-tiny": {
    scales: { n: [1, 1, 1024] },
    rows: [
      ...[16, 32, 64, 128, 256].flatMap((channels) => [same(channels), maxPool(2, 2)]),
      ...[same(512), padEnd, maxPool(2, 1), same(1024)],
      ...[same(256, 1), same(512), conv(128, { kernel: 1, stride: 1, from: -2 })],
      ...[up, join(8), same(256)],
    ],
    headFrom: [19, 15],
    head: { ...head8, strides: [16, 32] },
  },
  v6: {
    scales: scales8,
    rows: [
      ...[conv(64), conv(128), convs(128, 6), conv(256), convs(256, 12), conv(512)],
      ...[convs(512, 18), conv(1024), convs(1024, 6), sppf(1024)],
      ...[same(256, 1), convTranspose(256), join(6), same(256), convs(256, 9)],
      ...[same(128, 1), convTranspose(128), join(4), same(128), convs(128, 9)],
      ...[conv(128), join(15), same(256), convs(256, 9)],
      ...[conv(256), join(10), same(512), convs(512, 9)],
    ],
    headFrom: [19, 23, 27],
    head: head8,
    activation: "relu",
  },
  v8: {
    scales: scales8,
    rows: [
      ...[conv(64), conv(128), c2f(128, 3, true), conv(256), c2f(256, 6, true), conv(512)],
      ...[c2f(512, 6, true), conv(1024), c2f(1024, 3, true), sppf(1024)],
      ...[up, join(6), c2f(512, 3), up, join(4), c2f(256, 3)],
      ...[conv(256), join(12), c2f(512, 3), conv(512), join(9), c2f(1024, 3)],
    ],
    headFrom: [15, 18, 21],
    head: head8,
  },
  "v8-p6": {
    scales: { ...scales8, l: [1, 1, 1024], x: [1, 1.25, 1024] },
    rows: [
      ...[conv(64), conv(128), c2f(128, 3, true), conv(256), c2f(256, 6, true), conv(512)],
      ...[c2f(512, 6, true), conv(768), c2f(768, 3, true), conv(1024), c2f(1024, 3, true)],
      ...[sppf(1024), up, join(8), c2(768), up, join(6), c2(512), up, join(4), c2(256)],
      ...[conv(256), join(17), c2(512), conv(512), join(14), c2(768)],
      ...[conv(768), join(11), c2(1024)],
    ],
    headFrom: [20, 23, 26, 29],
    head: { ...head8, strides: [8, 16, 32, 64] },
  },
  "v8-ghost": {
    scales: scales8,
    rows: [
      ...[conv(64), ghost(128), c3Ghost(128, 3), ghost(256), c3Ghost(256, 6), ghost(512)],
      ...[c3Ghost(512, 6), ghost(1024), c3Ghost(1024, 3), sppf(1024)],
      ...[up, join(6), c3Ghost(512, 3), up, join(4), c3Ghost(256, 3)],
      ...[ghost(256), join(12), c3Ghost(512, 3), ghost(512), join(9), c3Ghost(1024, 3)],
    ],
    headFrom: [15, 18, 21],
    head: head8,
  },
  v9: {
    scales: Object.fromEntries(
      [..."tsmce"].map((scale) => [scale, [1, 1, Number.POSITIVE_INFINITY]]),
    ),
    rows: (scale) => rows9of[scale]!,
    headFrom: (scale) => (scale === "e" ? [35, 38, 41] : [15, 18, 21]),
    head: head8,
  },
  v10: {
    scales: { ...scales8, b: [0.67, 1, 512] },
    rows: rows10,
    headFrom: [16, 19, 22],
    head: { ...head11, endToEnd: true },
  },
  11: {
    scales: scales11,
    rows: [
      ...[...backbone11, sppf(1024), c2psa],
      ...[up, join(6), c3k2(512, false), up, join(4), c3k2(256, false)],
      ...[conv(256), join(13), c3k2(512, false), conv(512), join(10), c3k2(1024, true)],
    ],
    headFrom: [16, 19, 22],
    head: head11,
  },
  12: {
    scales: scales11,
    rows: [
      ...[conv(64), conv(128), c3k2(256, false, { ratio: 0.25 }), conv(256)],
      ...[c3k2(512, false, { ratio: 0.25 }), conv(512), a2c2f(512, 4, 4), conv(1024)],
      ...[a2c2f(1024, 4, 1), up, join(6), a2c2f(512, 2), up, join(4), a2c2f(256, 2)],
      ...[conv(256), join(11), a2c2f(512, 2), conv(512), join(8), c3k2(1024, true)],
    ],
    headFrom: [14, 17, 20],
    head: head11,
  },
  26: {
    scales: scales11,
    rows: [
      ...[...backbone11, sppf(1024, { activation: "identity", add: true }), c2psa],
      ...[up, join(6), c3k2(512, true), up, join(4), c3k2(256, true)],
      ...[conv(256), join(13), c3k2(512, true), conv(512), join(10)],
      c3k2(1024, true, { count: 1, attention: true }),
    ],
    headFrom: [16, 19, 22],
    head: { ...head11, endToEnd: true, distributions: false },
  },
} as const satisfies Record<string, Family>;

export type YoloFamily = `${keyof typeof families}`;

export function configurationOf(name: YoloFamily, scale: YoloScale): YoloConfiguration {
  const family: Family = families[name];
  const [depth, width, maxChannels] = family.scales[scale] ?? [];
  if (depth === undefined || width === undefined || maxChannels === undefined) {
    throw new Error(`YOLO${name} has no scale ${scale}`);
  }
  const { headFrom, rows, ...others } = family;
  return {
    ...others,
    depth,
    width,
    maxChannels,
    rows: typeof rows === "function" ? rows(scale) : rows,
    headFrom: typeof headFrom === "function" ? headFrom(scale) : headFrom,
  };
}

/** A network of each family and of each kind of block, as small as they come. */
export const oneOfEachFamily: readonly (readonly [YoloFamily, YoloScale, "detect" | "segment"])[] =
  [
    ["v3-tiny", "n", "detect"],
    ["v6", "n", "detect"],
    ["v8", "n", "segment"],
    ["v8-p6", "n", "detect"],
    ["v8-ghost", "n", "detect"],
    ["v9", "t", "detect"],
    ["v10", "n", "detect"],
    ["11", "n", "segment"],
    ["12", "n", "detect"],
    ["26", "n", "detect"],
  ];
