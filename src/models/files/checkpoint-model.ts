import { readYoloCheckpoint, type YoloCheckpoint } from "../../checkpoint/yolo/yolo-checkpoint.ts";
import type { OnnxModel } from "../../graph/onnx-nodes.ts";
import { createYoloModel, type YoloModelOptions } from "../../graph/yolo/create-yolo-model.ts";

export interface CheckpointModelOptions extends Pick<YoloModelOptions, "batch" | "half"> {
  /** Default: the square that the network was trained on. */
  readonly imageSize?: YoloModelOptions["imageSize"] | undefined;
}

/** Builds the ONNX model of a checkpoint. @throws what `readYoloCheckpoint` throws */
export async function buildCheckpointModel(
  path: string,
  options: CheckpointModelOptions,
): Promise<OnnxModel> {
  return toOnnxModel(await readYoloCheckpoint(path), options);
}

export function toOnnxModel(
  { network, names, imageSizeHw, description, metadata }: YoloCheckpoint,
  { imageSize = imageSizeHw, ...options }: CheckpointModelOptions,
): OnnxModel {
  return createYoloModel({
    network,
    imageSize,
    usualSizeHw: imageSizeHw,
    ...options,
    names,
    description,
    origin: metadata,
  });
}
