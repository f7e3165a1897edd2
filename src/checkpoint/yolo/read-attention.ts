import type {
  A2c2fModule,
  AttentionModule,
  PsaModule,
  ResidualAttentionModule,
} from "../../graph/yolo/modules.ts";
import { type ReadModule, readModules, readSequential } from "./module-list.ts";
import type { PickledModule } from "./pickled-module.ts";
import { readConv } from "./read-conv.ts";

const channels = { least: 1, most: 2 ** 16 };

export function readPsa(module: PickledModule, read: ReadModule): PsaModule {
  return {
    kind: "psa",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    attn: readAttention(module.child("attn")),
    ffn: readSequential(module.child("ffn"), read),
  };
}

/** PSABlock and ABlock. */
export function readResidualAttention(
  module: PickledModule,
  read: ReadModule,
): ResidualAttentionModule {
  const ffnName = module.kind === "ultralytics:ABlock" ? "mlp" : "ffn";
  return {
    kind: "residualAttention",
    attn: readAttention(module.child("attn")),
    ffn: readSequential(module.child(ffnName), read),
    ffnName,
    // An ABlock always adds.
    add: module.flag("add", ffnName === "mlp" ? true : undefined),
  };
}

/** Attention and AAttn. */
function readAttention(module: PickledModule): AttentionModule {
  const convs = () => ({
    qkv: readConv(module.child("qkv")),
    proj: readConv(module.child("proj")),
    pe: readConv(module.child("pe")),
  });
  const headCount = () => module.integer("num_heads", channels);
  const headDim = () => module.integer("head_dim", channels);
  switch (module.kind) {
    case "ultralytics:Attention":
      return {
        kind: "attention",
        ...convs(),
        headCount: headCount(),
        keyDim: module.integer("key_dim", channels),
        headDim: headDim(),
        areaCount: 1,
      };
    case "ultralytics:AAttn":
      return {
        kind: "attention",
        ...convs(),
        headCount: headCount(),
        keyDim: headDim(),
        headDim: headDim(),
        areaCount: module.integer("area", { least: 1, most: 64 }),
      };
    default:
      return module.unsupported();
  }
}

export function readA2c2f(module: PickledModule, read: ReadModule): A2c2fModule {
  return {
    kind: "a2c2f",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    m: readModules(module.child("m"), read),
    gamma: module.optionalTensor("gamma"),
  };
}
