import type {
  Activation,
  AttentionModule,
  ConvModule,
  ConvTransposeModule,
  DetectModule,
  FuseModule,
  PoolModule,
  ProtoModule,
  SequentialModule,
  SppfModule,
  Weights,
  YoloHead,
  YoloModule,
  YoloNetwork,
} from "../../graph/yolo/modules.ts";
import { RandomModules } from "../../graph/yolo/random-modules.fixture.ts";
import { module, writeCheckpoint } from "../checkpoint-writer.fixture.ts";
import {
  built,
  call,
  dict,
  float,
  parameter,
  tensor,
  tuple,
  type Writable,
} from "../pickle/pickle-writer.fixture.ts";

export interface NetworkFile {
  readonly network: YoloNetwork;
  readonly names?: readonly string[];
  readonly imageSize?: number | [heightPx: number, widthPx: number];
  /** As `yolo11n-seg.yaml`. */
  readonly yamlFile?: string;
  /** What weights are rounded to. */
  readonly elementType?: "float16" | "float32";
  /** Whether the convolutions have their batch norms. */
  readonly batchNorm?: boolean;
  /** Whether convolutions that may be sums are written as RepConv and RepVGGDW. */
  readonly summedConvs?: boolean;
  /** Whether fused convolutions have their `forward` replaced, as Ultralytics leaves them. */
  readonly bindForward?: boolean;
  /** Of the model, besides and before the usual ones. */
  readonly attributes?: Readonly<Record<string, Writable>>;
}

/**
 * The bytes of a checkpoint as Ultralytics saves a trained network. Batch norms are made up so
 * that folding them gives the network's own weights.
 */
export function writeYoloCheckpoint(file: NetworkFile): Buffer {
  const { network, imageSize = 640 } = file;
  const detect = network.head.module.kind === "detect";
  return writeCheckpoint(
    dict({
      date: "2026-01-02T03:04:05.678901",
      version: "8.4.126",
      license: "AGPL-3.0 (https://ultralytics.com/license)",
      docs: "https://docs.ultralytics.com",
      epoch: -1,
      model: yoloModel(`ultralytics.nn.tasks.${detect ? "Detection" : "Segmentation"}Model`, file),
      ema: null,
      train_args: dict({ imgsz: imageSize, data: "/data/plants.yaml" }),
    }),
  );
}

/** The model of a checkpoint, of any class. */
export function yoloModel(className: string, file: NetworkFile): Writable {
  const { network, yamlFile = "yolo11n.yaml", names = ["plant"] } = file;
  const writer = new NetworkWriter(file);
  return module(className, {
    attributes: {
      yaml: dict({ nc: names.length, scale: "n", yaml_file: yamlFile }),
      names: new Map(names.entries()),
      stride: tensor("float32", [3], [8, 16, 32]),
      inplace: true,
      ...file.attributes,
    },
    modules: { model: writer.layers(network) },
  });
}

const blocks = "ultralytics.nn.modules.block";

/** Modules as Ultralytics would have made them. */
class NetworkWriter {
  readonly #elementType: "float16" | "float32";
  readonly #hasBatchNorm: boolean;
  readonly #hasSums: boolean;
  readonly #bindsForward: boolean;
  /** Of each layer whose output is cut into maps, their channels. */
  readonly #cuts: ReadonlyMap<number, readonly number[]>;

  constructor({
    network,
    elementType = "float32",
    batchNorm = true,
    summedConvs = false,
    bindForward = false,
  }: NetworkFile) {
    this.#elementType = elementType;
    this.#hasBatchNorm = batchNorm;
    this.#hasSums = summedConvs;
    this.#bindsForward = bindForward;
    this.#cuts = cutsOf(network);
  }

