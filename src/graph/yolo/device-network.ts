import { keepBestClass } from "../best-class.ts";
import { takeBytes, takePixels } from "../byte-input.ts";
import type { OnnxModel } from "../onnx-nodes.ts";

/** The key of the metadata that name a head which Ultralytics' own keys do not know. */
export const headKey = "orangery.head";

/** The key of the metadata that say what a network of float32 was made to compute in. */
export const precisionKey = "orangery.precision";

/** With fewer classes, the best one takes as much space as all. */
const leastClasses = 3;

/**
 * Moves pre- and postprocessing to a GPU: it gets a photo's bytes, a quarter of float32's size, and
 * returns only the best score of each anchor. Otherwise, copies take 14 ms of the 35 of a batch of
 * 16 (YOLO11m, 640 × 640, H200), and the thread that prepares the slices is busy for 8 ms a slice
 * rather than 1.
 *
 * @param model of float32 or float16, as `createYoloModel` makes it
 */
export function moveToDevice(model: OnnxModel): OnnxModel {
  return moveClasses(movePixels(model));
}

function movePixels(model: OnnxModel): OnnxModel {
  const [input] = model.graph.inputs;
  const withBytes = input?.elementType === "float32" ? takeBytes(model) : model;
  return input?.dims[1] === 3 ? takePixels(withBytes) : withBytes;
}

function moveClasses(model: OnnxModel): OnnxModel {
  const [output, prototypes] = model.graph.outputs;
  const [, channels] = output!.dims;
  const coefficients = prototypes?.dims[1] ?? 0;
  if (typeof channels !== "number" || typeof coefficients !== "number") return model;
  const classCount = channels - 4 - coefficients;
  if (model.metadata.get("end2end") === "True" || classCount < leastClasses) return model;
  const best = keepBestClass(model, classCount);
  return { ...best, metadata: new Map([...best.metadata, [headKey, "best-class"]]) };
}
