import { OrangeryError } from "../../errors.ts";
import { inputAxes, inputExtent, inputLayoutOf } from "../../graph/byte-input.ts";
import { headKey, precisionKey } from "../../graph/yolo/device-network.ts";
import { maxSidePx } from "../../graph/yolo/input-size.ts";
import type { TensorInfo } from "../../native/runtime.ts";
import type { InputLayout } from "../../vision/letterbox/letterbox-rows.ts";
import { bestClassHead, type HeadLayout, readHeadLayout } from "./head-layout.ts";
import { type PythonLiteral, parsePythonLiteral } from "./python-literal.ts";

/** The tasks of YOLO networks that are run here. */
export type YoloTask = "detect" | "segment";

/** What a network computes in. */
export type Precision = "float32" | "float16" | "int8";

/** The key of the metadata that have the proof of a network in fewer bits, as JSON. */
export const proofKey = "orangery.proof";

/** A YOLO network, as its inputs, outputs and metadata describe it. */
export interface NetworkSignature {
  readonly task: YoloTask;
  readonly head: HeadLayout;
  /** Whether the head is known for sure; otherwise a run has to show what it is. */
  readonly isCertain: boolean;
  /** Whether each cell of the network's maps has one anchor, not three. */
  readonly isAnchorFree: boolean;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** Input extents are multiples of this, in pixels. */
  readonly stride: number;
  readonly inputName: string;
  /** `uint8` takes the bytes of the photo, 0 to 255; the others take 0 to 1. */
  readonly inputType: "float32" | "float16" | "uint8";
  /** What its weights are, as far as it says; its input may be converted inside. */
  readonly precision: Precision;
  /** 3 for RGB, 1 for grey. */
  readonly inputChannels: 1 | 3;
  /** Whether a picture comes in planes, or pixel by pixel. */
  readonly inputLayout: InputLayout;
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

/** The networks that are run, for messages. */
const families =
  "Orangery runs networks for detection and segmentation as Ultralytics exports them to ONNX " +
  "(YOLOv3u, YOLOv5u, YOLOv6, YOLOv8, YOLOv9, YOLOv10, YOLO11, YOLO12, YOLO26), " +
  "and YOLOv5, YOLOv6 and YOLOv7 as their own repositories do.";

/**
 * The size at which Ultralytics predicts with an ONNX file of free size, whatever its metadata say.
 */
export const ultralyticsOnnxSize = 640;

const defaultStride = 32;
const defaultSize = 640;

/**
 * Recognises a YOLO network. Metadata decide where they are present; every key of them is optional,
 * and the shapes of the outputs must agree.
 *
 * @param ranAtHw [height, width] of the input with which a run gave these shapes of the outputs
 * @throws `MODEL_NOT_YOLO`, saying what was expected and what the model has
 */
export function readYoloNetwork(
  file: string,
  { inputs, outputs, metadata }: NetworkDescription,
  ranAtHw?: readonly [number, number],
): NetworkSignature {
  const refuse = (expected: string, came: string): never => {
    throw notYolo(file, { expected, came });
  };
  const literal = (key: string) => parsePythonLiteral(metadata.get(key) ?? "");

  const readPrecision = (inputType: string): Precision => {
    const stated = metadata.get(precisionKey);
    if (stated === "int8" || stated === "float16") return stated;
    const args = literal("args");
    // Older versions of Ultralytics write `half`, newer ones `quantize`.
    const statesHalf = argument(args, "half") === true || argument(args, "quantize") === 16;
    return statesHalf || inputType === "float16" ? "float16" : "float32";
  };

  const task = readTask(metadata.get("task"), outputs);
  if (task === undefined) {
    return refuse("a network for detect or segment", `one for ${metadata.get("task")}`);
  }
  const [input] = inputs;
  const inputLayout = inputLayoutOf(metadata);
  const extentOf = (axis: "channels" | "height" | "width") =>
    inputExtent(input?.shape ?? [], inputLayout, axis);
  const inputChannels = readChannels(extentOf("channels"), literal("channels"));
  if (inputs.length !== 1 || input?.shape.length !== 4 || inputChannels === undefined) {
    const came = inputs.map((info) => ({ ...info, shape: inPlanes(info.shape, inputLayout) }));
    return refuse("one input of shape (1, 3, height, width), or 1 for grey", describe(came));
  }
  const batch = input.shape[0];
  if (!isOneOf(batch, 1)) {
    const remedy = "export it again with `batch=1`, or with `dynamic=True`";
    return refuse("a batch of 1 or of any size", `${batch}: ${remedy}`);
  }
  const { elementType: inputType } = input;
  if (!isFloat(inputType) && inputType !== "uint8") {
    return refuse("an input of float32, float16 or uint8", inputType);
  }
  const [output0, output1] = outputs;
  if (output0?.shape.length !== 3 || !isOneOf(output0.shape[0], 1)) {
    return refuse("an output of shape (1, channels, anchors)", describe(outputs));
  }
  if (task === "segment" && output1?.shape.length !== 4) {
    return refuse("mask prototypes of shape (1, 32, height, width)", describe(outputs));
  }
  if (output1?.shape.length === 3) {
    return refuse("boxes and scores in one output", `${describe(outputs)}, as YOLO-NAS has them`);
  }
  if (!outputs.every(({ elementType }) => isFloat(elementType))) {
    return refuse("outputs of float32 or float16", describe(outputs));
  }

  const [height, width] = [extentOf("height"), extentOf("width")];
  const trainedSizeHw = readSize(literal("imgsz")) ?? [defaultSize, defaultSize];
  const defaultSizeHw = [
    typeof height === "number" ? height : trainedSizeHw[0],
    typeof width === "number" ? width : trainedSizeHw[1],
  ] as const;
  const isFree = typeof height === "string" && typeof width === "string";
  const fixedSizeHw = isFree ? undefined : defaultSizeHw;
  const givenStride = readStride(literal("stride"));
  if (Math.max(...defaultSizeHw, givenStride ?? 0) > maxSidePx) {
    return refuse(
      `an input and a stride of at most ${maxSidePx} px`,
      `${defaultSizeHw.join(" × ")} and ${givenStride ?? defaultStride}`,
    );
  }

  const prototypes = task === "segment" ? output1?.shape[1] : 0;
  const coefficientCount = typeof prototypes === "number" ? prototypes : 32;
  const named = readNames(literal("names"));
  const isBestClass = metadata.get(headKey) === "best-class" && named !== undefined;
  const head = isBestClass
    ? bestClassHead(named.length)
    : readHeadLayout({
        shape: output0.shape,
        inputSizeHw: ranAtHw ?? fixedSizeHw,
        coefficientCount,
        classCount: named?.length,
        isEndToEnd: readEndToEnd(literal("end2end"), argument(literal("args"), "nms")),
      });
  if ("refused" in head) return refuse("an output of detections", head.refused);

  return {
    task,
    head: head.layout,
    isCertain: head.isCertain,
    isAnchorFree: head.isAnchorFree,
    names: named ?? Array.from({ length: head.classCount }, (_, id) => `class${id}`),
    stride: givenStride ?? head.stride ?? defaultStride,
    inputName: input.name,
    inputType,
    precision: readPrecision(inputType),
    inputChannels,
    inputLayout,
    fixedSizeHw,
    defaultSizeHw,
    freeBatch: [input, ...outputs].every(({ shape }) => typeof shape[0] === "string"),
    coefficientCount,
    outputNames: outputs.map(({ name }) => name),
  };
}

/** Returns the shape of an input of a batch of pictures. */
export function inputShape(
  { inputChannels, inputLayout }: Pick<NetworkSignature, "inputChannels" | "inputLayout">,
  batch: number,
  [height, width]: readonly [number, number],
): readonly number[] {
  if (inputLayout === "pixels") return [batch, height, width, inputChannels];
  return [batch, inputChannels, height, width];
}

/** @throws `MODEL_WRONG_TASK` for a model without masks, which finds no regions */
export function requireSegmenter({
  task,
  file,
}: Pick<NetworkSignature, "task"> & { readonly file: string }): void {
  if (task === "segment") return;
  throw new OrangeryError(
    "MODEL_WRONG_TASK",
    `Expected a model that segments, to find regions with, got one to ${task} (${file}). ` +
      "Give the one that was trained to segment, whose name often ends in -seg.pt.",
    { details: { file, expected: "segment", came: task } },
  );
}

/** Creates the error for a model that is no YOLO network, or none that is run here. */
export function notYolo(
  file: string,
  { expected, came }: { readonly expected: string; readonly came: string },
): OrangeryError {
  return new OrangeryError(
    "MODEL_NOT_YOLO",
    `Expected ${expected} in \`${file}\`, got ${came}. ${families}`,
    { details: { file, expected, came } },
  );
}

/**
 * Whether Ultralytics predicts with a model at another size than its own, unless it is given one.
 */
export function differsFromUltralytics(
  { format }: { readonly format: "checkpoint" | "onnx" },
  {
    freeSize,
    imageSizeHw,
  }: { readonly freeSize: boolean; readonly imageSizeHw: readonly [number, number] },
): boolean {
  const isSame = imageSizeHw.every((extent) => extent === ultralyticsOnnxSize);
  return format === "onnx" && freeSize && !isSame;
}

function isFloat(elementType: string): elementType is "float32" | "float16" {
  return elementType === "float32" || elementType === "float16";
}

/** Undefined for pictures that photos are not. */
function readChannels(
  extent: number | string | undefined,
  channels: PythonLiteral | undefined,
): NetworkSignature["inputChannels"] | undefined {
  const count = typeof extent === "string" ? (channels ?? 3) : extent;
  return count === 3 || count === 1 ? count : undefined;
}

function readTask(task: string | undefined, outputs: readonly TensorInfo[]): YoloTask | undefined {
  if (task === "detect" || task === "segment") return task;
  if (task !== undefined) return undefined;
  return outputs.length > 1 && outputs[1]?.shape.length === 4 ? "segment" : "detect";
}

/** Undefined where the metadata say nothing of it. */
function readEndToEnd(
  endToEnd: PythonLiteral | undefined,
  nms: PythonLiteral | undefined,
): boolean | undefined {
  if (endToEnd === true || nms === true) return true;
  return endToEnd === false || nms === false ? false : undefined;
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

function readStride(value: PythonLiteral | undefined): number | undefined {
  const stride = Array.isArray(value) ? Math.max(...value.map(Number)) : value;
  const isStride = typeof stride === "number" && Number.isInteger(stride) && stride > 0;
  return isStride ? stride : undefined;
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

/** An input's extents as ONNX files have them: (batch, channels, height, width). */
function inPlanes(shape: TensorInfo["shape"], layout: InputLayout): TensorInfo["shape"] {
  if (layout === "planes" || shape.length !== 4) return shape;
  return inputAxes.planes.map((axis) => inputExtent(shape, layout, axis)!);
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
