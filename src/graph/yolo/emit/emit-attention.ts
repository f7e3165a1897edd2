import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type {
  A2c2fModule,
  AttentionModule,
  C2psaModule,
  ResidualAttentionModule,
} from "../modules.ts";
import { emitConcat, emitHalves } from "./emit-channels.ts";
import { emitModule } from "./emit-module.ts";

/**
 * Adds scaled dot-product attention (Vaswani et al. 2017) in which every pixel is a token: of the
 * whole picture, or of its area (Tian et al. 2025).
 */
export function emitAttention(graph: GraphBuilder, module: AttentionModule, x: Value): Value {
  const { keyDim, headDim } = module;
  const perHead = splitHeads(graph, module, emitModule(graph, "qkv", module.qkv, x));
  const [q, k, v] = graph.split(perHead, [keyDim, keyDim, headDim], 2) as [Value, Value, Value];

  const queries = graph.node("Transpose", [graph.node("Mul", [q, keyDim ** -0.5])], {
    perm: [0, 1, 3, 2],
  });
  const weights = graph.node("Softmax", [graph.node("MatMul", [queries, k])], { axis: -1 });
  const attended = graph.node("MatMul", [
    v,
    graph.node("Transpose", [weights], { perm: [0, 1, 3, 2] }),
  ]);

  const shape = graph.node("Shape", [x]);
  const toImage = (tokens: Value) =>
    graph.node("Reshape", [joinAreas(graph, module, tokens), shape]);
  const position = emitModule(graph, "pe", module.pe, toImage(v));
  return emitModule(graph, "proj", module.proj, graph.node("Add", [toImage(attended), position]));
}

/** To (batch, heads · areas, channels per head, pixels per area). */
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

/** Back to the order of an image: channels, then pixels. */
function joinAreas(graph: GraphBuilder, module: AttentionModule, tokens: Value): Value {
  const { headCount, areaCount, headDim } = module;
  if (areaCount === 1) return tokens;
  const shape = graph.ints([0, headCount, areaCount, headDim, -1]);
  return graph.node("Transpose", [graph.node("Reshape", [tokens, shape])], {
    perm: [0, 1, 3, 2, 4],
  });
}

export function emitResidualAttention(
  graph: GraphBuilder,
  module: ResidualAttentionModule,
  x: Value,
): Value {
  const residual = (y: Value, change: Value) =>
    module.add ? graph.node("Add", [y, change]) : change;
  const attended = residual(x, emitModule(graph, "attn", module.attn, x));
  return residual(attended, emitModule(graph, module.ffnName, module.ffn, attended));
}

export function emitC2psa(graph: GraphBuilder, module: C2psaModule, x: Value): Value {
  const [a, b] = emitHalves(graph, "cv1", module.cv1, x);
  const attended = emitModule(graph, "m", module.m, b);
  return emitModule(graph, "cv2", module.cv2, emitConcat(graph, [a, attended]));
}

export function emitA2c2f(graph: GraphBuilder, module: A2c2fModule, x: Value): Value {
  const branches = [emitModule(graph, "cv1", module.cv1, x)];
  for (const [i, m] of module.m.entries()) {
    branches.push(emitModule(graph, `m.${i}`, m, branches.at(-1)!));
  }
  const y = emitModule(graph, "cv2", module.cv2, emitConcat(graph, branches));
  if (module.gamma === undefined) return y;
  const { values } = module.gamma;
  const gamma = graph.weights(graph.scopedName("gamma"), [1, values.length, 1, 1], values);
  return graph.node("Add", [x, graph.node("Mul", [gamma, y])]);
}
