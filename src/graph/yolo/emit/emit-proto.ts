import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { FusedProtoModule, ProtoModule } from "../modules.ts";
import { emitUpsample } from "./emit-channels.ts";
import { emitModule } from "./emit-module.ts";

export function emitProto(graph: GraphBuilder, module: ProtoModule, x: Value): Value {
  const features = emitModule(graph, "cv1", module.cv1, x);
  const enlarged = emitModule(graph, "upsample", module.upsample, features);
  return emitModule(graph, "cv3", module.cv3, emitModule(graph, "cv2", module.cv2, enlarged));
}

export function emitFusedProto(
  graph: GraphBuilder,
  module: FusedProtoModule,
  [first, ...others]: readonly Value[],
): Value {
  const fused = others.reduce((sum, level, i) => {
    const refined = emitModule(graph, `feat_refine.${i}`, module.featRefine[i]!, level);
    return graph.node("Add", [sum, emitUpsample(graph, module.factors[i]!, refined)]);
  }, first!);
  return emitProto(graph, module.proto, emitModule(graph, "feat_fuse", module.featFuse, fused));
}
