import type {
  BottleneckModule,
  C2fModule,
  C2Module,
  C3Module,
  DownsampleModule,
  ElanModule,
  FusedProtoModule,
  FuseModule,
  GhostModule,
  ProtoModule,
  ResidualModule,
  SppfModule,
} from "../modules.ts";
import { emitA2c2f, emitAttention, emitPsa, emitResidualAttention } from "./emit-attention.ts";
import type { FeatureMap, FeatureMaps } from "./feature-map.ts";
import type { ModuleEmitter, ModuleTable } from "./module-emitter.ts";

/** The forward pass of every kind of module. */
export const moduleTable: ModuleTable = {
  conv: (emitter, module, [x]) => emitter.conv(module, x),
  convTranspose: (emitter, module, [x]) => emitter.convTranspose(module, x),
  sequential: (emitter, { modules }, [x]) => emitter.chain("", modules, x).at(-1)!,
  residual: emitResidual,
  bottleneck: emitBottleneck,
  c2: emitC2,
  c2f: emitC2f,
  c3: emitC3,
  elan: emitElan,
  ghost: emitGhost,
  downsample: emitDownsample,
  sppf: emitSppf,
  attention: emitAttention,
  residualAttention: emitResidualAttention,
  psa: emitPsa,
  a2c2f: emitA2c2f,
  proto: emitProto,
  fusedProto: emitFusedProto,
  pool: (emitter, module, [x]) => emitter.pool(module, x),
  pad: (emitter, module, [x]) => emitter.pad(module, x),
  upsample: (emitter, { factor }, [x]) => emitter.enlarge(x, factor),
  concat: (emitter, _, inputs) => emitter.concat(inputs),
  fuse: emitFuse,
  identity: (_emitter, _module, [x]) => x,
};

function emitResidual(
  emitter: ModuleEmitter,
  { modules, shortcut }: ResidualModule,
  [x]: FeatureMaps,
): FeatureMap {
  const change = emitter.chain("", modules, x).at(-1)!;
  return emitter.add(emitter.emit("shortcut", shortcut, x), change);
}

function emitBottleneck(
  emitter: ModuleEmitter,
  module: BottleneckModule,
  [x]: FeatureMaps,
): FeatureMap {
  const y = emitter.emit("cv2", module.cv2, emitter.emit("cv1", module.cv1, x));
  return module.add ? emitter.add(x, y) : y;
}

function emitC2(emitter: ModuleEmitter, module: C2Module, [x]: FeatureMaps): FeatureMap {
  const halves = emitter.halves("cv1", module.cv1, x);
  halves[module.deepHalf] = emitter.emit("m", module.m, halves[module.deepHalf]);
  return emitter.emit("cv2", module.cv2, emitter.concat(halves));
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

function emitElan(emitter: ModuleEmitter, module: ElanModule, [x]: FeatureMaps): FeatureMap {
  const [first, second] = emitter.halves("cv1", module.cv1, x);
  const maps = emitter.chain("", { cv2: module.cv2, cv3: module.cv3 }, second);
  return emitter.emit("cv4", module.cv4, emitter.concat([first, ...maps]));
}

function emitGhost(emitter: ModuleEmitter, module: GhostModule, [x]: FeatureMaps): FeatureMap {
  const y = emitter.emit("cv1", module.cv1, x);
  return emitter.concat([y, emitter.emit("cv2", module.cv2, y)]);
}

function emitDownsample(
  emitter: ModuleEmitter,
  { cv1, cv2 }: DownsampleModule,
  [x]: FeatureMaps,
): FeatureMap {
  const none = [0, 0] as const;
  const mean = emitter.pool({ of: "mean", kernel: [2, 2], stride: [1, 1], padding: none }, x);
  const [first, second] = emitter.split(mean, 2);
  const pool = { of: "largest", kernel: [3, 3], stride: [2, 2], padding: [1, 1] } as const;
  return emitter.concat([
    emitter.emit("cv1", cv1, first!),
    emitter.emit("cv2", cv2, emitter.pool(pool, second!)),
  ]);
}

function emitSppf(emitter: ModuleEmitter, module: SppfModule, [x]: FeatureMaps): FeatureMap {
  const { poolSize, poolCount } = module;
  if (poolSize % 2 !== 1) emitter.refuse("a pool of odd size", `${poolSize}`);
  const half = (poolSize - 1) / 2;
  const maps: [FeatureMap, ...FeatureMap[]] = [emitter.emit("cv1", module.cv1, x)];
  for (let i = 0; i < poolCount; i++) {
    maps.push(
      emitter.pool(
        {
          of: "largest",
          kernel: [poolSize, poolSize],
          stride: [1, 1],
          padding: [half, half],
        },
        maps.at(-1)!,
      ),
    );
  }
  const y = emitter.emit(module.joinName, module.join, emitter.concat(maps));
  return module.add ? emitter.add(x, y) : y;
}

function emitFuse(emitter: ModuleEmitter, { slices }: FuseModule, inputs: FeatureMaps): FeatureMap {
  const target = inputs.at(-1)!;
  if (slices.length !== inputs.length - 1) {
    emitter.refuse(`${slices.length + 1} inputs`, `${inputs.length}`);
  }
  return slices.reduce((sum, { first, channels }, i) => {
    const part = emitter.slice(inputs[i]!, first, channels);
    // Other sizes are no multiples, and are refused by the sum.
    const factor = Math.max(Math.floor(target.rows / part.rows), 1);
    return emitter.add(sum, factor === 1 ? part : emitter.enlarge(part, factor));
  }, target);
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
