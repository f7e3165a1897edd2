import type { GraphBuilder, Value } from "../graph-builder.ts";
import { createTensor } from "../tensor.ts";
import type {
  AttentionModule,
  BottleneckModule,
  C2fModule,
  C2psaModule,
  C3Module,
  ConvModule,
  ConvTransposeModule,
  ProtoModule,
  PsaBlockModule,
  SequentialModule,
  SppfModule,
  UpsampleModule,
  Weights,
  YoloModule,
} from "./modules.ts";

/**
 * Adds the nodes of a module under the name `name` and returns its output. Names in the graph are
 * paths of modules, so that weights are called much as in a checkpoint: `model.2.cv1.weight`.
 */
export function emitModule(
  graph: GraphBuilder,
  name: string,
  module: YoloModule,
  ...inputs: Value[]
): Value {
  return graph.scope(name, () => emit(graph, module, inputs));
}

function emit(graph: GraphBuilder, module: YoloModule, inputs: Value[]): Value {
  const x = inputs[0]!;
  switch (module.kind) {
    case "conv":
      return conv(graph, module, x);
    case "convTranspose":
      return convTranspose(graph, module, x);
    case "sequential":
      return sequential(graph, module, x);
    case "bottleneck":
      return bottleneck(graph, module, x);
    case "c2f":
      return c2f(graph, module, x);
    case "c3":
      return c3(graph, module, x);
    case "sppf":
      return sppf(graph, module, x);
    case "attention":
      return attention(graph, module, x);
    case "psaBlock":
      return psaBlock(graph, module, x);
    case "c2psa":
      return c2psa(graph, module, x);
    case "proto":
      return proto(graph, module, x);
    case "upsample":
      return upsample(graph, module, x);
    case "concat":
      return concat(graph, inputs);
  }
}

function conv(graph: GraphBuilder, module: ConvModule, x: Value): Value {
  const [, , height, width] = module.weight.dims as [number, number, number, number];
  const y = graph.node("Conv", [x, ...weightsOf(graph, module)], {
    kernel_shape: [height, width],
    strides: [module.stride, module.stride],
    pads: [module.padding, module.padding, module.padding, module.padding],
    group: module.groups,
  });
  return module.activation === "silu" ? graph.node("Mul", [y, graph.node("Sigmoid", [y])]) : y;
}

function convTranspose(graph: GraphBuilder, module: ConvTransposeModule, x: Value): Value {
  return graph.node("ConvTranspose", [x, ...weightsOf(graph, module)], {
    kernel_shape: module.weight.dims.slice(2),
    strides: [module.stride, module.stride],
  });
}

function weightsOf(graph: GraphBuilder, module: { weight: Weights; bias: Weights }): Value[] {
  const tensor = (name: "weight" | "bias") =>
    createTensor(graph.scopedName(name), module[name].dims, module[name].values);
  return [graph.initializer(tensor("weight")), graph.initializer(tensor("bias"))];
}

function sequential(graph: GraphBuilder, { modules }: SequentialModule, x: Value): Value {
  return modules.reduce((y, module, i) => emitModule(graph, `${i}`, module, y), x);
}

function bottleneck(graph: GraphBuilder, module: BottleneckModule, x: Value): Value {
  const hidden = emitModule(graph, "cv1", module.cv1, x);
  const y = emitModule(graph, "cv2", module.cv2, hidden);
  return module.add ? graph.node("Add", [x, y]) : y;
}

function c2f(graph: GraphBuilder, module: C2fModule, x: Value): Value {
  const branches = halve(graph, emitModule(graph, "cv1", module.cv1, x), module.cv1);
  for (const [i, m] of module.m.entries()) {
    branches.push(emitModule(graph, `m.${i}`, m, branches.at(-1)!));
  }
  return emitModule(graph, "cv2", module.cv2, concat(graph, branches));
}

function c3(graph: GraphBuilder, module: C3Module, x: Value): Value {
  const deep = emitModule(graph, "m", module.m, emitModule(graph, "cv1", module.cv1, x));
  const flat = emitModule(graph, "cv2", module.cv2, x);
  return emitModule(graph, "cv3", module.cv3, concat(graph, [deep, flat]));
}

function sppf(graph: GraphBuilder, module: SppfModule, x: Value): Value {
  const size = module.poolSize;
  const padding = Math.floor(size / 2);
  const pooled = [emitModule(graph, "cv1", module.cv1, x)];
  for (let i = 0; i < 3; i++) {
    pooled.push(
      graph.node("MaxPool", [pooled.at(-1)!], {
        kernel_shape: [size, size],
        pads: [padding, padding, padding, padding],
      }),
    );
  }
  return emitModule(graph, "cv2", module.cv2, concat(graph, pooled));
}

function c2psa(graph: GraphBuilder, module: C2psaModule, x: Value): Value {
  const [a, b] = halve(graph, emitModule(graph, "cv1", module.cv1, x), module.cv1);
  return emitModule(
    graph,
    "cv2",
    module.cv2,
    concat(graph, [a, emitModule(graph, "m", module.m, b)]),
  );
}

function psaBlock(graph: GraphBuilder, module: PsaBlockModule, x: Value): Value {
  const residual = (y: Value, change: Value) =>
    module.add ? graph.node("Add", [y, change]) : change;
  const attended = residual(x, emitModule(graph, "attn", module.attn, x));
  return residual(attended, emitModule(graph, "ffn", module.ffn, attended));
}

/** Scaled dot-product attention (Vaswani et al. 2017) in which every pixel is a token. */
function attention(graph: GraphBuilder, module: AttentionModule, x: Value): Value {
  const { headCount, keyDim, headDim } = module;
  const perHead = [1, headCount, 2 * keyDim + headDim, -1];
  const qkv = graph.node("Reshape", [emitModule(graph, "qkv", module.qkv, x), graph.ints(perHead)]);
  const [q, k, v] = graph.split(qkv, [keyDim, keyDim, headDim], 2) as [Value, Value, Value];

  const queries = graph.node("Transpose", [graph.node("Mul", [q, keyDim ** -0.5])], {
    perm: [0, 1, 3, 2],
  });
  const weights = graph.node("Softmax", [graph.node("MatMul", [queries, k])], { axis: -1 });
  const attended = graph.node("MatMul", [
    v,
    graph.node("Transpose", [weights], { perm: [0, 1, 3, 2] }),
  ]);

  const shape = graph.node("Shape", [x]);
  const toImage = (tokens: Value) => graph.node("Reshape", [tokens, shape]);
  const position = emitModule(graph, "pe", module.pe, toImage(v));
  return emitModule(graph, "proj", module.proj, graph.node("Add", [toImage(attended), position]));
}

function proto(graph: GraphBuilder, module: ProtoModule, x: Value): Value {
  const features = emitModule(graph, "cv1", module.cv1, x);
  const enlarged = emitModule(graph, "upsample", module.upsample, features);
  return emitModule(graph, "cv3", module.cv3, emitModule(graph, "cv2", module.cv2, enlarged));
}

function upsample(graph: GraphBuilder, { factor }: UpsampleModule, x: Value): Value {
  return graph.node("Resize", [x, "", graph.floats([1, 1, factor, factor])], {
    mode: "nearest",
    coordinate_transformation_mode: "asymmetric",
    nearest_mode: "floor",
  });
}

function concat(graph: GraphBuilder, values: Value[]): Value {
  return graph.node("Concat", values, { axis: 1 });
}

function halve(graph: GraphBuilder, x: Value, source: ConvModule): [Value, Value] {
  const half = source.weight.dims[0]! / 2;
  return graph.split(x, [half, half], 1) as [Value, Value];
}
