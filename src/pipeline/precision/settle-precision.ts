import { isDeepStrictEqual } from "node:util";
import { checkOptions, oneOf } from "../../base/check-options.ts";
import { formatPlural } from "../../base/quantities.ts";
import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Recipe } from "../../ledger/recipe.ts";
import { parseDevice, takesInt8 } from "../../models/devices/device.ts";
import { mayHaveGpu } from "../../models/devices/device-survey.ts";
import { reducedPrecision } from "../../models/files/model-file.ts";
import { type CountOptions, type CountRecipe, recipeOf } from "../recipe/count-recipe.ts";
import { tryFloat16 } from "./float16-trial.ts";
import { type Int8TrialOptions, requireInt8Device, tryInt8 } from "./int8-trial.ts";
import { type PrecisionProof, percent, speedUp, whyRefused } from "./precision-proof.ts";
import type { ReducedModels } from "./precision-trial.ts";

/**
 * What networks are to compute in: `auto` is int8 on a CPU and by OpenVINO, and float16 on another
 * device, where it counts as float32 does, and faster.
 */
export type WantedPrecision = "float32" | "float16" | "int8" | "auto";

/** The reason where nothing had to be found out. */
export const asAskedFor = "as asked for";

export interface SettleOptions extends Omit<Int8TrialOptions, "count" | "photos"> {
  readonly precision: WantedPrecision;
  readonly made: Pick<CountRecipe, "sha256"> & { readonly count: CountOptions };
  /** Where models are to run. Default `auto`. */
  readonly device?: string | undefined;
  /**
   * Reads the recipes that results exist of, the oldest first: their precision and ranges are taken
   * over. Called once more after a trial, since another run may have settled it meanwhile.
   */
  readonly readKnown: () => Promise<readonly Pick<Recipe, "json">[]>;
  /** Lists photos to calibrate and check on. Called only where no known recipe settles it. */
  readonly listPhotos: () => Promise<readonly string[]>;
}

/** The precision that was settled on. */
export interface SettledPrecision {
  readonly precision: "float32" | "float16" | "int8";
  /** Why, in one sentence without its end. */
  readonly reason: string;
  /** Where another one than float32 was tried. */
  readonly proof?: PrecisionProof | undefined;
  /** What was asked for, with what its models compute in. */
  readonly count: CountOptions;
}

/**
 * Settles a recipe's precision. Existing results decide it, so that a resumed run computes as
 * before; otherwise int8 or float16 is tried on the photos themselves.
 *
 * @throws `PRECISION_REFUSED` where a precision was asked for and does not count as float32 does,
 *   `INVALID_ARGUMENT` where int8 was asked for on a GPU, and what `tryInt8` and `tryFloat16` throw
 */
export async function settlePrecision(options: SettleOptions): Promise<SettledPrecision> {
  const { precision, made, device = "auto" } = options;
  const { count } = made;
  checkOptions({ precision }, oneOf("float32", "float16", "int8", "auto"));
  const given = reducedPrecision(count.detect);
  if (precision === "float32" || given !== undefined) {
    return { precision: given ?? "float32", reason: asAskedFor, count };
  }
  const isForInt8 = device !== "auto" && takesInt8(parseDevice(device));
  if (precision === "int8") requireInt8Device(device);
  const isForGpu = !isForInt8 && (device !== "auto" || mayHaveGpu());
  const onDevice = isForGpu ? "float16" : "int8";
  const tried = precision === "auto" ? onDevice : precision;
  return await settleBetween(tried, options);
}

/** Settles between float32, where that may be, and another precision. */
async function settleBetween(
  tried: PrecisionProof["precision"],
  options: SettleOptions,
): Promise<SettledPrecision> {
  const known = await findKnown(tried, options);
  if (known !== undefined) return known;
  const settled = await settleByTrial(tried, options);
  return (await findKnown(tried, options)) ?? settled;
}

