import type {
  PadModule,
  PoolModule,
  SppfModule,
  UpsampleModule,
} from "../../graph/yolo/modules.ts";
import { readModules } from "./module-list.ts";
import { describe, type PickledModule } from "./pickled-module.ts";
import { readConv } from "./read-conv.ts";

const poolSides = { least: 0, most: 63 };
const padSides = { least: 0, most: 1024 };

export function readSppf(module: PickledModule): SppfModule {
  return {
    ...readJoined(module, "cv2"),
    poolSize: readPoolSize(module.child("m")),
    // Both came with Ultralytics 8.4.
    poolCount: module.has("n") ? module.integer("n", { least: 1, most: 16 }) : 3,
    add: module.flag("add", false),
  };
}

/** Reads pools beside each other, if successive pools of one size make the same maps. */
export function readSpp(module: PickledModule): SppfModule {
  const sizes = readModules(module.child("m"), readPoolSize);
  const [poolSize] = sizes;
  if (poolSize === undefined || sizes.some((size, i) => size !== (i + 1) * (poolSize - 1) + 1)) {
    return module.unsupported(`an SPP with pools of ${sizes.slice(0, 8).join(", ")}`);
  }
  return { ...readJoined(module, "cv2"), poolSize, poolCount: sizes.length, add: false };
}

export function readSppElan(module: PickledModule): SppfModule {
  const sizes = ["cv2", "cv3", "cv4"].map((name) => readPoolSize(module.child(name)));
  if (new Set(sizes).size > 1) module.unsupported(`an SPPELAN with pools of ${sizes.join(", ")}`);
  const [poolSize] = sizes;
  return {
    ...readJoined(module, "cv5"),
    poolSize: poolSize!,
    poolCount: sizes.length,
    add: false,
  };
}

/** Reads the convolutions before and after the pools. */
function readJoined(module: PickledModule, joinName: SppfModule["joinName"]) {
  const cv1 = readConv(module.child("cv1"));
  return { kind: "sppf", cv1, join: readConv(module.child(joinName)), joinName } as const;
}

/** Returns the size of a pool that keeps the size of its input. */
function readPoolSize(module: PickledModule): number {
  const { kernel, stride, padding } = readPool(module);
  const [size, columns] = kernel;
  const half = (size - 1) / 2;
  const keepsSize = size === columns && `${stride}` === "1,1" && `${padding}` === `${half},${half}`;
  return keepsSize ? size : module.unsupported("a MaxPool2d that changes the size");
}

export function readPool(module: PickledModule): PoolModule {
  if (module.kind !== "torch:MaxPool2d") return module.unsupported();
  const isPlain =
    `${module.pair("dilation", poolSides)}` === "1,1" &&
    !module.flag("ceil_mode", false) &&
    !module.flag("return_indices", false);
  if (!isPlain) module.unsupported("a MaxPool2d with dilation, ceil_mode or return_indices");
  return {
    kind: "pool",
    of: "largest",
    kernel: module.pair("kernel_size", { ...poolSides, least: 1 }),
    stride: module.pair("stride", { ...poolSides, least: 1 }),
    padding: module.pair("padding", poolSides),
  };
}

export function readPad(module: PickledModule): PadModule {
  const [left, right, top, bottom] = module.integers("padding", { ...padSides, count: 4 });
  return { kind: "pad", left: left!, right: right!, top: top!, bottom: bottom! };
}

export function readUpsample(module: PickledModule): UpsampleModule {
  const mode = module.attribute("mode");
  if (mode !== "nearest" || module.has("size")) {
    return module.unsupported(`an Upsample of mode ${describe(mode)}`);
  }
  const [rows, columns] = module.pair("scale_factor", { least: 1, most: 16 });
  if (rows !== columns) return module.unsupported("an Upsample with two factors");
  return { kind: "upsample", factor: rows };
}
