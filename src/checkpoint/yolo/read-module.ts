import type {
  BottleneckModule,
  C2fModule,
  C2Module,
  C3Module,
  ElanModule,
  GhostModule,
  ResidualModule,
  SequentialModule,
  YoloModule,
} from "../../graph/yolo/modules.ts";
import { readModules, readSequential } from "./module-list.ts";
import type { PickledModule } from "./pickled-module.ts";
import { readA2c2f, readPsa, readResidualAttention } from "./read-attention.ts";
import { readConv, readConvTranspose } from "./read-conv.ts";
import { readPad, readPool, readSpp, readSppElan, readSppf, readUpsample } from "./read-pool.ts";

/**
 * Reads a module by its class. Unknown classes are refused by name: a nearly correct network would
 * give nearly correct numbers.
 */
export function readModule(module: PickledModule): YoloModule {
  switch (module.kind) {
    case "ultralytics:Conv":
    case "ultralytics:DWConv":
    case "ultralytics:RepConv":
    case "ultralytics:RepVGGDW":
    case "ultralytics:CBLinear":
    case "torch:Conv2d":
      return readConv(module);
    case "torch:ConvTranspose2d":
      return readConvTranspose(module);
    case "torch:Sequential":
      return readSequential(module, readModule);
    case "ultralytics:Bottleneck":
    case "ultralytics:RepBottleneck":
      return readBottleneck(module);
    case "ultralytics:GhostBottleneck":
      return readGhostBottleneck(module);
    case "ultralytics:CIB":
      return readCib(module);
    case "ultralytics:C2":
      return readC2(module, 0);
    case "ultralytics:C2PSA":
      return readC2(module, 1);
    case "ultralytics:C2f":
    case "ultralytics:C2fCIB":
    case "ultralytics:C3k2":
      return readC2f(module);
    case "ultralytics:C3":
    case "ultralytics:C3k":
    case "ultralytics:C3x":
    case "ultralytics:C3Ghost":
    case "ultralytics:RepCSP":
      return readC3(module);
    case "ultralytics:ELAN1":
    case "ultralytics:RepNCSPELAN4":
      return readElan(module);
    case "ultralytics:GhostConv":
      return readGhost(module);
    case "ultralytics:SCDown":
      return readSteps(module, "cv1", "cv2");
    case "ultralytics:AConv":
      return readAveraged(module);
    case "ultralytics:ADown":
      return { kind: "downsample", ...readCv12(module) };
    case "ultralytics:SPPF":
      return readSppf(module);
    case "ultralytics:SPP":
      return readSpp(module);
    case "ultralytics:SPPELAN":
      return readSppElan(module);
    case "ultralytics:PSA":
      return readPsa(module, readModule);
    case "ultralytics:PSABlock":
    case "ultralytics:ABlock":
      return readResidualAttention(module, readModule);
    case "ultralytics:A2C2f":
      return readA2c2f(module, readModule);
    case "torch:MaxPool2d":
      return readPool(module);
    case "torch:ZeroPad2d":
      return readPad(module);
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

function readCv12(module: PickledModule): Pick<GhostModule, "cv1" | "cv2"> {
  return { cv1: readConv(module.child("cv1")), cv2: readConv(module.child("cv2")) };
}

/** Children that each read the last one's output. */
function readSteps(module: PickledModule, ...names: readonly string[]): SequentialModule {
  const steps = names.map((name) => [name, readModule(module.child(name))] as const);
  return { kind: "sequential", modules: Object.fromEntries(steps) };
}

function readBottleneck(module: PickledModule): BottleneckModule {
  return { kind: "bottleneck", ...readCv12(module), add: module.flag("add") };
}

function readGhostBottleneck(module: PickledModule): ResidualModule {
  const { modules } = readSteps(module, "conv");
  return { kind: "residual", modules, shortcut: readModule(module.child("shortcut")) };
}

function readCib(module: PickledModule): ResidualModule | SequentialModule {
  const steps = readSteps(module, "cv1");
  return module.flag("add")
    ? { kind: "residual", modules: steps.modules, shortcut: { kind: "identity" } }
    : steps;
}

function readC2(module: PickledModule, deepHalf: 0 | 1): C2Module {
  const m = readSequential(module.child("m"), readModule);
  return { kind: "c2", ...readCv12(module), m, deepHalf };
}

function readC2f(module: PickledModule): C2fModule {
  return { kind: "c2f", ...readCv12(module), m: readModules(module.child("m"), readModule) };
}

function readC3(module: PickledModule): C3Module {
  return {
    kind: "c3",
    ...readCv12(module),
    cv3: readConv(module.child("cv3")),
    m: readSequential(module.child("m"), readModule),
  };
}

function readElan(module: PickledModule): ElanModule {
  return {
    kind: "elan",
    cv1: readConv(module.child("cv1")),
    cv2: readModule(module.child("cv2")),
    cv3: readModule(module.child("cv3")),
    cv4: readConv(module.child("cv4")),
  };
}

function readGhost(module: PickledModule): GhostModule {
  return { kind: "ghost", ...readCv12(module) };
}

function readAveraged(module: PickledModule): SequentialModule {
  const pool = {
    kind: "pool",
    of: "mean",
    kernel: [2, 2],
    stride: [1, 1],
    padding: [0, 0],
  } as const;
  return { kind: "sequential", modules: { pool, cv1: readConv(module.child("cv1")) } };
}
