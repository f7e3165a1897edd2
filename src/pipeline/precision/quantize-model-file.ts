import { open, rm, stat, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { checkOptions, oneOf, refuseUnknown } from "../../base/check-options.ts";
import { guardWriting } from "../../base/files/disk-full.ts";
import { beginsAsOnnx, describeFile, readFileStart } from "../../base/files/file-kind.ts";
import { findTarget, type TargetFile } from "../../base/files/target-file.ts";
import { partOf, writeWhole } from "../../base/files/whole-file.ts";
import { formatPlural } from "../../base/quantities.ts";
import { OrangeryError } from "../../errors.ts";
import { precisionKey } from "../../graph/yolo/device-network.ts";
import { buildNetwork } from "../../models/files/built-network.ts";
import { identifyModelFile, requireUnchanged } from "../../models/files/model-file.ts";
import { proofKey } from "../../models/yolo/network-signature.ts";
import type { SlicingOptions } from "../count/slicing.ts";
import { LeftOut, type LeftOutCounts } from "../photos/left-out.ts";
import { PhotoFilter, type PhotoFilterOptions } from "../photos/photo-filter.ts";
import { PhotoReader, type PhotoReaderOptions } from "../photos/photo-reader.ts";
import type { CountOptions, RecipePredictOptions } from "../recipe/count-recipe.ts";
import { type Float16TrialOptions, tryFloat16 } from "./float16-trial.ts";
import { type Int8TrialOptions, requireInt8Device, tryInt8 } from "./int8-trial.ts";
import { firstNames } from "./photo-sample.ts";
import { type PrecisionLimits, type PrecisionProof, whyRefused } from "./precision-proof.ts";
import { withoutTrialOptions } from "./precision-trial.ts";

export interface QuantizeModelOptions
  extends Pick<
      Int8TrialOptions,
      | "samples"
      | "checks"
      | "maxPixels"
      | "pixelsInMemory"
      | "onProgress"
      | "onUnused"
      | "logger"
      | "signal"
    >,
    PrecisionLimits,
    PhotoFilterOptions,
    Pick<PhotoReaderOptions, "allowPrivateAddresses"> {
  /** What the model is to compute in. Default `int8`. */
  readonly precision?: PrecisionProof["precision"] | undefined;
  /**
   * Where it is checked, as `ModelCache` takes it. Default `auto`, which is the CPU for int8; int8
   * is for no other but OpenVINO's.
   */
  readonly device?: string | undefined;
  /** Photos, folders and places; 20 photos or more, like those that are to be counted. */
  readonly photos: readonly string[];
  /** More of them, one by one. */
  readonly list?: AsyncIterable<string> | Iterable<string> | undefined;
  /** Called for each folder or file that cannot be looked at. */
  readonly onUnreadable?: ((path: string, error: unknown) => void) | undefined;
  /** How the model is asked. */
  readonly predict?: RecipePredictOptions | undefined;
  /** Photos are counted in slices. Default: whole. */
  readonly slicing?: SlicingOptions | undefined;
  /** Which samples of a photo are its colours. */
  readonly colours?: CountOptions["samples"];
  /** Write the file also where it does not count as float32 does. Default false. */
  readonly force?: boolean | undefined;
}

/** The file that was written. */
export interface QuantizedModelFile {
  readonly path: string;
  readonly bytes: number;
  /** Of the input; a text is an extent that is free. */
  readonly inputShape: readonly (number | string)[];
  readonly proof: PrecisionProof;
  /** Why it would not have been written but for `force`. */
  readonly refused: string | undefined;
  /** What folders had besides photos. */
  readonly leftOut: LeftOutCounts;
}

/**
 * Writes a float32 model as an ONNX model that computes in int8 or float16, checked on the photos;
 * int8 is calibrated on some and checked on others. Where it does not count as the float32 model
 * does, nothing is written. The file has the metadata that Ultralytics writes, and the proof. It
 * appears whole or not at all.
 *
 * @throws `PRECISION_REFUSED` with the proof as its details, `MODEL_NOT_FOUND`,
 *   `MODEL_NOT_QUANTIZABLE`, `INVALID_ARGUMENT` for a place that is no ONNX model
 *   to replace, `NOT_WRITABLE`, `NO_SPACE`, and what `readYoloCheckpoint` throws
 */
export async function quantizeModelFile(
  modelFile: string,
  onnxFile: string,
  options: QuantizeModelOptions,
): Promise<QuantizedModelFile> {
  const { precision = "int8", photos, list, exclude, include, predict, ...others } = options;
  const { slicing, colours, force = false, allowPrivateAddresses, onUnreadable, ...asked } = others;
  const { samples, device, ...trialOptions } = asked;
  const { signal } = trialOptions;
  refuseUnknown("QuantizeModelOptions", options, withoutTrialOptions(trialOptions));
  checkOptions({ precision }, oneOf("int8", "float16"));
  if (precision === "int8") requireInt8Device(device);
  const leftOut = new LeftOut();
  const find = { filter: new PhotoFilter(options), leftOut, onUnreadable, signal };
  const file = await identifyModelFile(modelFile);
  const target = await findTarget(onnxFile);
  await refuseOtherFiles(file.path, target);
  // Known before minutes of calibrating, not after them.
  await guardWriting(target.path, () => tryPlace(target.path));
  using reader = new PhotoReader({ allowPrivateAddresses, remembersNames: true });
  const listAll = async function* () {
    yield* reader.list(photos, find);
    if (list !== undefined) yield* reader.listEach(list, find);
  };
  const trial = {
    ...trialOptions,
    device,
    count: { detect: { file: file.path, options: predict }, slicing, samples: colours },
    photos: await firstNames(listAll()),
    read: async (name: string) => (await reader.read(name, { signal })).bytes,
  };
  const { proof, change } = await (precision === "int8"
    ? int8({ ...trial, samples })
    : float16(trial));
  const refused = whyRefused(proof, options);
  if (refused !== undefined && !force) throw refusedBy(proof, refused);
  const { bytes, inputShape } = await buildNetwork(file, {
    imageSize: "dynamic",
    batch: "dynamic",
    change: {
      ...change,
      input: "floats",
      metadata: { [precisionKey]: precision, [proofKey]: JSON.stringify(withoutPlaces(proof)) },
    },
    signal,
  });
  await requireUnchanged(file);
  signal?.throwIfAborted();
  await guardWriting(target.path, () => writeWhole(target.path, bytes));
  return {
    path: onnxFile,
    bytes: bytes.length,
    inputShape,
    proof,
    refused,
    leftOut: leftOut.counts,
  };
}

async function int8(trial: Int8TrialOptions) {
  const { proof, calibrations } = await tryInt8(trial);
  return { proof, change: { kind: "quantized", calibration: calibrations.detect } } as const;
}

async function float16(trial: Float16TrialOptions) {
  return { proof: await tryFloat16(trial), change: { kind: "halved" } } as const;
}

/** Makes sure that a file can be made beside its place, by making one. */
async function tryPlace(path: string): Promise<void> {
  const part = partOf(path);
  await writeFile(part, "", { flag: "wx" });
  await rm(part, { force: true });
}

/** Leaves out the folders of photos: a model file is given to others. */
function withoutPlaces(proof: PrecisionProof): PrecisionProof {
  return { ...proof, worst: { ...proof.worst, photo: basename(proof.worst.photo) } };
}

/** Refuses to write over anything but an ONNX model: a photo, a checkpoint, the model itself. */
async function refuseOtherFiles(modelPath: string, { path, stats }: TargetFile): Promise<void> {
  if (stats === undefined || stats.size === 0) return;
  const { dev, ino } = await stat(modelPath);
  if (stats.dev === dev && stats.ino === ino) throw notAPlace(path, "the model itself");
  await using file = await open(path);
  const start = await readFileStart(file);
  if (!beginsAsOnnx(start)) throw notAPlace(path, describeFile(start, stats.size));
}

function notAPlace(path: string, came: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a new file to write, or an ONNX model to replace, but \`${path}\` is ${came}. ` +
      "Name another file.",
    { details: { path } },
  );
}

function refusedBy(proof: PrecisionProof, refused: string): OrangeryError {
  const { precision, objects, checkedOn } = proof;
  const photos = precision === "int8" ? "calibrate on more photos" : "check on more photos";
  return new OrangeryError(
    "PRECISION_REFUSED",
    `Expected ${precision} to count as float32 does on ${formatPlural(checkedOn, "photo")}, ` +
      `got ${objects.tried} objects ` +
      `against ${objects.float32}: ${refused}. Stay with float32, or ${photos} ` +
      "that are like those to be counted.",
    { details: { ...proof } },
  );
}
