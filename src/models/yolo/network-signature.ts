import { OrangeryError } from "../../errors.ts";
import { maxSidePx } from "../../graph/yolo/input-size.ts";
import type { TensorInfo } from "../../native/runtime.ts";
import { type PythonLiteral, parsePythonLiteral } from "./python-literal.ts";

/** What a YOLO network can do here. */
export type YoloTask = "detect" | "segment";

/**
 * How `output0` is laid out.
 * - `raw`: (1, 4 + classes + coefficients, anchors), boxes as xywh, scores per class; needs NMS.
 * - `end-to-end`: (1, detections, 6 + coefficients), rows of xyxy, score, class; needs none.
 */
export type HeadLayout = "raw" | "end-to-end";

/** A YOLO network, as its inputs, outputs and metadata describe it. */
export interface NetworkSignature {
  readonly task: YoloTask;
  readonly head: HeadLayout;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** Input extents are multiples of this, in pixels. */
  readonly stride: number;
  readonly inputName: string;
  readonly inputType: "float32" | "float16";
  /** Extents [height, width] that the input must have, or undefined when any will do. */
  readonly fixedSizeHw: readonly [number, number] | undefined;
  /** Extents [height, width] to use when none are asked for. */
  readonly defaultSizeHw: readonly [number, number];
  /** Whether a run may take any number of pictures; otherwise it takes one. */
  readonly freeBatch: boolean;
  /** Mask coefficients of each detection; 0 unless the task is `segment`. */
  readonly coefficientCount: number;
  readonly outputNames: readonly string[];
}

export interface NetworkDescription {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly metadata: ReadonlyMap<string, string>;
}

const defaultStride = 32;
const defaultSize = 640;

/**
 * Recognises a YOLO network. Metadata decides where it is present; every key of it is optional,
 * and the shapes of the outputs must agree.
 *
 * @throws `MODEL_NOT_YOLO`, saying what was expected and what the model has.
 */
export function readYoloNetwork(
  file: string,
  { inputs, outputs, metadata }: NetworkDescription,
): NetworkSignature {
  const refuse = (expected: string, came: string): never => {
    throw new OrangeryError(
      "MODEL_NOT_YOLO",
      `Expected ${expected} in \`${file}\`, got ${came}. Orangery runs YOLOv8, YOLO11 and YOLO26 networks for detection and segmentation, as Ultralytics exports them to ONNX.`,
      { details: { file, expected, came } },
    );
  };
  const literal = (key: string) => parsePythonLiteral(metadata.get(key) ?? "");

  const task = readTask(metadata.get("task"), outputs);
  if (task === undefined) {
    return refuse("a network for detect or segment", `one for ${metadata.get("task")}`);
  }
  const [input] = inputs;
  if (
    inputs.length !== 1 ||
    input?.shape.length !== 4 ||
    !isOneOf(input.shape[1], 3) ||
    !isOneOf(input.shape[0], 1)
  ) {
    return refuse("one input of shape (1, 3, height, width)", describe(inputs));
  }
  if (!isFloat(input.elementType)) {
    return refuse("an input of float32 or float16", input.elementType);
  }
  const [output0, output1] = outputs;
  if (output0?.shape.length !== 3 || !isOneOf(output0.shape[0], 1)) {
    return refuse("an output of shape (1, channels, anchors)", describe(outputs));
  }
  if (task === "segment" && output1?.shape.length !== 4) {
    return refuse("mask prototypes of shape (1, 32, height, width)", describe(outputs));
  }
  if (!outputs.every(({ elementType }) => isFloat(elementType))) {
    return refuse("outputs of float32 or float16", describe(outputs));
  }

  const prototypes = task === "segment" ? output1?.shape[1] : 0;
  const coefficientCount = typeof prototypes === "number" ? prototypes : 32;
  const named = readNames(literal("names"));
  const head = readHead({
    endToEnd: literal("end2end") === true || argument(literal("args"), "nms") === true,
    shape: output0.shape,
    coefficientCount,
    classCount: named?.length,
  });
  const channels = output0.shape[head === "raw" ? 1 : 2];
  const classCount =
    named?.length ??
    (head === "raw" && typeof channels === "number" ? channels - 4 - coefficientCount : 80);
  const expectedChannels = (head === "raw" ? 4 + classCount : 6) + coefficientCount;
  if (classCount < 1 || !isOneOf(channels, expectedChannels)) {
    return refuse(
      `${expectedChannels} values a detection (${classCount} classes, ${coefficientCount} mask coefficients)`,
      describe(outputs),
    );
  }

  const [, , height, width] = input.shape;
  const trainedSizeHw = readSize(literal("imgsz")) ?? [defaultSize, defaultSize];
  const defaultSizeHw = [
    typeof height === "number" ? height : trainedSizeHw[0],
    typeof width === "number" ? width : trainedSizeHw[1],
  ] as const;
  const stride = readStride(literal("stride"));
  if (Math.max(...defaultSizeHw, stride) > maxSidePx) {
    return refuse(
      `an input and a stride of at most ${maxSidePx} px`,
      `${defaultSizeHw.join(" × ")} and ${stride}`,
    );
  }
  const isFree = typeof height === "string" && typeof width === "string";
  return {
    task,
    head,
    names: named ?? Array.from({ length: classCount }, (_, id) => `class${id}`),
    stride,
    inputName: input.name,
    inputType: input.elementType,
    fixedSizeHw: isFree ? undefined : defaultSizeHw,
    defaultSizeHw,
    freeBatch: [input, ...outputs].every(({ shape }) => typeof shape[0] === "string"),
    coefficientCount,
    outputNames: outputs.map(({ name }) => name),
  };
}

