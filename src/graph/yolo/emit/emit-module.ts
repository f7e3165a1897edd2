import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type {
  BottleneckModule,
  C2fModule,
  C3Module,
  SequentialModule,
  SppfModule,
  YoloModule,
} from "../modules.ts";
import { emitA2c2f, emitAttention, emitC2psa, emitResidualAttention } from "./emit-attention.ts";
import { emitConcat, emitHalves, emitUpsample } from "./emit-channels.ts";
import { emitConv, emitConvTranspose } from "./emit-conv.ts";
import { emitFusedProto, emitProto } from "./emit-proto.ts";

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
      return emitConv(graph, module, x);
    case "convTranspose":
      return emitConvTranspose(graph, module, x);
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
      return emitAttention(graph, module, x);
    case "residualAttention":
      return emitResidualAttention(graph, module, x);
    case "c2psa":
      return emitC2psa(graph, module, x);
    case "a2c2f":
      return emitA2c2f(graph, module, x);
    case "proto":
      return emitProto(graph, module, x);
    case "fusedProto":
      return emitFusedProto(graph, module, inputs);
    case "upsample":
      return emitUpsample(graph, module.factor, x);
    case "concat":
      return emitConcat(graph, inputs);
    case "identity":
      return x;
  }
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
  const branches = emitHalves(graph, "cv1", module.cv1, x);
  for (const [i, m] of module.m.entries()) {
    branches.push(emitModule(graph, `m.${i}`, m, branches.at(-1)!));
  }
  return emitModule(graph, "cv2", module.cv2, emitConcat(graph, branches));
}

function c3(graph: GraphBuilder, module: C3Module, x: Value): Value {
  const deep = emitModule(graph, "m", module.m, emitModule(graph, "cv1", module.cv1, x));
  const flat = emitModule(graph, "cv2", module.cv2, x);
  return emitModule(graph, "cv3", module.cv3, emitConcat(graph, [deep, flat]));
}

function sppf(graph: GraphBuilder, module: SppfModule, x: Value): Value {
  const size = module.poolSize;
  const padding = Math.floor(size / 2);
  const pooled = [emitModule(graph, "cv1", module.cv1, x)];
  for (let i = 0; i < module.poolCount; i++) {
    pooled.push(
      graph.node("MaxPool", [pooled.at(-1)!], {
        kernel_shape: [size, size],
        pads: [padding, padding, padding, padding],
      }),
    );
  }
  const y = emitModule(graph, "cv2", module.cv2, emitConcat(graph, pooled));
  return module.add ? graph.node("Add", [y, x]) : y;
}
