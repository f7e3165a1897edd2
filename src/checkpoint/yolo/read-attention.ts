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
  const hasAreas = module.kind === "ultralytics:AAttn";
  if (!hasAreas && module.kind !== "ultralytics:Attention") return module.unsupported();
  return {
    kind: "attention",
    qkv: readConv(module.child("qkv")),
    proj: readConv(module.child("proj")),
    pe: readConv(module.child("pe")),
    headCount: module.integer("num_heads", channels),
    keyDim: module.integer(hasAreas ? "head_dim" : "key_dim", channels),
    headDim: module.integer("head_dim", channels),
    areaCount: hasAreas ? module.integer("area", { least: 1, most: 64 }) : 1,
  };
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
