import type { OnnxModel } from "../onnx-nodes.ts";
import { createYoloModel } from "./create-yolo-model.ts";
import { randomYolo } from "./random-yolo.fixture.ts";
import type { YoloScale } from "./yolo-families.fixture.ts";

export type Yolo11Task = "detect" | "segment";

/**
 * A YOLO11 with random weights, as an ONNX model. The same options give the same bytes.
 *
 * @param options - `imageSize` in pixels, a square's side or height and width, in multiples of 32;
 * `classCount` classes are called "class0" and so on.
 */
export function buildYolo11(options: {
  readonly scale: YoloScale;
  readonly task: Yolo11Task;
  readonly classCount?: number;
  readonly imageSize?: number | readonly [heightPx: number, widthPx: number];
  readonly seed?: number;
  readonly narrow?: boolean;
}): OnnxModel {
  const { scale, task, classCount = 80, imageSize = 640, seed = 0, narrow } = options;
  const suffix = task === "segment" ? "-seg" : "";
  return createYoloModel({
    network: randomYolo({ family: "11", scale, task, classCount, seed, narrow }),
    imageSize,
    names: Array.from({ length: classCount }, (_, i) => `class${i}`),
    description: `YOLO11${scale}${suffix} with random weights, seed ${seed}`,
  });
}
