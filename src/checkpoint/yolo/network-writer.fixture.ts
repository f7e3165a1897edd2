import type {
  AttentionModule,
  ConvModule,
  ConvTransposeModule,
  DetectModule,
  ProtoModule,
  Weights,
  YoloHead,
  YoloModule,
  YoloNetwork,
} from "../../graph/yolo/modules.ts";
import { module, writeCheckpoint } from "../checkpoint-writer.fixture.ts";
import {
  built,
  call,
  dict,
  float,
  object,
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
  /** Whether fused convolutions have their `forward` replaced, as Ultralytics leaves them. */
  readonly bindForward?: boolean;
  /** Of the model, besides and before the usual ones. */
  readonly attributes?: Readonly<Record<string, Writable>>;
}

/**
 * The bytes of a checkpoint as Ultralytics saves a trained network. Batch norms are made up so that
 * folding them gives the network's own weights.
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
  readonly #bindsForward: boolean;

  constructor({ elementType = "float32", batchNorm = true, bindForward = false }: NetworkFile) {
    this.#elementType = elementType;
    this.#hasBatchNorm = batchNorm;
    this.#bindsForward = bindForward;
  }

  layers({ layers, head }: YoloNetwork): Writable {
    const written = layers.map(({ from, module }, i) => this.#write(module, place(i, from)));
    return list(
      [...written, this.#head(head.module, place(layers.length, head.from))],
      "Sequential",
    );
  }

  #write(part: YoloModule, attributes: Readonly<Record<string, Writable>> = {}): Writable {
    const parts = (modules: Readonly<Record<string, YoloModule>>) =>
      Object.fromEntries(Object.entries(modules).map(([name, m]) => [name, this.#write(m)]));
    const block = (name: string, modules: Readonly<Record<string, Writable>>, more = {}) =>
      module(`${blocks}.${name}`, { modules, attributes: { ...attributes, ...more } });
    switch (part.kind) {
      case "conv":
        return this.#conv(part, attributes);
      case "convTranspose":
        return this.#convTranspose(part);
      case "sequential":
        return list(
          part.modules.map((m) => this.#write(m)),
          "Sequential",
        );
      case "bottleneck":
        return block("Bottleneck", parts({ cv1: part.cv1, cv2: part.cv2 }), { add: part.add });
      case "c2f":
        return block("C3k2", {
          ...parts({ cv1: part.cv1, cv2: part.cv2 }),
          m: list(part.m.map((m) => this.#write(m))),
        });
      case "c3":
        return block("C3k", parts({ cv1: part.cv1, cv2: part.cv2, cv3: part.cv3, m: part.m }));
      case "sppf":
        return block(
          "SPPF",
          { ...parts({ cv1: part.cv1, cv2: part.cv2 }), m: pool(part.poolSize) },
          part.add ? { n: part.poolCount, add: true } : {},
        );
      case "attention":
        return this.#attention(part);
      case "residualAttention":
        return block(
          part.ffnName === "mlp" ? "ABlock" : "PSABlock",
          parts({ attn: part.attn, [part.ffnName]: part.ffn }),
          part.ffnName === "mlp" ? {} : { add: part.add },
        );
      case "c2psa":
        return block("C2PSA", parts({ cv1: part.cv1, cv2: part.cv2, m: part.m }));
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
        return identity();
    }
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
    const name =
      head.kind === "detect" ? "Detect" : head.proto.kind === "proto" ? "Segment" : "Segment26";
    return module(`ultralytics.nn.modules.head.${name}`, {
      attributes: {
        ...attributes,
        nc: detect.classCount,
        stride: tensor("float16", [detect.strides.length], detect.strides),
      },
      modules,
    });
  }

  /** A branch of a head, which ends in a convolution of PyTorch's own. */
  #branch(level: YoloModule): Writable {
    if (level.kind !== "sequential") return this.#write(level);
    const written = level.modules.map((m, i) =>
      m.kind === "conv" && i === level.modules.length - 1
        ? this.#conv2d(m, m.bias)
        : this.#write(m),
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
    const name = part.groups > 1 ? "DWConv" : "Conv";
    const act = part.activation === "silu" ? activation("SiLU") : identity();
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

  /** The convolution and the batch norm that together do what `part` does. */
  #unfold(part: ConvModule): { conv: Writable; bn: Writable } {
    const channels = part.bias.values.length;
    const epsilon = 1e-3;
    const make = (of: (channel: number) => number) =>
      Float32Array.from({ length: channels }, (_, i) => of(i));
    const gamma = make((i) => 0.5 + (i % 7) / 7);
    const variance = make((i) => 0.2 + (i % 5) / 5);
    const mean = make((i) => Math.sin(i));
    const scale = make((i) => gamma[i]! / Math.sqrt(variance[i]! + epsilon));
    const perChannel = part.weight.values.length / channels;
    const values = part.weight.values.map((w, i) => w / scale[Math.floor(i / perChannel)]!);
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

  #convTranspose(part: ConvTransposeModule): Writable {
    return module("torch.nn.modules.conv.ConvTranspose2d", {
      attributes: {
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

/** What a layer of the network has besides its modules. */
function place(index: number, from: readonly number[]): Readonly<Record<string, Writable>> {
  return { i: index, f: from.length === 1 ? from[0]! : from };
}

function list(modules: readonly Writable[], name: "ModuleList" | "Sequential" = "ModuleList") {
  return module(`torch.nn.modules.container.${name}`, {
    modules: Object.fromEntries(modules.entries()),
  });
}

function pool(size: number): Writable {
  const attributes = { kernel_size: size, stride: 1, padding: (size - 1) / 2, dilation: 1 };
  return module("torch.nn.modules.pooling.MaxPool2d", { attributes });
}

function activation(name: string): Writable {
  return object(`torch.nn.modules.activation.${name}`, { inplace: true });
}

function identity(): Writable {
  return module("torch.nn.modules.linear.Identity");
}
