import { isOrangeryError } from "../../errors.ts";
import { complexityOf } from "../../graph/yolo/complexity.ts";
import { inputStride } from "../../graph/yolo/create-yolo-model.ts";
import { detectOf, inputChannels, type YoloNetwork } from "../../graph/yolo/modules.ts";
import { type Checkpoint, readCheckpoint } from "../checkpoint.ts";
import { damaged, naming, quote, unsupported } from "../checkpoint-error.ts";
import { type CheckpointMetadata, toSetting } from "../checkpoint-metadata.ts";
import { PickledObject, type PickleValue } from "../pickle/pickle-values.ts";
import { classNames } from "./class-names.ts";
import { trainedSizeHw } from "./image-size.ts";
import { PickledModule } from "./pickled-module.ts";
import { readNetwork } from "./read-network.ts";

/** A YOLO network from a checkpoint, ready for `createYoloModel`. */
export interface YoloCheckpoint {
  readonly network: YoloNetwork;
  readonly task: "detect" | "segment";
  /** By class id; as many as the network has classes. */
  readonly names: readonly string[];
  /** Input sizes must be multiples of it, in pixels. */
  readonly stride: number;
  /** The size of the training, rounded up to multiples of `stride`; 640 if it is not stated. */
  readonly imageSizeHw: readonly [heightPx: number, widthPx: number];
  /** Such as `YOLO11m-seg`; undefined if the checkpoint does not state it. */
  readonly architecture: string | undefined;
  /** What the network is, in one line. */
  readonly description: string;
  readonly metadata: CheckpointMetadata;
}

/**
 * Reads a checkpoint as Ultralytics saves it: YOLOv3u to YOLOv10, YOLO11, YOLO12 or YOLO26, for
 * detection or segmentation, fused or not. Nothing of the file is executed.
 *
 * @throws `CHECKPOINT_UNSUPPORTED` for another task, or a module that is not known,
 *   by its name; `CHECKPOINT_UNREADABLE` for modules that do not fit each other; and what
 *   `readCheckpoint` throws.
 */
export async function readYoloCheckpoint(
  file: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<YoloCheckpoint> {
  const checkpoint = await readCheckpoint(file, options);
  return await naming(file, () => toYoloCheckpoint(checkpoint));
}

function toYoloCheckpoint({ model, storedElements, metadata }: Checkpoint): YoloCheckpoint {
  const task = taskOf(model);
  const root = PickledModule.root(model, storedElements);
  const network = readNetwork(root);
  if (network.head.module.kind !== task) {
    root.refuse(`a head for the task ${task}`, network.head.module.kind);
  }
  requireRgbOrGrey(network);
  checkShapes(network);
  const architecture = architectureOf(model);
  const stride = inputStride(network);
  const imgsz =
    metadata.trainArgs.get("imgsz") ?? toSetting(entriesOf(model.state.get("args")).get("imgsz"));
  return {
    network,
    task,
    names: classNames(model.state.get("names"), detectOf(network.head.module).classCount),
    stride,
    imageSizeHw: trainedSizeHw(imgsz, stride),
    architecture,
    description: describeModel(architecture ?? `YOLO, ${task}`, metadata),
    metadata,
  };
}

const tasks = new Map([
  ["DetectionModel", "detect"],
  ["SegmentationModel", "segment"],
  ["PoseModel", "pose"],
  ["OBBModel", "obb"],
  ["ClassificationModel", "classify"],
  ["DepthModel", "depth"],
  ["SemanticSegmentationModel", "semantic"],
]);

function taskOf({ className }: PickledObject): "detect" | "segment" {
  const [, name] = /^ultralytics\.(?:yolo\.)?nn\.tasks\.(\w+)$/.exec(className) ?? [];
  const task = tasks.get(name ?? "");
  if (task === "detect" || task === "segment") return task;
  throw unsupported(
    task === undefined
      ? `Expected a detection or segmentation model of Ultralytics, got ${quote(className)}. ` +
          (name === "RTDETRDetectionModel"
            ? "Orangery runs YOLO networks; train one of these."
            : "Export it with `yolo export format=onnx` and use that.")
      : `The task ${task} is not supported yet, only detect and segment are.`,
    { className, task },
  );
}

/** Photos are RGB or grey; networks for other pictures are trained, too. */
function requireRgbOrGrey(network: YoloNetwork): void {
  const channels = inputChannels(network);
  if (channels === 3 || channels === 1) return;
  throw unsupported(
    `It reads pictures of ${channels} channels; Orangery has RGB (3) and grey (1). ` +
      "Train it on such pictures.",
    { channels },
  );
}

function checkShapes(network: YoloNetwork): void {
  const side = 2 * inputStride(network);
  try {
    complexityOf(network, [side, side]);
  } catch (cause) {
    if (!isOrangeryError(cause, "INVALID_ARGUMENT")) throw cause;
    throw damaged(
      `The modules do not fit each other: ${cause.message.replace(/\.$/, "")}`,
      cause.details,
    );
  }
}

/** Returns the name of the model's configuration, with the letter of its scale. */
function architectureOf(model: PickledObject): string | undefined {
  const yaml = entriesOf(model.state.get("yaml"));
  const [file, scale] = [yaml.get("yaml_file"), yaml.get("scale")];
  if (typeof file !== "string") return undefined;
  const match = /(?:^|[\\/])yolo(v?\d{1,2})([nsmlxbtce]?)([\w-]{0,30})\.yaml$/i.exec(file);
  if (match === null) return undefined;
  const [, version, letter, rest] = match as unknown as [string, string, string, string];
  const known = typeof scale === "string" && /^[a-z]$/.test(scale) ? scale : "";
  return `YOLO${version}${letter || known}${rest}`;
}

function describeModel(architecture: string, { trainArgs }: CheckpointMetadata): string {
  const data = trainArgs.get("data");
  const file = typeof data === "string" ? data.split(/[\\/]/).at(-1)! : "";
  return /^[\w. -]{1,80}$/.test(file) ? `${architecture}, trained on ${file}` : architecture;
}

/** Returns the entries of a dict, or of an object that holds settings. */
function entriesOf(value: PickleValue | undefined): ReadonlyMap<PickleValue, PickleValue> {
  if (value instanceof PickledObject) return value.state;
  return value instanceof Map ? value : new Map();
}
