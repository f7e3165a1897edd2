import { stat } from "node:fs/promises";
import { guardWriting } from "../../base/files/disk-full.ts";
import { findTarget, type TargetFile } from "../../base/files/target-file.ts";
import { writeWhole } from "../../base/files/whole-file.ts";
import { OrangeryError } from "../../errors.ts";
import { buildNetwork } from "./built-network.ts";
import type { CheckpointModelOptions } from "./checkpoint-model.ts";
import { describeModelFile, identifyModelFile, type ModelFile } from "./model-file.ts";

export interface ExportModelOptions {
  /** Pixels of a square, [height, width], or free. Default: the square that it was trained on. */
  readonly imageSize?: CheckpointModelOptions["imageSize"];
  /** Makes weights float16; input and outputs stay float32. Default false. */
  readonly half?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The file that was written. */
export interface ExportedModel {
  readonly path: string;
  readonly bytes: number;
  /** Of the input; a text is an extent that is free. */
  readonly inputShape: readonly (number | string)[];
  readonly elementType: "float32" | "float16";
}

/**
 * Writes a checkpoint as an ONNX model with the metadata that Ultralytics writes. The file appears
 * whole or not at all, in a folder that is made if need be; a file that is there is replaced.
 *
 * @throws `MODEL_NOT_FOUND`, `INVALID_ARGUMENT` for a file that is no checkpoint, a size
 *   that the network cannot have, or a place that is no file, `NOT_WRITABLE`, `NO_SPACE`, and what
 *   `readYoloCheckpoint` throws
 */
export async function exportModel(
  checkpointFile: string,
  onnxFile: string,
  { imageSize, half = false, signal }: ExportModelOptions = {},
): Promise<ExportedModel> {
  const file = await identifyModelFile(checkpointFile);
  const target = await findTarget(onnxFile);
  await refuseSameFile(file, target);
  if (file.format !== "checkpoint") throw await notACheckpoint(file);
  const batch = imageSize === "dynamic" ? "dynamic" : 1;
  const { bytes, inputShape } = await buildNetwork(file, {
    imageSize,
    batch,
    half,
    signal,
  });
  signal?.throwIfAborted();
  await guardWriting(target.path, () => writeWhole(target.path, bytes));
  return {
    path: onnxFile,
    bytes: bytes.length,
    inputShape,
    elementType: half ? "float16" : "float32",
  };
}

async function refuseSameFile({ path }: ModelFile, target: TargetFile): Promise<void> {
  const { dev, ino } = await stat(path);
  if (target.stats?.dev !== dev || target.stats.ino !== ino) return;
  throw invalid(`Expected another file to write than the model itself, got \`${target.path}\`.`, {
    path: target.path,
  });
}

async function notACheckpoint(file: ModelFile): Promise<OrangeryError> {
  const { path } = file;
  return invalid(
    `Expected a checkpoint (.pt) to export at \`${path}\`, got ${await describeModelFile(file)}. ` +
      "Give the .pt that was trained; an ONNX model needs no export.",
    { path },
  );
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", message, { details });
}