function isFloat(elementType: string): elementType is NetworkSignature["inputType"] {
  return elementType === "float32" || elementType === "float16";
}

function readTask(task: string | undefined, outputs: readonly TensorInfo[]): YoloTask | undefined {
  if (task === "detect" || task === "segment") return task;
  if (task !== undefined) return undefined;
  return outputs.length > 1 && outputs[1]?.shape.length === 4 ? "segment" : "detect";
}

/**
 * Metadata says whether the head is end-to-end. Without it the shape does: an end-to-end head has
 * rows of 6 values (and coefficients), a raw head has far more anchors than channels.
 */
function readHead({
  endToEnd,
  shape,
  coefficientCount,
  classCount,
}: {
  endToEnd: boolean;
  shape: readonly (number | string)[];
  coefficientCount: number;
  classCount: number | undefined;
}): HeadLayout {
  if (endToEnd) return "end-to-end";
  const [, channels, last] = shape;
  const rowsOfSix = last === 6 + coefficientCount;
  const rawChannels = classCount !== undefined && channels === 4 + classCount + coefficientCount;
  return rowsOfSix && !rawChannels ? "end-to-end" : "raw";
}

/** `{0: 'person', 1: 'bicycle'}` or a list; the ids must run from 0 without gaps. */
function readNames(value: PythonLiteral | undefined): string[] | undefined {
  const names =
    value instanceof Map
      ? Array.from({ length: value.size }, (_, id) => value.get(id))
      : Array.isArray(value)
        ? value
        : [];
  return names.length > 0 && names.every((name) => typeof name === "string") ? names : undefined;
}

function readStride(value: PythonLiteral | undefined): number {
  const stride = Array.isArray(value) ? Math.max(...value.map(Number)) : value;
  return typeof stride === "number" && Number.isInteger(stride) && stride > 0
    ? stride
    : defaultStride;
}

function readSize(value: PythonLiteral | undefined): readonly [number, number] | undefined {
  const [height, width] = Array.isArray(value) ? value : [value, value];
  const isExtent = (extent: unknown): extent is number =>
    typeof extent === "number" && Number.isInteger(extent) && extent > 0;
  return isExtent(height) && isExtent(width) ? [height, width] : undefined;
}

function argument(value: PythonLiteral | undefined, key: string): PythonLiteral | undefined {
  return value instanceof Map ? value.get(key) : undefined;
}

/** A symbolic extent can take any value. */
function isOneOf(extent: number | string | undefined, wanted: number): boolean {
  return extent === wanted || typeof extent === "string";
}

function describe(infos: readonly TensorInfo[]): string {
  if (infos.length === 0) return "none";
  return infos
    .map(({ name, elementType, shape }) => `${name}: ${elementType} (${shape.join(", ")})`)
    .join("; ");
}
