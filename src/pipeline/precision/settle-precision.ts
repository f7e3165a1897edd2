import { isDeepStrictEqual } from "node:util";
import { checkOptions, oneOf } from "../../base/check-options.ts";
import { formatPlural } from "../../base/quantities.ts";
import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Recipe } from "../../ledger/recipe.ts";
import { mayHaveGpu } from "../../models/devices/device-survey.ts";
import { type CountOptions, type CountRecipe, recipeOf } from "../recipe/count-recipe.ts";
import { type Calibrations, type TrialOptions, tryInt8 } from "./int8-trial.ts";
import { type PrecisionProof, percent, speedUp, whyRefused } from "./precision-proof.ts";

/** What networks are to compute in: `auto` is int8 where it counts as float32 does, and faster. */
export type WantedPrecision = "float32" | "int8" | "auto";

/** The reason where nothing had to be found out. */
export const asAskedFor = "as asked for";

export interface SettleOptions extends Omit<TrialOptions, "count" | "photos"> {
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
  readonly precision: "float32" | "int8";
  /** Why, in one sentence without its end. */
  readonly reason: string;
  /** Where int8 was tried. */
  readonly proof?: PrecisionProof | undefined;
  /** What was asked for, with the calibrations of int8. */
  readonly count: CountOptions;
}

/**
 * Settles what the networks of a recipe compute in. Results that exist decide it, so that a run
 * goes on as it began; otherwise int8 is tried on the photos themselves.
 *
 * @throws `PRECISION_REFUSED` where `int8` was asked for and does not count as float32 does,
 *   `INVALID_ARGUMENT` where it was asked for on a GPU, and what `tryInt8`
 *   throws
 */
export async function settlePrecision(options: SettleOptions): Promise<SettledPrecision> {
  const { precision, made, device = "auto" } = options;
  const { count } = made;
  checkOptions({ precision }, oneOf("float32", "int8", "auto"));
  if (precision === "float32" || count.detect.calibration !== undefined) {
    const given = count.detect.calibration === undefined ? "float32" : "int8";
    return { precision: given, reason: asAskedFor, count };
  }
  const isForGpu = device !== "cpu" && (device !== "auto" || mayHaveGpu());
  if (isForGpu && precision === "auto") {
    return { precision: "float32", reason: "int8 is for the CPU", count };
  }
  if (device !== "cpu" && device !== "auto") throw notOnCpu(device);
  const known = await findKnown(options);
  if (known !== undefined) return known;
  const settled = await settleByTrial(options);
  return (await findKnown(options)) ?? settled;
}

async function settleByTrial(options: SettleOptions): Promise<SettledPrecision> {
  const { precision, made, listPhotos, ...rest } = options;
  const { count } = made;
  const isAuto = precision === "auto";
  const photos = await listPhotos();
  if (isAuto && photos.length < fewestPhotos) {
    const reason = `int8 is tried on ${fewestPhotos} photos or more, not on ${photos.length}`;
    return { precision: "float32", reason, count };
  }
  const trial = await tryInt8({ ...rest, count, photos }).catch((error: unknown) => {
    const why = isAuto && isOrangeryError(error) ? noTrial[error.code] : undefined;
    if (why === undefined) throw error;
    return why;
  });
  if (typeof trial === "string") return { precision: "float32", reason: trial, count };
  const { proof, calibrations } = trial;
  const refused = whyRefused(proof);
  const found = `on ${formatPlural(proof.checkedOn, "photo")} that int8 was not calibrated on`;
  if (refused !== undefined) {
    if (isAuto) return { precision: "float32", reason: `${found}, ${refused}`, proof, count };
    throw new OrangeryError(
      "PRECISION_REFUSED",
      `Expected int8 to count as float32 does, but ${found}, ${refused}. ` +
        "Use float32, or give more photos to calibrate on.",
      { details: { ...proof } },
    );
  }
  const { objects, matchedShare } = proof;
  const times = speedUp(proof);
  if (isAuto && times < leastSpeedUp) {
    const reason = `int8 is ${times.toFixed(2)} times as fast here, which does not pay`;
    return { precision: "float32", reason, proof, count };
  }
  const reason =
    `${found}, ${objects.int8} objects against ${objects.float32}, ` +
    `${percent(matchedShare)} matched, ${times.toFixed(1)} times as fast`;
  return { precision: "int8", reason, proof, count: withCalibrations(count, calibrations) };
}

/** Why there is nothing to be tried, by the code of the error. */
const noTrial: Partial<Record<ErrorCode, string>> = {
  MODEL_NOT_QUANTIZABLE: "a model is not one that int8 can be made of, or is in int8 already",
  PRECISION_REFUSED: "too few photos can be read to try int8, or have a region",
};

/** Fewer show nothing that could be relied on without a look at it. */
const fewestPhotos = 12;

/** With less, the noise of a machine decides. */
const leastSpeedUp = 1.05;

/** Finds the last recipe that asks for the same but for its precision. */
async function findKnown({
  precision,
  made: { count, sha256 },
  readKnown,
}: SettleOptions): Promise<SettledPrecision | undefined> {
  const reason = "as in the results that exist";
  const wanted = withoutCalibrations(recipeOf(count, sha256).recipe.json);
  for (const { json } of (await readKnown()).toReversed()) {
    const { contents, calibrations } = withoutCalibrations(json);
    if (!isDeepStrictEqual(contents, wanted.contents)) continue;
    if (calibrations !== undefined) {
      return { precision: "int8", reason, count: withCalibrations(count, calibrations) };
    }
    if (precision === "auto") return { precision: "float32", reason, count };
  }
  return undefined;
}

/** Takes a recipe's calibrations out of its contents. */
function withoutCalibrations(json: string): {
  readonly contents: unknown;
  readonly calibrations: Calibrations | undefined;
} {
  const contents = JSON.parse(json) as {
    detect?: { calibration?: Calibrations["detect"] };
    segment?: { calibration?: Calibrations["segment"] };
  };
  const [detect, segment] = [contents.detect?.calibration, contents.segment?.calibration];
  delete contents.detect?.calibration;
  delete contents.segment?.calibration;
  return { contents, calibrations: detect && { detect, segment } };
}

/** What was asked for, to be run in int8. */
export function withCalibrations(
  count: CountOptions,
  { detect, segment }: Calibrations,
): CountOptions {
  return {
    ...count,
    detect: { ...count.detect, calibration: detect },
    segment: count.segment && { ...count.segment, calibration: segment },
  };
}

function notOnCpu(device: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected int8 on the CPU, got the device ${device}. Use float32 there, or \`--device cpu\`.`,
    { details: { device } },
  );
}
