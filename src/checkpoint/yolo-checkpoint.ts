import { isOrangeryError } from "../errors.ts";
import { detectOf, type YoloNetwork } from "../graph/yolo/modules.ts";
import { traceShapes } from "../graph/yolo/network-shapes.ts";
import { inputStride } from "../graph/yolo/yolo-model.ts";
import { type Checkpoint, readCheckpoint } from "./checkpoint.ts";
import { damaged, quote, unsupported } from "./checkpoint-error.ts";
import { type CheckpointFacts, toSetting } from "./checkpoint-facts.ts";
import type { PickleDict, PickledObject, PickleValue } from "./pickle-values.ts";
import { PickledModule } from "./yolo/pickled-module.ts";
import { readNetwork } from "./yolo/read-network.ts";

/** A YOLO network out of a checkpoint, ready for `createYoloModel`. */
export interface YoloCheckpoint {
  readonly network: YoloNetwork;
  readonly task: "detect" | "segment";
  /** By class id; as many as the network has classes. */
  readonly names: readonly string[];
  /** Input sizes must be multiples of it, in pixels. */
  readonly stride: number;
  /** What the network was trained at, rounded up to multiples of `stride`; 640 where it is not said. */
  readonly imageSizeHw: readonly [heightPx: number, widthPx: number];
  /** Such as `YOLO11m-seg`, where the checkpoint says it. */
  readonly architecture: string | undefined;
  /** One line on what this is. */
  readonly description: string;
  readonly facts: CheckpointFacts;
}

/**
 * Reads a checkpoint as Ultralytics saves it: YOLOv8, YOLO11, YOLO12 or YOLO26, for detection or
 * segmentation, fused or not. Nothing of the file is executed.
 *
 * @throws OrangeryError `CHECKPOINT_UNSUPPORTED` for another task, or a module that is not known,
 *   by its name; `CHECKPOINT_UNREADABLE` for modules that do not fit each other; and what
 *   `readCheckpoint` throws.
 */
export async function readYoloCheckpoint(
  file: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<YoloCheckpoint> {
  return toYoloCheckpoint(await readCheckpoint(file, options));
}

/** The network of a checkpoint that has been read. */
export function toYoloCheckpoint({ model, storedElements, facts }: Checkpoint): YoloCheckpoint {
  const task = taskOf(model);
  const root = PickledModule.root(model, storedElements);
  const network = readNetwork(root);
  if (network.head.module.kind !== task) {
    root.refuse(`a head for the task ${task}`, network.head.module.kind);
  }
  checkShapes(network);
  const architecture = architectureOf(model);
  return {
    network,
    task,
    names: namesOf(model, detectOf(network.head.module).classCount),
    stride: inputStride(network),
    imageSizeHw: imageSizeOf(model, facts, inputStride(network)),
    architecture,
    description: describeModel(architecture ?? `YOLO, ${task}`, facts),
    facts,
  };
}

const tasks = new Map([
  ["DetectionModel", "detect"],
  ["SegmentationModel", "segment"],
  ["PoseModel", "pose"],
  ["OBBModel", "obb"],
  ["ClassificationModel", "classify"],
]);

function taskOf({ className }: PickledObject): "detect" | "segment" {
  const [, name] = /^ultralytics\.(?:nn|yolo)(?:\.\w+)*\.(\w+)$/.exec(className) ?? [];
  const task = tasks.get(name ?? "");
  if (task === "detect" || task === "segment") return task;
  throw unsupported(
    task === undefined
      ? `Expected a detection or segmentation model of Ultralytics, got ${quote(className)}. Export it with \`yolo export format=onnx\` and use that.`
      : `The task ${task} is not supported yet, only detect and segment are.`,
    { className, task },
  );
}

function checkShapes(network: YoloNetwork): void {
  const side = 2 * inputStride(network);
  try {
    traceShapes(network, { heightPx: side, widthPx: side });
  } catch (cause) {
    if (!isOrangeryError(cause, "INVALID_ARGUMENT")) throw cause;
    throw damaged(
      `The modules do not fit each other: ${cause.message.replace(/\.$/, "")}`,
      cause.details,
    );
  }
}

/** `class7` where class 7 has no name, as Ultralytics does. */
function namesOf(model: PickledObject, classCount: number): string[] {
  const value = model.state.get("names");
  return Array.from({ length: classCount }, (_, id) => {
    const name = Array.isArray(value) ? value[id] : asDict(value).get(id);
    return typeof name === "string" ? name : `class${id}`;
  });
}

function imageSizeOf(
  model: PickledObject,
  facts: CheckpointFacts,
  stride: number,
): readonly [number, number] {
  const size =
    facts.trainArgs.get("imgsz") ?? toSetting(asDict(model.state.get("args")).get("imgsz"));
  const sizeHw = Array.isArray(size) ? size : [size, size];
  const isKnown = sizeHw.every((px) => Number.isInteger(px) && px >= 1 && px <= 8192);
  const [height, width] = isKnown ? sizeHw : [640, 640];
  const roundUp = (px: number) => Math.ceil(px / stride) * stride;
  return [roundUp(height), roundUp(width)];
}

/** The name of the model's configuration, with the letter of its scale. */
function architectureOf(model: PickledObject): string | undefined {
  const yaml = asDict(model.state.get("yaml"));
  const [file, scale] = [yaml.get("yaml_file"), yaml.get("scale")];
  if (typeof file !== "string") return undefined;
  const match = /(?:^|[\\/])yolo(v?\d{1,2})([nsmlx]?)([\w-]{0,30})\.yaml$/i.exec(file);
  if (match === null) return undefined;
  const [, version, letter, rest] = match as unknown as [string, string, string, string];
  return `YOLO${version}${letter || (typeof scale === "string" && /^[nsmlx]$/.test(scale) ? scale : "")}${rest}`;
}

function describeModel(architecture: string, { trainArgs }: CheckpointFacts): string {
  const data = trainArgs.get("data");
  const file = typeof data === "string" ? data.split(/[\\/]/).at(-1)! : "";
  return /^[\w. -]{1,80}$/.test(file) ? `${architecture}, trained on ${file}` : architecture;
}

function asDict(value: PickleValue | undefined): PickleDict {
  return value instanceof Map ? value : new Map();
}
