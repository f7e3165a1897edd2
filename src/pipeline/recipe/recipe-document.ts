import {
  checkOptions,
  type Expectation,
  numberFrom,
  oneOf,
  requireOptions,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Calibration } from "../../graph/quantize/calibration.ts";
import { maxSidePx } from "../../graph/yolo/input-size.ts";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import { Slicing, type SlicingOptions } from "../count/slicing.ts";
import {
  type CountOptions,
  type CountRecipe,
  countVersion,
  type JobModel,
  type ModelHashes,
  type ModelRole,
  recipeOf,
} from "./count-recipe.ts";

/**
 * A recipe as JSON for people, files and queues: what the recipe decides, its name, and where each
 * model was.
 */
export type RecipeDocument = { readonly [key: string]: unknown };

/** A recipe that was read, and the options that make it. */
export interface ReadRecipe extends CountRecipe {
  /** Its models' files are where the document says. */
  readonly count: CountOptions;
}

/** Writes a recipe as JSON. Reading it back gives the same hash. */
export function writeRecipe(count: CountOptions, { recipe, sha256 }: CountRecipe): RecipeDocument {
  const { recordFrom, slicing, samples, decode } = count;
  const model = (role: ModelRole) => {
    const { file, options, calibration, precision } = count[role] ?? {};
    return file && { file, sha256: sha256[role], ...options, calibration, precision };
  };
  return JSON.parse(
    JSON.stringify({
      name: recipe.name,
      job: "count",
      version: countVersion,
      detect: model("detect"),
      segment: model("segment"),
      regions: count.regions && { file: count.regions.file, sha256: sha256.regions },
      recordFrom,
      slicing: slicing && new Slicing(slicing).decisive,
      samples,
      decode: decode === "fast" ? decode : undefined,
    }),
  );
}

/**
 * Reads a recipe from JSON. Nothing in it is ignored: a misspelt option would change the count
 * unnoticed.
 *
 * @param label Where the document is from, for errors.
 * @throws `RECIPE_INVALID`
 */
export function readRecipe(document: unknown, label: string): ReadRecipe {
  try {
    return read(document);
  } catch (error) {
    if (!isOrangeryError(error, "INVALID_ARGUMENT")) throw error;
    throw new OrangeryError("RECIPE_INVALID", `${label}: ${error.message}`, {
      cause: error,
      details: { label },
    });
  }
}

/** Like {@link readRecipe}, from text. */
export function parseRecipe(json: string, label: string): ReadRecipe {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (cause) {
    throw new OrangeryError(
      "RECIPE_INVALID",
      `${label}: Expected JSON, got ${(cause as Error).message}. ` +
        "Make a recipe with `orangery recipe make`.",
      { cause, details: { label } },
    );
  }
  return readRecipe(document, label);
}

const share: Expectation = {
  expected: "a number from 0 to 1",
  holds: (value) => typeof value === "number" && value >= 0 && value <= 1,
};
const hexHash: Expectation = {
  expected: "a SHA-256 in lower-case hex",
  holds: (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value),
};
const pair = (expected: string): Expectation => ({
  expected,
  holds: (value) => isNumbers(value) && value.length === 2,
});
const oneOrTwo = (expected: string): Expectation => ({
  expected,
  holds: (value) => typeof value === "number" || (isNumbers(value) && value.length === 2),
});
const pixels: Expectation = {
  expected: `px or [height, width], whole numbers from 1 to ${maxSidePx}`,
  holds: (value) =>
    oneOrTwo("").holds(value) &&
    ([value].flat() as number[]).every(
      (side) => Number.isInteger(side) && side >= 1 && side <= maxSidePx,
    ),
};
const classIds: Expectation = {
  expected: "a list of class ids, whole numbers from 0",
  holds: (value) => isNumbers(value) && value.every((id) => Number.isInteger(id) && id >= 0),
};
const scoresById: Expectation = {
  expected: "pairs of a class id and a score from 0 to 1",
  holds: (value) =>
    Array.isArray(value) &&
    value.every(
      (pair) =>
        Array.isArray(pair) &&
        pair.length === 2 &&
        classIds.holds([pair[0]]) &&
        share.holds(pair[1]),
    ),
};
const path: Expectation = {
  expected: "the path of a file",
  holds: (value) => typeof value === "string" && value.trim() !== "",
};
const numbers: Expectation = { expected: "a list of numbers", holds: isNumbers };