async function settleByTrial(
  tried: PrecisionProof["precision"],
  options: SettleOptions,
): Promise<SettledPrecision> {
  const { precision, made, listPhotos } = options;
  const { count } = made;
  const isAuto = precision === "auto";
  const photos = await listPhotos();
  const float32 = (reason: string, proof?: PrecisionProof): SettledPrecision => ({
    precision: "float32",
    reason,
    proof,
    count,
  });
  if (isAuto && photos.length < fewestPhotos) {
    return float32(`${tried} is tried on ${fewestPhotos} photos or more, not on ${photos.length}`);
  }
  const trial = await tryOn(tried, options, photos).catch((error: unknown) => {
    if (!isAuto || !isOrangeryError(error)) throw error;
    const isOnCpu = error.code === "DEVICE_UNAVAILABLE";
    // There seemed to be a GPU.
    if (isOnCpu) return "cpu" as const;
    const why = noTrial[error.code];
    if (why === undefined) throw error;
    return float32(why.replace("…", tried));
  });
  if (trial === "cpu") return await settleBetween("int8", { ...options, device: "cpu" });
  if ("reason" in trial) return trial;
  const { proof, models } = trial;
  const refused = whyRefused(proof);
  const others = tried === "int8" ? " that int8 was not calibrated on" : "";
  const found = `on ${formatPlural(proof.checkedOn, "photo")}${others}`;
  if (refused !== undefined) {
    if (isAuto) return float32(`${found}, ${refused}`, proof);
    throw new OrangeryError(
      "PRECISION_REFUSED",
      `Expected ${tried} to count as float32 does, but ${found}, ${refused}. ` +
        `Use float32, or give more photos${tried === "int8" ? " to calibrate on" : ""}.`,
      { details: { ...proof } },
    );
  }
  const { objects, matchedShare } = proof;
  const times = speedUp(proof);
  if (isAuto && times < leastSpeedUp) {
    return float32(`${tried} is ${times.toFixed(2)} times as fast here, which does not pay`, proof);
  }
  const reason =
    `${found}, ${objects.tried} objects against ${objects.float32}, ` +
    `${percent(matchedShare)} matched, ${times.toFixed(1)} times as fast`;
  return { precision: tried, reason, proof, count: withModels(count, models) };
}

async function tryOn(
  tried: PrecisionProof["precision"],
  options: SettleOptions,
  photos: readonly string[],
): Promise<{ readonly proof: PrecisionProof; readonly models: ReducedModels }> {
  const { precision, made, readKnown, listPhotos, device, samples, ...others } = options;
  const { count } = made;
  const isAuto = precision === "auto";
  const rest = { ...others, ...(isAuto && { leastPhotos: fewestPhotos }) };
  if (tried === "int8") {
    const { proof, calibrations } = await tryInt8({ ...rest, samples, device, count, photos });
    const { detect, segment } = calibrations;
    const models = { detect: { calibration: detect }, segment: { calibration: segment } };
    return { proof, models };
  }
  const how = { device, refusesCpu: isAuto };
  const proof = await tryFloat16({ ...rest, ...how, count, photos });
  return { proof, models: { detect: inFloat16, segment: inFloat16 } };
}

const inFloat16 = { precision: "float16" } as const;

/** Why there is nothing to be tried, by the code of the error. */
const noTrial: Partial<Record<ErrorCode, string>> = {
  MODEL_NOT_QUANTIZABLE: "a model is not one that … can be made of, or is in fewer bits already",
  // Weights in files beside it, operators of other domains. A damaged file fails when it is loaded.
  MODEL_NOT_ONNX: "parts of a model's file are read by ONNX Runtime only, not for …",
  PRECISION_REFUSED: "too few different photos can be read to try …, or have a region",
};

/** Fewer photos give no result that can be trusted without review. */
const fewestPhotos = 12;

/** With less, the noise of a machine decides. */
const leastSpeedUp = 1.05;

/** Finds the last recipe that asks for the same but for its precision, float32 or the tried one. */
async function findKnown(
  tried: PrecisionProof["precision"],
  { precision, made: { count, sha256 }, readKnown }: SettleOptions,
): Promise<SettledPrecision | undefined> {
  const reason = "as in the results that exist";
  const wanted = withoutPrecision(recipeOf(count, sha256).recipe.json);
  for (const { json } of (await readKnown()).toReversed()) {
    const { contents, models } = withoutPrecision(json);
    if (!isDeepStrictEqual(contents, wanted.contents)) continue;
    const known = models && reducedPrecision(models.detect);
    if (models !== undefined && known === tried) {
      return { precision: tried, reason, count: withModels(count, models) };
    }
    if (known === undefined && precision === "auto") return { precision: "float32", reason, count };
  }
  return undefined;
}

/** Takes what a recipe's models compute in out of its contents. */
function withoutPrecision(json: string): {
  readonly contents: unknown;
  readonly models: ReducedModels | undefined;
} {
  const contents = JSON.parse(json) as Record<
    "detect" | "segment",
    Partial<CountOptions["detect"]>
  >;
  const take = (role: "detect" | "segment") => {
    const { calibration, precision, ...rest } = contents[role] ?? {};
    if (contents[role] !== undefined) contents[role] = rest;
    return { calibration, precision };
  };
  const models = { detect: take("detect"), segment: take("segment") };
  const isReduced = reducedPrecision(models.detect) !== undefined;
  return { contents, models: isReduced ? models : undefined };
}

/** What was asked for, to be run in another precision. */
function withModels(count: CountOptions, { detect, segment }: ReducedModels): CountOptions {
  return {
    ...count,
    detect: { ...count.detect, ...detect },
    segment: count.segment && { ...count.segment, ...segment },
  };
}
