import type {
  DetectModule,
  FusedProtoModule,
  ProtoModule,
  SegmentModule,
  Weights,
  YoloHead,
} from "../../graph/yolo/modules.ts";
import { readModules } from "./module-list.ts";
import type { PickledModule } from "./pickled-module.ts";
import { readConv, readConvTranspose } from "./read-conv.ts";
import { readModule } from "./read-module.ts";

/** Ultralytics' `predict` takes as many from a head, whatever was set when it was saved. */
const defaultMaxDetections = 300;

/** Reads the last module of a network. */
export function readHead(module: PickledModule): YoloHead {
  switch (module.kind) {
    case "ultralytics:Detect":
    case "ultralytics:v10Detect":
      return readDetect(module);
    case "ultralytics:Segment":
    case "ultralytics:Segment26":
      return readSegment(module);
    default:
      return module.unsupported();
  }
}

function readDetect(module: PickledModule): DetectModule {
  const endToEnd = isEndToEnd(module);
  const branch = (name: string) =>
    readModules(module.child(endToEnd ? `one2one_${name}` : name), readModule);
  return {
    kind: "detect",
    cv2: branch("cv2"),
    cv3: branch("cv3"),
    classCount: module.integer("nc", { least: 1, most: 2 ** 16 }),
    dfl: readDfl(module.child("dfl")),
    strides: readStrides(module),
    endToEnd: endToEnd
      ? {
          maxDetections: module.has("max_det")
            ? Math.max(defaultMaxDetections, module.integer("max_det", { least: 1, most: 2 ** 16 }))
            : defaultMaxDetections,
        }
      : undefined,
  };
}

function readSegment(module: PickledModule): SegmentModule {
  const detect = readDetect(module);
  const cv4 = detect.endToEnd === undefined ? "cv4" : "one2one_cv4";
  return {
    kind: "segment",
    detect,
    cv4: readModules(module.child(cv4), readModule),
    proto: readProto(module.child("proto"), detect.strides),
  };
}

/** Before fusing, an end-to-end head also has the other branches, used in training. */
function isEndToEnd(module: PickledModule): boolean {
  return (
    module.optionalChild("one2one_cv2") !== undefined &&
    module.flag("end2end", module.flag("_end2end", true))
  );
}

/** Reads the distances of the distributions; none where the network makes distances. */
function readDfl(module: PickledModule): Weights | undefined {
  if (module.kind === "torch:Identity") return undefined;
  if (module.kind !== "ultralytics:DFL") return module.unsupported();
  const { weight } = readConv(module.child("conv"));
  const [outputs, bins] = weight.dims;
  if (outputs !== 1 || weight.values.length !== bins) {
    module.refuse("one weight for each distance", `(${weight.dims.join(", ")})`);
  }
  return weight;
}

function readStrides(module: PickledModule): readonly number[] {
  const { values } = module.tensor("stride");
  // The least that exists is 4; less would be an anchor for every pixel or two.
  const isKnown = (s: number) => Number.isInteger(Math.log2(s)) && s >= 4 && s <= 256;
  if (values.length < 1 || values.length > 8 || !values.every(isKnown)) {
    module.refuse("powers of two from 4 to 256 as `stride`", [...values.subarray(0, 8)].join(", "));
  }
  return [...values];
}

function readProto(
  module: PickledModule,
  strides: readonly number[],
): ProtoModule | FusedProtoModule {
  const proto = (): ProtoModule => ({
    kind: "proto",
    cv1: readConv(module.child("cv1")),
    upsample: readConvTranspose(module.child("upsample")),
    cv2: readConv(module.child("cv2")),
    cv3: readConv(module.child("cv3")),
  });
  switch (module.kind) {
    case "ultralytics:Proto":
      return proto();
    case "ultralytics:Proto26":
      return {
        kind: "fusedProto",
        featRefine: readModules(module.child("feat_refine"), readConv),
        factors: strides.slice(1).map((stride) => stride / strides[0]!),
        featFuse: readConv(module.child("feat_fuse")),
        proto: proto(),
      };
    default:
      return module.unsupported();
  }
}
