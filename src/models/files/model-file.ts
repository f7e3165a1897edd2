import { hash } from "node:crypto";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { beginsAsOnnx, describeFile, readFileStart } from "../../base/files/file-kind.ts";
import { programFile } from "../../base/files/program-file.ts";
import { checkpointFormOf } from "../../checkpoint/checkpoint-form.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { type Calibration, calibrationHash } from "../../graph/quantize/calibration.ts";
import { hashFile } from "./file-hash.ts";
import { leastOnnxBytes } from "./onnx-extent.ts";
import { weightFilesOf } from "./weight-files.ts";

/** The models that come with Orangery, by the name after `sample:`; scripts/build-samples.ts. */
const sampleNames = ["seedlings", "beds"];

/** What a network is made to compute in. With neither it stays as it is; both are refused. */
export interface ReducedPrecision {
  /** It is run in int8, with these ranges. */
  readonly calibration?: Calibration | undefined;
  /** It is run in float16. */
  readonly precision?: "float16" | undefined;
}

/** A model file as it is on disk now. */
export interface ModelFile extends ReducedPrecision {
  /** Absolute path. */
  readonly path: string;
  /** `onnx` is every file that is no checkpoint; whether it is a model shows when it is loaded. */
  readonly format: "checkpoint" | "onnx";
  readonly bytes: number;
  /** Identity of the contents, and of those of files beside it with weights, in hexadecimal. */
  readonly sha256: string;
}

/** Files with weights beside models, by the path and the contents of the model. */
const weightFiles = new Map<string, readonly string[]>();
/** More are forgotten, the oldest first, and looked for again. */
const mostWeightFiles = 1000;

/** Identifies what a model file's network computes, by the contents of all that decides it. */
export function networkIdentity({
  sha256,
  calibration,
  precision,
}: Pick<ModelFile, "sha256" | keyof ReducedPrecision>): string {
  if (precision !== undefined) return `${sha256} ${precision}`;
  return calibration === undefined ? sha256 : `${sha256} int8 ${calibrationHash(calibration)}`;
}

/** Returns what a network is made to compute in; undefined where it stays as it is. */
export function reducedPrecision({
  calibration,
  precision,
}: ReducedPrecision): "float16" | "int8" | undefined {
  return calibration === undefined ? precision : "int8";
}

/**
 * Identifies a model file by its contents. Asking again is cheap: one `stat` and the first bytes.
 *
 * @param nameOrPath A path, or `sample:seedlings` or `sample:beds`, which come with Orangery.
 * @throws `MODEL_NOT_FOUND`
 */
export async function identifyModelFile(nameOrPath: string): Promise<ModelFile> {
  const path = resolveModelFile(nameOrPath);
  try {
    const contents = await hashFile(path);
    if (checkpointFormOf(await readStart(path)) !== undefined) {
      return { path, format: "checkpoint", ...contents };
    }
    return { path, format: "onnx", ...contents, sha256: await withWeights(path, contents.sha256) };
  } catch (cause) {
    if (isOrangeryError(cause)) throw cause;
    throw modelNotFound(path, cause);
  }
}

/** The same graph with other weights beside it is another model. */
async function withWeights(path: string, sha256: string): Promise<string> {
  const key = `${sha256} ${path}`;
  const files = weightFiles.get(key) ?? (await weightFilesOf(path));
  weightFiles.set(key, files);
  if (weightFiles.size > mostWeightFiles) weightFiles.delete(weightFiles.keys().next().value!);
  if (files.length === 0) return sha256;
  const hashes = await Promise.all(files.map((file) => hashWeights(file, path)));
  return hash("sha256", [sha256, ...hashes].join(" "));
}

async function hashWeights(file: string, model: string): Promise<string> {
  try {
    return (await hashFile(file)).sha256;
  } catch (cause) {
    throw new OrangeryError(
      "MODEL_NOT_FOUND",
      `Expected weights of \`${model}\` in \`${file}\`, but it cannot be read ` +
        `(${reasonOf(cause)}). Put the file that was written with the model beside it again.`,
      { cause, details: { path: model, weights: file } },
    );
  }
}

/** Turns the name of a sample model into its path; everything else is a path already. */
function resolveModelFile(nameOrPath: string): string {
  const name = /^sample:(.*)$/.exec(nameOrPath)?.[1];
  if (name === undefined) return resolve(nameOrPath);
  if (sampleNames.includes(name)) return fileURLToPath(programFile(`models/samples/${name}.onnx`));
  throw new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected a sample model of ${sampleNames.join(", ")}, got \`${name}\`.`,
    { details: { name } },
  );
}

/**
 * Makes sure that a file is still the one that was identified: a model that was read from it
 * meanwhile would be recorded under another's hash.
 *
 * @throws `MODEL_LOAD_FAILED`
 */
export async function requireUnchanged({ path, sha256 }: ModelFile): Promise<void> {
  const now = await identifyModelFile(path);
  if (now.sha256 === sha256) return;
  throw new OrangeryError(
    "MODEL_LOAD_FAILED",
    `Expected \`${path}\` to stay as it was while it was loaded, but it has changed. ` +
      "Load it again.",
    { details: { path, changed: true } },
  );
}

/** Whether a load failed because the file was replaced meanwhile, so that trying again helps. */
export function hasFileChanged(error: unknown): boolean {
  return isOrangeryError(error, "MODEL_LOAD_FAILED") && error.details.changed === true;
}

/** Describes what a file that is no model seems to be. */
export async function describeModelFile({ path, bytes }: ModelFile): Promise<string> {
  await using file = await open(path);
  const start = await readFileStart(file);
  const least = beginsAsOnnx(start) ? await leastOnnxBytes(file, bytes) : undefined;
  if (least !== undefined && least > bytes) {
    return (
      `an ONNX model that is cut off (it has ${bytes} of at least ${least} bytes: ` +
      "copy or download it again)"
    );
  }
  return describeFile(start, bytes);
}

/** Creates the error for a file that is neither a checkpoint nor an ONNX model. */
export function notAModel({ path }: ModelFile, came: string, cause: unknown): OrangeryError {
  return new OrangeryError(
    "MODEL_NOT_ONNX",
    `Expected a YOLO checkpoint (.pt) or an ONNX model at \`${path}\`, got ${came}. ` +
      "Give the .pt that was trained, or export it to ONNX, as `yolo export format=onnx` does.",
    { cause, details: { path } },
  );
}

function modelNotFound(path: string, cause: unknown): OrangeryError {
  return new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected a model file at \`${path}\`, but it cannot be read (${reasonOf(cause)}). ` +
      "Give the path of a YOLO checkpoint (.pt) or of an ONNX model, or sample:seedlings or " +
      "sample:beds.",
    { cause, details: { path } },
  );
}

function reasonOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
}

async function readStart(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  return await readFileStart(file);
}
