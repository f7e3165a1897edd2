import { stat } from "node:fs/promises";
import { readYoloCheckpoint } from "../checkpoint/yolo-checkpoint.ts";
import { OrangeryError } from "../errors.ts";
import { serializeModel } from "../graph/model-writer.ts";
import { writeWhole } from "./cache-folder.ts";
import { type CheckpointModelOptions, toOnnxModel } from "./checkpoint-model.ts";
import { identifyModelFile } from "./model-file.ts";
import { isCheckpoint } from "./model-source.ts";

export interface ExportOptions {
  /** Pixels of a square, [height, width], or free. Default: the square that it was trained on. */
  readonly imageSize?: CheckpointModelOptions["imageSize"];
  /** Whether weights, input and outputs are float16. Default false. */
  readonly half?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What was written. */
export interface ExportedModel {
  readonly path: string;
  readonly bytes: number;
  /** Of the input; a text is an extent that is free. */
  readonly inputShape: readonly (number | string)[];
  readonly elementType: "float32" | "float16";
}

/**
 * Writes a checkpoint as an ONNX model with the metadata that Ultralytics writes. The file appears
 * whole or not at all; one that is there is replaced.
 *
 * @throws OrangeryError `MODEL_NOT_FOUND`, `INVALID_ARGUMENT` for a file that is no checkpoint, a size
 *   that the network cannot have, or a place that cannot be written, `NO_SPACE`, and what
 *   `readYoloCheckpoint` throws
 */
export async function exportModel(
  checkpointFile: string,
  onnxFile: string,
  { imageSize, half = false, signal }: ExportOptions = {},
): Promise<ExportedModel> {
  const { path } = await identifyModelFile(checkpointFile);
  await refuseSameFile(path, onnxFile);
  if (!(await isCheckpoint(path))) {
    throw invalid(
      `Expected a checkpoint (.pt) to export, got \`${path}\`, which is none. What is an ONNX model needs no export.`,
      { path },
    );
  }
  const checkpoint = await readYoloCheckpoint(path, { signal });
  const batch = imageSize === "dynamic" ? "dynamic" : 1;
  const model = toOnnxModel(checkpoint, { imageSize, batch, half });
  const bytes = serializeModel(model);
  signal?.throwIfAborted();
  await write(onnxFile, bytes);
  return {
    path: onnxFile,
    bytes: bytes.length,
    inputShape: model.graph.inputs[0]!.dims,
    elementType: half ? "float16" : "float32",
  };
}

async function refuseSameFile(model: string, target: string): Promise<void> {
  const there = await stat(target).catch(() => undefined);
  if (there === undefined) return;
  if (there.isDirectory()) {
    throw invalid(`Expected a file to write, got the folder \`${target}\`.`, { path: target });
  }
  const { dev, ino } = await stat(model);
  if (there.dev !== dev || there.ino !== ino) return;
  throw invalid(`Expected another file to write than the model itself, got \`${target}\`.`, {
    path: target,
  });
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeWhole(path, bytes);
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    // EFBIG is a limit on the size of files, as `ulimit -f` sets.
    const isFull = ["ENOSPC", "EDQUOT", "EFBIG"].includes(reason);
    throw new OrangeryError(
      isFull ? "NO_SPACE" : "INVALID_ARGUMENT",
      `Expected to write ${bytes.length} bytes to \`${path}\`, got ${reason}. ${isFull ? "Free some space, or write elsewhere." : "Check the folder and its rights."}`,
      { cause, details: { path, reason } },
    );
  }
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", message, { details });
}
