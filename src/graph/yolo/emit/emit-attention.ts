import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type {
  A2c2fModule,
  AttentionModule,
  PsaModule,
  ResidualAttentionModule,
} from "../modules.ts";
import { describeMap, type FeatureMap, type FeatureMaps } from "./feature-map.ts";
import type { ModuleEmitter } from "./module-emitter.ts";

/**
 * Adds scaled dot-product attention (Vaswani et al. 2017) in which every pixel is a token: of the
 * whole picture, or of its area (Tian et al. 2025).
 */
export function emitAttention(
  emitter: ModuleEmitter,
  module: AttentionModule,
  [x]: FeatureMaps,
): FeatureMap {
  const { graph } = emitter;
  const { keyDim, headDim } = module;
  const qkv = emitter.emit("qkv", module.qkv, x);
  requireHeads(emitter, module, x, qkv);
  const perHead = splitHeads(graph, module, qkv.value);
  const [q, k, v] = graph.split(perHead, [keyDim, keyDim, headDim], 2) as [Value, Value, Value];

  const queries = graph.node("Transpose", [graph.node("Mul", [q, keyDim ** -0.5])], {
    perm: [0, 1, 3, 2],
  });
  const weights = graph.node("Softmax", [graph.node("MatMul", [queries, k])], { axis: -1 });
  const attended = graph.node("MatMul", [
    v,
    graph.node("Transpose", [weights], { perm: [0, 1, 3, 2] }),
  ]);

  const shape = graph.node("Shape", [x.value]);
  const toMap = (tokens: Value): FeatureMap => ({
    ...x,
    value: graph.node("Reshape", [joinAreas(graph, module, tokens), shape]),
  });
  const position = emitter.emit("pe", module.pe, toMap(v));
  return emitter.emit("proj", module.proj, emitter.add(toMap(attended), position));
}

function requireHeads(
  emitter: ModuleEmitter,
  { headCount, keyDim, headDim, areaCount }: AttentionModule,
  x: FeatureMap,
  qkv: FeatureMap,
): void {
  const channels = headCount * (2 * keyDim + headDim);
  if (qkv.channels !== channels || headCount * headDim !== x.channels) {
    emitter.refuse(
      `${headCount} heads of ${keyDim}, ${keyDim} and ${headDim} channels`,
      `${describeMap(x)} and ${qkv.channels} channels of qkv`,
    );
  }
  if ((x.rows * x.columns) % areaCount !== 0) {
    emitter.refuse(`pixels that ${areaCount} areas can share`, describeMap(x));
  }
  emitter.requireSame({ ...x, channels }, qkv);
}

/** Reshapes to (batch, heads · areas, channels per head, pixels per area). */
function splitHeads(graph: GraphBuilder, module: AttentionModule, qkv: Value): Value {
  const { headCount, areaCount } = module;
  const channels = 2 * module.keyDim + module.headDim;
  // In a shape, 0 stands for the size that is there: the batch.
  const reshape = (value: Value, shape: readonly number[]) =>
    graph.node("Reshape", [value, graph.ints(shape)]);
  if (areaCount === 1) return reshape(qkv, [0, headCount, channels, -1]);
  const areas = graph.node("Transpose", [reshape(qkv, [0, headCount, channels, areaCount, -1])], {
    perm: [0, 1, 3, 2, 4],
  });
  return reshape(areas, [0, headCount * areaCount, channels, -1]);
}

/** Restores the order of a map: channels, then pixels. */
function joinAreas(graph: GraphBuilder, module: AttentionModule, tokens: Value): Value {
  const { headCount, areaCount, headDim } = module;
  if (areaCount === 1) return tokens;
  const shape = graph.ints([0, headCount, areaCount, headDim, -1]);
  return graph.node("Transpose", [graph.node("Reshape", [tokens, shape])], {
    perm: [0, 1, 3, 2, 4],
  });
}

export function emitResidualAttention(
  emitter: ModuleEmitter,
  module: Omit<ResidualAttentionModule, "kind">,
  [x]: FeatureMaps,
): FeatureMap {
  const residual = (y: FeatureMap, change: FeatureMap) =>
    module.add ? emitter.add(y, change) : change;
  const attended = residual(x, emitter.emit("attn", module.attn, x));
  return residual(attended, emitter.emit(module.ffnName, module.ffn, attended));
}

export function emitPsa(
  emitter: ModuleEmitter,
  { cv1, cv2, attn, ffn }: PsaModule,
  [x]: FeatureMaps,
): FeatureMap {
  const [a, b] = emitter.halves("cv1", cv1, x);
  const attended = emitResidualAttention(emitter, { attn, ffn, ffnName: "ffn", add: true }, [b]);
  return emitter.emit("cv2", cv2, emitter.concat([a, attended]));
}

export function emitA2c2f(
  emitter: ModuleEmitter,
  module: A2c2fModule,
  [x]: FeatureMaps,
): FeatureMap {
  const { graph } = emitter;
  const maps = emitter.chain("m.", module.m, emitter.emit("cv1", module.cv1, x));
  const y = emitter.emit("cv2", module.cv2, emitter.concat(maps));
  if (module.gamma === undefined) return y;
  const { values } = module.gamma;
  if (values.length !== y.channels) {
    emitter.refuse(`${y.channels} values of gamma`, `${values.length}`);
  }
  const gamma = graph.weights(graph.scopedName("gamma"), [1, values.length, 1, 1], values);
  return emitter.add(x, { ...y, value: graph.node("Mul", [gamma, y.value]) });
}
