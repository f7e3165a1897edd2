import type {
  BottleneckModule,
  C2fModule,
  C3Module,
  SppfModule,
  UpsampleModule,
  YoloModule,
} from "../../graph/yolo/modules.ts";
import { readModules, readSequential } from "./module-list.ts";
import { describe, type PickledModule } from "./pickled-module.ts";
import { readA2c2f, readC2psa, readResidualAttention } from "./read-attention.ts";
import { readConv } from "./read-conv.ts";

/**
 * Reads a module by its class. Those that are not here are refused by name: a network that is
 * nearly the right one would give numbers that are nearly right.
 */
export function readModule(module: PickledModule): YoloModule {
  switch (module.kind) {
    case "ultralytics:Conv":
    case "ultralytics:DWConv":
    case "torch:Conv2d":
      return readConv(module);
    case "torch:Sequential":
      return readSequential(module, readModule);
    case "ultralytics:Bottleneck":
      return readBottleneck(module);
    case "ultralytics:C2f":
    case "ultralytics:C3k2":
      return readC2f(module);
    case "ultralytics:C3":
    case "ultralytics:C3k":
      return readC3(module);
    case "ultralytics:SPPF":
      return readSppf(module);
    case "ultralytics:C2PSA":
      return readC2psa(module, readModule);
    case "ultralytics:PSABlock":
    case "ultralytics:ABlock":
      return readResidualAttention(module, readModule);
    case "ultralytics:A2C2f":
      return readA2c2f(module, readModule);
    case "torch:Upsample":
      return readUpsample(module);
    case "ultralytics:Concat":
      return module.integer("d", { least: -4, most: 4 }) === 1
        ? { kind: "concat" }
        : module.unsupported("a Concat of something else than channels");
    case "torch:Identity":
      return { kind: "identity" };
    default:
      return module.unsupported();
  }
}

function readBottleneck(module: PickledModule): BottleneckModule {
  return {
    kind: "bottleneck",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    add: module.flag("add"),
  };
}

function readC2f(module: PickledModule): C2fModule {
  return {
    kind: "c2f",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    m: readModules(module.child("m"), readModule),
  };
}

function readC3(module: PickledModule): C3Module {
  return {
    kind: "c3",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    cv3: readConv(module.child("cv3")),
    m: readSequential(module.child("m"), readModule),
  };
}

function readSppf(module: PickledModule): SppfModule {
  return {
    kind: "sppf",
    cv1: readConv(module.child("cv1")),
    cv2: readConv(module.child("cv2")),
    poolSize: readPoolSize(module.child("m")),
    // Both came with Ultralytics 8.4.
    poolCount: module.has("n") ? module.integer("n", { least: 1, most: 16 }) : 3,
    add: module.flag("add", false),
  };
}

/** The size of a pool that keeps the size of what it reads. */
function readPoolSize(pool: PickledModule): number {
  if (pool.kind !== "torch:MaxPool2d") return pool.unsupported();
  const range = { least: 0, most: 63 };
  const [size, columns] = pool.pair("kernel_size", { least: 1, most: 63 });
  const half = (size - 1) / 2;
  const keepsSize =
    size === columns &&
    `${pool.pair("stride", range)}` === "1,1" &&
    `${pool.pair("padding", range)}` === `${half},${half}` &&
    `${pool.pair("dilation", range)}` === "1,1";
  return keepsSize ? size : pool.unsupported("a MaxPool2d that changes the size");
}

function readUpsample(module: PickledModule): UpsampleModule {
  const mode = module.attribute("mode");
  if (mode !== "nearest" || module.has("size")) {
    return module.unsupported(`an Upsample of mode ${describe(mode)}`);
  }
  const [rows, columns] = module.pair("scale_factor", { least: 1, most: 16 });
  if (rows !== columns) return module.unsupported("an Upsample with two factors");
  return { kind: "upsample", factor: rows };
}
