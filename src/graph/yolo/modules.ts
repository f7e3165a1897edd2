/**
 * A YOLO network as a tree of frozen plain objects that hold its weights, named after the modules
 * of Ultralytics. `moduleTable` turns them into ONNX nodes. A checkpoint or a random generator is
 * made into this tree; neither needs to know ONNX.
 *
 * Batch norm is folded into the convolutions, and convolutions that are summed are one.
 */
export type YoloModule =
  | ConvModule
  | ConvTransposeModule
  | SequentialModule
  | ResidualModule
  | BottleneckModule
  | C2Module
  | C2fModule
  | C3Module
  | ElanModule
  | GhostModule
  | DownsampleModule
  | SppfModule
  | AttentionModule
  | ResidualAttentionModule
  | PsaModule
  | A2c2fModule
  | ProtoModule
  | FusedProtoModule
  | PoolModule
  | PadModule
  | UpsampleModule
  | ConcatModule
  | FuseModule
  | IdentityModule;

export type YoloHead = DetectModule | SegmentModule;

/** Weights and their sizes, row-major. */
export interface Weights {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

/** Rows and columns. */
export type RowsColumns = readonly [rows: number, columns: number];

/** Modules that each read the last one's output, in a list or by their names in a checkpoint. */
export type ModuleChain = readonly YoloModule[] | Readonly<Record<string, YoloModule>>;

/** Conv, DWConv and Conv2d: convolution, bias and activation. */
export interface ConvModule {
  readonly kind: "conv";
  /** Output channels, input channels per group, kernel height, kernel width. */
  readonly weight: Weights;
  readonly bias: Weights;
  readonly stride: RowsColumns;
  /** Zeros on each side, above and below, left and right. */
  readonly padding: RowsColumns;
  readonly dilation: RowsColumns;
  readonly groups: number;
  readonly activation: Activation;
}

/** Named and parametrised as in PyTorch. */
export type Activation =
  | "identity"
  | "silu"
  | "relu"
  | "relu6"
  | "gelu"
  | "geluTanh"
  | "selu"
  | "softplus"
  | "hardswish"
  | "hardsigmoid"
  | "mish"
  | "sigmoid"
  | "tanh"
  | { readonly leakyReluSlope: number }
  | { readonly eluAlpha: number }
  | { readonly celuAlpha: number }
  /** One slope, or one for each channel. */
  | { readonly preluSlopes: Weights };

/** An enlarging convolution whose kernel is its stride, so that its places do not overlap. */
export interface ConvTransposeModule {
  readonly kind: "convTranspose";
  /** Input channels, output channels, kernel height, kernel width. */
  readonly weight: Weights;
  readonly bias: Weights;
  readonly stride: RowsColumns;
}

export interface SequentialModule {
  readonly kind: "sequential";
  readonly modules: ModuleChain;
}

/** What the modules make of x, plus what the shortcut makes of x. */
export interface ResidualModule {
  readonly kind: "residual";
  readonly modules: ModuleChain;
  readonly shortcut: YoloModule;
}

/** cv2(cv1 x), plus x where `add`. */
export interface BottleneckModule {
  readonly kind: "bottleneck";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly add: boolean;
}

/** C2 and C2PSA: splits cv1 x in two, sends one half through m, and joins both by cv2. */
export interface C2Module {
  readonly kind: "c2";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly m: SequentialModule;
  /** Which half goes through m. */
  readonly deepHalf: 0 | 1;
}

/** C2f and C3k2: splits cv1 x in two, appends m(last) for each m, and joins all by cv2. */
export interface C2fModule {
  readonly kind: "c2f";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly m: readonly YoloModule[];
}

/** C3 and C3k: cv3 of m(cv1 x) beside cv2 x. */
export interface C3Module {
  readonly kind: "c3";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly cv3: ConvModule;
  readonly m: SequentialModule;
}

/** ELAN1 and RepNCSPELAN4: splits cv1 x, appends cv2 and cv3 of the last, joins all by cv4. */
export interface ElanModule {
  readonly kind: "elan";
  readonly cv1: ConvModule;
  readonly cv2: YoloModule;
  readonly cv3: YoloModule;
  readonly cv4: ConvModule;
}

/** GhostConv: cv1 x beside cv2 of it. */
export interface GhostModule {
  readonly kind: "ghost";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
}

/** ADown: averages over 2×2; then cv1 of one half beside cv2 of the max-pool of the other. */
export interface DownsampleModule {
  readonly kind: "downsample";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
}

/** SPPF, SPP, SPPELAN: cv1 x and successive max-pools of it, joined by `join`; plus x if `add`. */
export interface SppfModule {
  readonly kind: "sppf";
  readonly cv1: ConvModule;
  readonly join: ConvModule;
  /** The name of `join` in a checkpoint, and in the graph. */
  readonly joinName: "cv2" | "cv5";
  readonly poolSize: number;
  readonly poolCount: number;
  readonly add: boolean;
}

/**
 * Attention and AAttn: multi-head self-attention over the pixels, with a depthwise convolution
 * `pe` for position.
 */
export interface AttentionModule {
  readonly kind: "attention";
  readonly qkv: ConvModule;
  readonly proj: ConvModule;
  readonly pe: ConvModule;
  readonly headCount: number;
  /** Channels of a query or a key, per head. */
  readonly keyDim: number;
  /** Channels of a value, per head. */
  readonly headDim: number;
  /** The number of runs of rows into which the pixels are cut; each attends only to itself. */
  readonly areaCount: number;
}

/** PSABlock and ABlock: x + attn x, then + ffn of that; without the sums unless `add`. */
export interface ResidualAttentionModule {
  readonly kind: "residualAttention";
  readonly attn: AttentionModule;
  readonly ffn: SequentialModule;
  /** The name of `ffn` in a checkpoint, and in the graph. */
  readonly ffnName: "ffn" | "mlp";
  readonly add: boolean;
}

/** PSA: splits cv1 x, adds attention and then `ffn` to the second half, joins both by cv2. */
export interface PsaModule {
  readonly kind: "psa";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly attn: AttentionModule;
  readonly ffn: SequentialModule;
}

/**
 * A2C2f: cv1 x and then m(last) for each m, joined by cv2. With `gamma` the result is a change of
 * x: x + gamma · change, channel by channel.
 */
export interface A2c2fModule {
  readonly kind: "a2c2f";
  readonly cv1: ConvModule;
  readonly cv2: ConvModule;
  readonly m: readonly YoloModule[];
  readonly gamma: Weights | undefined;
}

/** Mask prototypes at a quarter of the input size, from features at an eighth. */
export interface ProtoModule {
  readonly kind: "proto";
  readonly cv1: ConvModule;
  readonly upsample: ConvTransposeModule;
  readonly cv2: ConvModule;
  readonly cv3: ConvModule;
}

/** Mask prototypes from all levels: those below the first are refined, enlarged and added to it. */
export interface FusedProtoModule {
  readonly kind: "fusedProto";
  /** One for each level but the first. */
  readonly featRefine: readonly ConvModule[];
  /** How much larger the first level is than each of those. */
  readonly factors: readonly number[];
  readonly featFuse: ConvModule;
  readonly proto: ProtoModule;
}

/** The largest or the mean of the numbers under each kernel. */
export interface PoolModule {
  readonly kind: "pool";
  readonly of: "largest" | "mean";
  readonly kernel: RowsColumns;
  readonly stride: RowsColumns;
  /** On each side; it counts for nothing. */
  readonly padding: RowsColumns;
}

/** Zeros around a map. */
export interface PadModule {
  readonly kind: "pad";
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Nearest-neighbour enlargement. */
export interface UpsampleModule {
  readonly kind: "upsample";
  readonly factor: number;
}

/** Joins its inputs along the channels. */
export interface ConcatModule {
  readonly kind: "concat";
}

/** CBFuse: the last input plus some channels of each of the others, enlarged to its size. */
export interface FuseModule {
  readonly kind: "fuse";
  /** Of each input but the last: the channels that are added. */
  readonly slices: readonly { readonly first: number; readonly channels: number }[];
}

/** Returns its input. */
export interface IdentityModule {
  readonly kind: "identity";
}

/** The head: per level, `cv2` makes box distances and `cv3` class logits. */
export interface DetectModule {
  readonly kind: "detect";
  readonly cv2: readonly YoloModule[];
  readonly cv3: readonly YoloModule[];
  readonly classCount: number;
  /**
   * The distances, in cells, of a box side's distribution: 0, 1, 2, …
   * Undefined where `cv2` makes the distances themselves.
   */
  readonly dfl: Weights | undefined;
  /** Input pixels per cell, per level. */
  readonly strides: readonly number[];
  /**
   * Undefined for a raw head, whose boxes need suppression. Otherwise the head selects the best
   * detections itself, at most `maxDetections`.
   */
  readonly endToEnd: { readonly maxDetections: number } | undefined;
}

/** A detection head with, per level, mask coefficients `cv4` for the prototypes. */
export interface SegmentModule {
  readonly kind: "segment";
  readonly detect: DetectModule;
  readonly cv4: readonly YoloModule[];
  readonly proto: ProtoModule | FusedProtoModule;
}

/** A module of the network and the layers that it reads: indices, or -1 for the layer before. */
export interface YoloLayer<M = YoloModule> {
  readonly from: readonly number[];
  readonly module: M;
}

/** The layers in the order of their indices; the head comes last. */
export interface YoloNetwork {
  readonly layers: readonly YoloLayer[];
  readonly head: YoloLayer<YoloHead>;
}

/** Returns the number of weights and biases, as Ultralytics counts them once fused. */
export function parameterCount(module: unknown): number {
  if (module instanceof Float32Array) return module.length;
  if (typeof module !== "object" || module === null) return 0;
  return Object.values(module).reduce((sum: number, part) => sum + parameterCount(part), 0);
}

/** Returns the detection part of a head. */
export function detectOf(head: YoloHead): DetectModule {
  return head.kind === "segment" ? head.detect : head;
}

/** Returns the number of mask coefficients of each detection; 0 for a head without masks. */
export function coefficientCount(head: YoloHead): number {
  if (head.kind === "detect") return 0;
  const proto = head.proto.kind === "proto" ? head.proto : head.proto.proto;
  return proto.cv3.weight.dims[0]!;
}

/** Returns the channels of the pictures that a network reads; 3 where no convolution says it. */
export function inputChannels({ layers }: YoloNetwork): number {
  const first = firstConv({ kind: "sequential", modules: layers.map(({ module }) => module) });
  return first === undefined ? 3 : first.weight.dims[1]! * first.groups;
}

function firstConv(module: YoloModule): ConvModule | undefined {
  if (module.kind === "conv") return module;
  if (module.kind !== "sequential") return "cv1" in module ? module.cv1 : undefined;
  for (const part of Object.values(module.modules)) {
    const found = firstConv(part);
    if (found !== undefined) return found;
  }
  return undefined;
}