  layers({ layers, head }: YoloNetwork): Writable {
    const written = layers.map(({ from, module }, i) => {
      const cuts = this.#cuts.get(i);
      if (module.kind === "fuse") return this.#fuse(module, place(i, from), from);
      if (module.kind !== "conv" || cuts === undefined) return this.#write(module, place(i, from));
      return block(
        "CBLinear",
        { conv: this.#conv2d(module, module.bias) },
        {
          ...place(i, from),
          c2s: cuts,
        },
      );
    });
    return list(
      [...written, this.#head(head.module, place(layers.length, head.from))],
      "Sequential",
    );
  }

  #write(part: YoloModule, attributes: Readonly<Record<string, Writable>> = {}): Writable {
    const parts = (modules: Readonly<Record<string, YoloModule>>) =>
      Object.fromEntries(Object.entries(modules).map(([name, m]) => [name, this.#write(m)]));
    const write = (name: string, modules: Readonly<Record<string, YoloModule>>, more = {}) =>
      block(name, parts(modules), { ...attributes, ...more });
    switch (part.kind) {
      case "conv":
        return this.#conv(part, attributes);
      case "convTranspose":
        return this.#convTranspose(part, attributes);
      case "sequential":
        return this.#sequence(part, attributes);
      case "residual": {
        const modules = parts(part.modules as Readonly<Record<string, YoloModule>>);
        return "conv" in modules
          ? block("GhostBottleneck", { ...modules, shortcut: this.#write(part.shortcut) })
          : block("CIB", modules, { add: true });
      }
      case "bottleneck":
        return write("Bottleneck", { cv1: part.cv1, cv2: part.cv2 }, { add: part.add });
      case "c2":
        return write(part.deepHalf === 0 ? "C2" : "C2PSA", {
          cv1: part.cv1,
          cv2: part.cv2,
          m: part.m,
        });
      case "c2f":
        return block(
          "C3k2",
          {
            ...parts({ cv1: part.cv1, cv2: part.cv2 }),
            m: list(part.m.map((m) => this.#write(m))),
          },
          attributes,
        );
      case "c3":
        return write("C3k", { cv1: part.cv1, cv2: part.cv2, cv3: part.cv3, m: part.m });
      case "elan":
        return write(part.cv2.kind === "conv" ? "ELAN1" : "RepNCSPELAN4", {
          cv1: part.cv1,
          cv2: part.cv2,
          cv3: part.cv3,
          cv4: part.cv4,
        });
      case "ghost":
        return module("ultralytics.nn.modules.conv.GhostConv", {
          attributes,
          modules: parts({ cv1: part.cv1, cv2: part.cv2 }),
        });
      case "downsample":
        return write("ADown", { cv1: part.cv1, cv2: part.cv2 });
      case "sppf":
        return this.#sppf(part, attributes);
      case "psa":
        return write("PSA", { cv1: part.cv1, cv2: part.cv2, attn: part.attn, ffn: part.ffn });
      case "attention":
        return this.#attention(part);
      case "residualAttention":
        return write(
          part.ffnName === "mlp" ? "ABlock" : "PSABlock",
          { attn: part.attn, [part.ffnName]: part.ffn },
          part.ffnName === "mlp" ? {} : { add: part.add },
        );
      case "a2c2f":
        return module(`${blocks}.A2C2f`, {
          attributes: part.gamma === undefined ? { ...attributes, gamma: null } : attributes,
          parameters: part.gamma === undefined ? {} : { gamma: this.#parameter(part.gamma) },
          modules: {
            ...parts({ cv1: part.cv1, cv2: part.cv2 }),
            m: list(part.m.map((m) => this.#write(m))),
          },
        });
      case "proto":
        return block("Proto", this.#proto(part));
      case "fusedProto":
        return block("Proto26", {
          ...this.#proto(part.proto),
          feat_refine: list(part.featRefine.map((m) => this.#write(m))),
          feat_fuse: this.#write(part.featFuse),
          semseg: module("something.not.Executed"),
        });
      case "pool":
        return pool(part, attributes);
      case "pad":
        return module("torch.nn.modules.padding.ZeroPad2d", {
          attributes: {
            ...attributes,
            padding: tuple(part.left, part.right, part.top, part.bottom),
          },
        });
      case "fuse":
        throw new Error("a layer by itself");
      case "upsample":
        return module("torch.nn.modules.upsampling.Upsample", {
          attributes: {
            ...attributes,
            size: null,
            scale_factor: float(part.factor),
            mode: "nearest",
          },
        });
      case "concat":
        return module("ultralytics.nn.modules.conv.Concat", {
          attributes: { ...attributes, d: 1 },
        });
      case "identity":
        return identity(attributes);
    }
  }

  /** Layers of names of their own are those of a class. */
  #sequence(
    { modules }: SequentialModule,
    attributes: Readonly<Record<string, Writable>>,
  ): Writable {
    const names = Object.keys(modules).join();
    const written = Object.entries(modules).map(
      ([name, m]: [string, YoloModule]) => [name, this.#write(m)] as const,
    );
    const { pool: _, ...children } = Object.fromEntries(written);
    if (names === "cv1,cv2") return block("SCDown", children, attributes);
    if (names === "pool,cv1") return block("AConv", children, attributes);
    if (names === "cv1") return block("CIB", children, { ...attributes, add: false });
    return module("torch.nn.modules.container.Sequential", { modules: children, attributes });
  }

  #sppf(part: SppfModule, attributes: Readonly<Record<string, Writable>>): Writable {
    const [cv1, join] = [this.#write(part.cv1), this.#write(part.join)];
    const half = (part.poolSize - 1) / 2;
    const m = pool({
      of: "largest",
      kernel: [part.poolSize, part.poolSize],
      stride: [1, 1],
      padding: [half, half],
    });
    return part.joinName === "cv5"
      ? block("SPPELAN", { cv1, cv2: m, cv3: m, cv4: m, cv5: join }, attributes)
      : block(
          "SPPF",
          { cv1, cv2: join, m },
          part.add ? { ...attributes, n: part.poolCount, add: true } : attributes,
        );
  }

  #fuse(
    { slices }: FuseModule,
    attributes: Readonly<Record<string, Writable>>,
    from: readonly number[],
  ): Writable {
    const idx = slices.map(({ first }, i) => {
      let before = 0;
      return this.#cuts.get(from[i]!)!.findIndex((channels) => {
        before += channels;
        return before > first;
      });
    });
    return block("CBFuse", {}, { ...attributes, idx });
  }

  #head(head: YoloHead, attributes: Readonly<Record<string, Writable>>): Writable {
    const detect = head.kind === "segment" ? head.detect : head;
    const branches = { cv2: detect.cv2, cv3: detect.cv3, ...("cv4" in head && { cv4: head.cv4 }) };
    const modules: Record<string, Writable> = {};
    for (const [name, levels] of Object.entries(branches)) {
      const branch = list(levels.map((level) => this.#branch(level)));
      if (detect.endToEnd === undefined) modules[name] = branch;
      else {
        modules[name] = list([module("something.not.Executed")]);
        modules[`one2one_${name}`] = branch;
      }
    }
    modules.dfl = this.#dfl(detect);
    if (head.kind === "segment") modules.proto = this.#write(head.proto);
    const name = headNameOf(head);
    return module(`ultralytics.nn.modules.head.${name}`, {
      attributes: {
        ...attributes,
        nc: detect.classCount,
        stride: tensor("float16", [detect.strides.length], detect.strides),
        ...(detect.endToEnd && { max_det: detect.endToEnd.maxDetections }),
      },
      modules,
    });
  }

  /** A branch of a head, which ends in a convolution of PyTorch's own. */
  #branch(level: YoloModule): Writable {
    if (level.kind !== "sequential") return this.#write(level);
    const modules = Object.values(level.modules) as YoloModule[];
    const written = modules.map((m, i) =>
      m.kind === "conv" && i === modules.length - 1 ? this.#conv2d(m, m.bias) : this.#write(m),
    );
    return list(written, "Sequential");
  }

  #dfl({ dfl }: DetectModule): Writable {
    if (dfl === undefined) return identity();
    const conv: ConvModule = {
      kind: "conv",
      weight: dfl,
      bias: { dims: [1], values: new Float32Array(1) },
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      activation: "identity",
    };
    return module(`${blocks}.DFL`, { modules: { conv: this.#conv2d(conv, undefined) } });
  }

  #proto({ cv1, upsample, cv2, cv3 }: ProtoModule): Record<string, Writable> {
    return {
      cv1: this.#write(cv1),
      upsample: this.#write(upsample),
      cv2: this.#write(cv2),
      cv3: this.#write(cv3),
    };
  }

  #attention(part: AttentionModule): Writable {
    const { headCount, keyDim, headDim, areaCount } = part;
    const isArea = keyDim === headDim;
    return module(`${blocks}.${isArea ? "AAttn" : "Attention"}`, {
      attributes: {
        num_heads: headCount,
        head_dim: headDim,
        ...(isArea ? { area: areaCount } : { key_dim: keyDim }),
      },
      modules: {
        qkv: this.#write(part.qkv),
        proj: this.#write(part.proj),
        pe: this.#write(part.pe),
      },
    });
  }

  #conv(part: ConvModule, attributes: Readonly<Record<string, Writable>>): Writable {
    if (this.#hasSums && mayBeSum(part)) return this.#sum(part, attributes);
    const name = part.groups > 1 ? "DWConv" : "Conv";
    const act = this.#activation(part.activation);
    const { conv, bn } = this.#hasBatchNorm
      ? this.#unfold(part)
      : { conv: this.#conv2d(part, part.bias), bn: undefined };
    const written = module(`ultralytics.nn.modules.conv.${name}`, {
      attributes,
      modules: { conv, ...(bn && { bn }), act },
    });
    if (!this.#bindsForward) return written;
    return built(written, dict({ forward: call("__builtin__.getattr", written, "forward_fuse") }));
  }

  /** Two convolutions whose kernels add up to that of `part`. */
  #sum(part: ConvModule, attributes: Readonly<Record<string, Writable>>): Writable {
    const [outputs, inputs, rows] = part.weight.dims as [number, number, number];
    const smaller = rows === 7 ? 3 : 1;
    const { weight, bias } = new RandomModules(rows).conv(inputs, outputs, { kernel: smaller });
    const values = Float32Array.from(part.weight.values);
    const margin = (rows - smaller) / 2;
    for (const [i, value] of weight.values.entries()) {
      const column = i % smaller;
      const row = Math.floor(i / smaller) % smaller;
      const at = Math.floor(i / smaller ** 2) * rows ** 2;
      values[at + (row + margin) * rows + column + margin]! -= value;
    }
    const large = { ...part, activation: "identity", weight: { ...part.weight, values } } as const;
    const padding = [(smaller - 1) / 2, (smaller - 1) / 2] as const;
    const small = { ...part, activation: "identity", weight, bias, padding } as const;
    const [first, second, name] =
      rows === 7 ? ["conv", "conv1", "block.RepVGGDW"] : ["conv1", "conv2", "conv.RepConv"];
    return module(`ultralytics.nn.modules.${name}`, {
      attributes: { ...attributes, bn: null },
      modules: {
        [first!]: this.#conv(large, {}),
        [second!]: this.#conv(small, {}),
        act: this.#activation(part.activation),
      },
    });
  }

  #activation(of: Activation): Writable {
    if (of === "identity") return identity();
    if (typeof of === "string") {
      const [name, attributes] = activations[of];
      return module(`torch.nn.modules.activation.${name}`, { attributes });
    }
    if ("preluSlopes" in of) {
      const parameters = { weight: this.#parameter(of.preluSlopes) };
      return module("torch.nn.modules.activation.PReLU", { parameters });
    }
    const [name, attribute, value] =
      "leakyReluSlope" in of
        ? ["LeakyReLU", "negative_slope", of.leakyReluSlope]
        : "eluAlpha" in of
          ? ["ELU", "alpha", of.eluAlpha]
          : ["CELU", "alpha", of.celuAlpha];
    const attributes = { [attribute as string]: float(value as number) };
    return module(`torch.nn.modules.activation.${name}`, { attributes });
  }

  /** The convolution and the batch norm that together do what `part` does. */
  #unfold(part: ConvModule): { conv: Writable; bn: Writable } {
    const channels = part.bias.values.length;
    const epsilon = 1e-3;
    const make = (of: (channel: number) => number) =>
      new Float32Array(channels).map((_, i) => of(i));
    const gamma = make((i) => 0.5 + (i % 7) / 7);
    const variance = make((i) => 0.2 + (i % 5) / 5);
    const mean = make((i) => Math.sin(i));
    const scale = make((i) => gamma[i]! / Math.sqrt(variance[i]! + epsilon));
    const perChannel = part.weight.values.length / channels;
    const values = new Float32Array(part.weight.values.length);
    for (let channel = 0, i = 0; channel < channels; channel++) {
      for (const end = i + perChannel; i < end; i++) {
        values[i] = part.weight.values[i]! / scale[channel]!;
      }
    }
    const vector = (of: Float32Array) => tensor(this.#elementType, [channels], of);
    return {
      conv: this.#conv2d({ ...part, weight: { ...part.weight, values } }, undefined),
      bn: module("torch.nn.modules.batchnorm.BatchNorm2d", {
        attributes: { eps: float(epsilon), momentum: float(0.03) },
        parameters: {
          weight: parameter(vector(gamma)),
          bias: parameter(vector(make((i) => part.bias.values[i]! + mean[i]! * scale[i]!))),
        },
        buffers: {
          running_mean: vector(mean),
          running_var: vector(variance),
          num_batches_tracked: tensor("int64", [], [1]),
        },
      }),
    };
  }

  #conv2d(part: ConvModule, bias: Weights | undefined): Writable {
    return module("torch.nn.modules.conv.Conv2d", {
      attributes: {
        kernel_size: tuple(...part.weight.dims.slice(2)),
        stride: tuple(...part.stride),
        padding: tuple(...part.padding),
        dilation: tuple(...part.dilation),
        groups: part.groups,
        padding_mode: "zeros",
      },
      parameters: {
        weight: this.#parameter(part.weight),
        bias: bias === undefined ? null : this.#parameter(bias),
      },
    });
  }

  #convTranspose(
    part: ConvTransposeModule,
    attributes: Readonly<Record<string, Writable>>,
  ): Writable {
    return module("torch.nn.modules.conv.ConvTranspose2d", {
      attributes: {
        ...attributes,
        kernel_size: tuple(...part.weight.dims.slice(2)),
        stride: tuple(...part.stride),
        padding: tuple(0, 0),
        output_padding: tuple(0, 0),
        dilation: tuple(1, 1),
        groups: 1,
        padding_mode: "zeros",
      },
      parameters: { weight: this.#parameter(part.weight), bias: this.#parameter(part.bias) },
    });
  }

  #parameter({ dims, values }: Weights): Writable {
    return parameter(tensor(this.#elementType, dims, values));
  }
}

function headNameOf(head: YoloHead): string {
  if (head.kind === "segment") return head.proto.kind === "proto" ? "Segment" : "Segment26";
  return head.endToEnd !== undefined && head.dfl !== undefined ? "v10Detect" : "Detect";
}

/** What a layer of the network has besides its modules. */
function place(index: number, from: readonly number[]): Readonly<Record<string, Writable>> {
  return { i: index, f: from.length === 1 ? from[0]! : from };
}

function list(modules: readonly Writable[], name: "ModuleList" | "Sequential" = "ModuleList") {
  return module(`torch.nn.modules.container.${name}`, {
    modules: Object.fromEntries(modules.entries()),
  });
}

function block(
  name: string,
  modules: Readonly<Record<string, Writable>>,
  attributes: Readonly<Record<string, Writable>> = {},
): Writable {
  return module(`${blocks}.${name}`, { modules, attributes });
}

function pool(
  { kernel, stride, padding }: Omit<PoolModule, "kind">,
  attributes: Readonly<Record<string, Writable>> = {},
): Writable {
  return module("torch.nn.modules.pooling.MaxPool2d", {
    attributes: {
      ...attributes,
      kernel_size: kernel[0],
      stride: stride[0],
      padding: padding[0],
      dilation: 1,
      ceil_mode: false,
      return_indices: false,
    },
  });
}

function identity(attributes: Readonly<Record<string, Writable>> = {}): Writable {
  return module("torch.nn.modules.linear.Identity", { attributes });
}

/** Of stride 1 and with an activation, as those of RepConv and RepVGGDW. */
function mayBeSum({ weight, groups, stride, activation }: ConvModule): boolean {
  const kernel = weight.dims[2]!;
  if (`${stride}` !== "1,1" || activation === "identity") return false;
  return groups === 1 ? kernel === 3 : kernel === 7;
}

/** What the fusing layers of a network need of the layers that they read. */
function cutsOf({ layers }: YoloNetwork): ReadonlyMap<number, readonly number[]> {
  const ends = new Map<number, Set<number>>();
  for (const { from, module } of layers) {
    if (module.kind !== "fuse") continue;
    for (const [i, { first, channels }] of module.slices.entries()) {
      const known = ends.get(from[i]!) ?? new Set([0]);
      ends.set(from[i]!, known.add(first).add(first + channels));
    }
  }
  return new Map(
    [...ends].map(([layer, places]) => {
      const sorted = [...places].sort((a, b) => a - b);
      return [layer, sorted.slice(1).map((end, i) => end - sorted[i]!)];
    }),
  );
}

const activations: Readonly<
  Record<
    Exclude<Extract<Activation, string>, "identity">,
    readonly [name: string, attributes: Readonly<Record<string, Writable>>]
  >
> = {
  silu: ["SiLU", { inplace: true }],
  relu: ["ReLU", {}],
  relu6: ["ReLU6", {}],
  gelu: ["GELU", { approximate: "none" }],
  geluTanh: ["GELU", { approximate: "tanh" }],
  selu: ["SELU", {}],
  softplus: ["Softplus", { beta: float(1), threshold: float(20) }],
  hardswish: ["Hardswish", {}],
  hardsigmoid: ["Hardsigmoid", {}],
  mish: ["Mish", {}],
  sigmoid: ["Sigmoid", {}],
  tanh: ["Tanh", {}],
};
