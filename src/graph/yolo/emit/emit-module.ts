import type {
  BottleneckModule,
  C2fModule,
  C3Module,
  FusedProtoModule,
  ProtoModule,
  SppfModule,
} from "../modules.ts";
import { emitA2c2f, emitAttention, emitC2psa, emitResidualAttention } from "./emit-attention.ts";
import type { FeatureMap, FeatureMaps } from "./feature-map.ts";
import type { ModuleEmitter, ModuleTable } from "./module-emitter.ts";

/** The forward pass of every kind of module. */
export const moduleTable: ModuleTable = {
  conv: (emitter, module, [x]) => emitter.conv(module, x),
  convTranspose: (emitter, module, [x]) => emitter.convTranspose(module, x),
  sequential: (emitter, { modules }, [x]) => emitter.chain("", modules, x).at(-1)!,
  bottleneck: emitBottleneck,
  c2f: emitC2f,
  c3: emitC3,
  sppf: emitSppf,
  attention: emitAttention,
  residualAttention: emitResidualAttention,
  c2psa: emitC2psa,
  a2c2f: emitA2c2f,
  proto: emitProto,
  fusedProto: emitFusedProto,
  upsample: (emitter, { factor }, [x]) => emitter.enlarge(x, factor),
  concat: (emitter, _, inputs) => emitter.concat(inputs),
  identity: (_emitter, _module, [x]) => x,
};

function emitBottleneck(
  emitter: ModuleEmitter,
  module: BottleneckModule,
  [x]: FeatureMaps,
): FeatureMap {
  const y = emitter.emit("cv2", module.cv2, emitter.emit("cv1", module.cv1, x));
  return module.add ? emitter.add(x, y) : y;
}

function emitC2f(emitter: ModuleEmitter, module: C2fModule, [x]: FeatureMaps): FeatureMap {
  const [first, second] = emitter.halves("cv1", module.cv1, x);
  const maps = emitter.chain("m.", module.m, second);
  return emitter.emit("cv2", module.cv2, emitter.concat([first, ...maps]));
}

function emitC3(emitter: ModuleEmitter, module: C3Module, [x]: FeatureMaps): FeatureMap {
  const deep = emitter.emit("m", module.m, emitter.emit("cv1", module.cv1, x));
  const flat = emitter.emit("cv2", module.cv2, x);
  return emitter.emit("cv3", module.cv3, emitter.concat([deep, flat]));
}

function emitSppf(emitter: ModuleEmitter, module: SppfModule, [x]: FeatureMaps): FeatureMap {
  const { poolSize, poolCount } = module;
  if (poolSize % 2 !== 1) emitter.refuse("a pool of odd size", `${poolSize}`);
  const half = (poolSize - 1) / 2;
  const maps: [FeatureMap, ...FeatureMap[]] = [emitter.emit("cv1", module.cv1, x)];
  for (let i = 0; i < poolCount; i++) {
    const last = maps.at(-1)!;
    const value = emitter.graph.node("MaxPool", [last.value], {
      kernel_shape: [poolSize, poolSize],
      pads: [half, half, half, half],
    });
    maps.push({ ...last, value });
  }
  const y = emitter.emit("cv2", module.cv2, emitter.concat(maps));
  return module.add ? emitter.add(x, y) : y;
}

function emitProto(emitter: ModuleEmitter, module: ProtoModule, [x]: FeatureMaps): FeatureMap {
  const features = emitter.emit("cv1", module.cv1, x);
  const enlarged = emitter.emit("upsample", module.upsample, features);
  return emitter.emit("cv3", module.cv3, emitter.emit("cv2", module.cv2, enlarged));
}

function emitFusedProto(
  emitter: ModuleEmitter,
  { featRefine, factors, featFuse, proto }: FusedProtoModule,
  [first, ...others]: FeatureMaps,
): FeatureMap {
  if (featRefine.length !== others.length || factors.length !== featRefine.length) {
    emitter.refuse(`${featRefine.length + 1} levels`, `${others.length + 1}`);
  }
  const fused = others.reduce((sum, level, i) => {
    const refined = emitter.emit(`feat_refine.${i}`, featRefine[i]!, level);
    return emitter.add(sum, emitter.enlarge(refined, factors[i]!));
  }, first);
  return emitProto(emitter, proto, [emitter.emit("feat_fuse", featFuse, fused)]);
}
