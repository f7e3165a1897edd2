import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { describeFile, readFileStart } from "../../base/files/file-kind.ts";
import { checkpointFormOf } from "../../checkpoint/checkpoint-form.ts";
import { OrangeryError } from "../../errors.ts";
import { hashFile } from "./file-hash.ts";
import { sampleModelFile } from "./sample-model.ts";

/** A model file as it is on disk now. */
export interface ModelFile {
  /** Absolute path. */
  readonly path: string;
  readonly bytes: number;
  /** Identity of the contents, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Turns a model's name into a path: `sample:seedlings` and `sample:beds` are the models that come
 * with Orangery, everything else is a path already.
 */
export async function resolveModelFile(nameOrPath: string): Promise<string> {
  return nameOrPath.startsWith("sample:")
    ? await sampleModelFile(nameOrPath.slice("sample:".length))
    : resolve(nameOrPath);
}

/**
 * Identifies a model file by its contents. Asking again is as cheap as one `stat`.
 *
 * @throws `MODEL_NOT_FOUND`
 */
export async function identifyModelFile(nameOrPath: string): Promise<ModelFile> {
  const path = await resolveModelFile(nameOrPath);
  try {
    return { path, ...(await hashFile(path)) };
  } catch (cause) {
    throw modelNotFound(path, cause);
  }
}

function modelNotFound(path: string, cause: unknown): OrangeryError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected a model file at \`${path}\`, but it cannot be read (${why}). Give the path of a YOLO ` +
      "checkpoint (.pt) or of an ONNX model, or sample:seedlings or sample:beds.",
    { cause, details: { path } },
  );
}

/** What a file that is no model seems to be, from its first bytes. */
export async function describeModelFile({ path, bytes }: ModelFile): Promise<string> {
  return describeFile(await readStart(path), bytes);
}

/** Whether a file is a checkpoint, which no ONNX model is; one of a form that is not read, too. */
export async function isCheckpoint(path: string): Promise<boolean> {
  try {
    return checkpointFormOf(await readStart(path)) !== undefined;
  } catch {
    // What is wrong comes out when it is loaded.
    return false;
  }
}

async function readStart(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  return await readFileStart(file);
}

/** The error for a file that is neither a checkpoint nor an ONNX model. */
export function notAModel({ path }: ModelFile, came: string, cause: unknown): OrangeryError {
  return new OrangeryError(
    "MODEL_NOT_ONNX",
    `Expected a YOLO checkpoint (.pt) or an ONNX model at \`${path}\`, got ${came}. Give the .pt that was trained, or export it to ONNX, as \`yolo export format=onnx\` does.`,
    { cause, details: { path } },
  );
}