/** What each part of a document may have. */
const parts = {
  recipe: {
    name: text("a name"),
    job: oneOf("count"),
    version: {
      expected: `${countVersion}, the version that this Orangery counts by`,
      holds: (value) => value === countVersion,
    },
    detect: object(),
    segment: object(),
    regions: object(),
    recordFrom: share,
    slicing: object(),
    samples: object(),
    decode: oneOf("exact", "fast"),
  },
  model: {
    file: path,
    sha256: hexHash,
    confidence: share,
    iou: share,
    maxDetections: wholeNumberFrom(1),
    classes: classIds,
    classConfidence: scoresById,
    classAgnostic: trueOrFalse,
    imageSize: pixels,
    calibration: object(),
    precision: oneOf("float16"),
  },
  calibration: {
    method: oneOf("extremes", "percentile"),
    model: hexHash,
    network: text("the hash of a network's values"),
    ranges: text("the ranges of a network's values"),
  },
  regions: { file: path, sha256: hexHash },
  slicing: {
    slice: {
      expected: "px, [width, height] or auto",
      holds: (value) => value === "auto" || oneOrTwo("").holds(value),
    },
    overlap: oneOrTwo("a share or [x, y]"),
    merge: object(),
    fullImage: trueOrFalse,
  },
  merge: {
    method: oneOf("nmm", "nms"),
    metric: oneOf("ios", "iou"),
    threshold: numberFrom(0),
    classAgnostic: trueOrFalse,
  },
  samples: { bands: numbers, valueRange: pair("[black, white]") },
} as const satisfies Record<string, Record<string, Expectation>>;

function read(document: unknown): ReadRecipe {
  const recipe = take("recipe", document, ["job", "version", "detect"]);
  const detect = takeModel(recipe.detect);
  const segment = recipe.segment === undefined ? undefined : takeModel(recipe.segment);
  const regions = recipe.regions === undefined ? undefined : takeRegions(recipe.regions);
  const count: CountOptions = {
    name: recipe.name as string | undefined,
    detect: detect.model,
    segment: segment?.model,
    regions: regions && { file: regions.file },
    recordFrom: recipe.recordFrom as number | undefined,
    slicing: recipe.slicing === undefined ? undefined : takeSlicing(recipe.slicing),
    samples: recipe.samples === undefined ? undefined : take("samples", recipe.samples),
    decode: recipe.decode as DecodeMode | undefined,
  };
  const sha256: ModelHashes = {
    detect: detect.sha256,
    segment: segment?.sha256,
    regions: regions?.sha256,
  };
  return { ...recipeOf(count, sha256), count };
}

function takeModel(value: unknown): { readonly model: JobModel; readonly sha256: string } {
  const { file, sha256, calibration, precision, ...options } = take("model", value, [
    "file",
    "sha256",
  ]);
  const model = {
    file: file as string,
    options,
    precision: precision as JobModel["precision"],
    calibration: calibration === undefined ? undefined : takeCalibration(calibration),
  };
  return { model, sha256: sha256 as string };
}

function takeCalibration(value: unknown): Calibration {
  const needed = Object.keys(parts.calibration);
  return take("calibration", value, needed) as unknown as Calibration;
}

function takeRegions(value: unknown): { readonly file: string; readonly sha256: string } {
  const { file, sha256 } = take("regions", value, ["file", "sha256"]);
  return { file: file as string, sha256: sha256 as string };
}

function takeSlicing(value: unknown): SlicingOptions {
  const slicing = take("slicing", value);
  if (slicing.merge !== undefined) take("merge", slicing.merge);
  return slicing;
}

/** Takes a part of a document whose keys are all known and whose values are all right. */
function take(
  part: keyof typeof parts,
  value: unknown,
  needed: readonly string[] = [],
): { readonly [key: string]: unknown } {
  requireOptions({ [part]: value }, object());
  const known: Readonly<Record<string, Expectation>> = parts[part];
  const given = value as Readonly<Record<string, unknown>>;
  const missing = needed.find((key) => given[key] === undefined);
  const stray = Object.keys(given).find((key) => !Object.hasOwn(known, key));
  if (missing !== undefined || stray !== undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      missing !== undefined
        ? `Expected the ${part} to have \`${missing}\`. Add it, or make a recipe with ` +
            "`orangery recipe make`."
        : `Expected the ${part} to have ${Object.keys(known).join(", ")} and nothing else, got ` +
            `\`${stray}\`.`,
    );
  }
  for (const [key, expectation] of Object.entries(known)) {
    checkOptions({ [key]: given[key] }, expectation);
  }
  return given;
}

function object(): Expectation {
  return {
    expected: "an object",
    holds: (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  };
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
