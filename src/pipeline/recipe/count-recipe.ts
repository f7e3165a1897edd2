import { basename, extname } from "node:path";
import {
  checkOptions,
  type Expectation,
  optionsByName,
  refuseUnknown,
  requireOptions,
} from "../../base/check-options.ts";
import { calibrationOption } from "../../graph/quantize/calibration.ts";
import { createRecipe, type Recipe } from "../../ledger/recipe.ts";
import {
  identifyModelFile,
  type ReducedPrecision,
  reducedPrecision,
} from "../../models/files/model-file.ts";
import type { PredictOptions } from "../../models/yolo/yolo-model.ts";
import { scorePairs } from "../../vision/class-choice.ts";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import type { SampleOptions } from "../../vision/photo/samples/sample-layout.ts";
import { checkDecode, Slicing, type SlicingOptions } from "../count/slicing.ts";
import { OwnRegions, twoKindsOfRegions } from "../regions/own-regions.ts";
import { withClassIds } from "./class-ids.ts";

export type ModelRole = "detect" | "segment";

/** Which model finds what, in which precision, and how it is asked. */
export interface JobModel extends ReducedPrecision {
  /** Path, or the name of a sample model. */
  readonly file: string;
  /** What decides the result becomes part of the recipe. */
  readonly options?: RecipePredictOptions | undefined;
}

/** The options of a prediction that decide its result. */
export type RecipePredictOptions = Pick<
  PredictOptions,
  | "confidence"
  | "iou"
  | "maxDetections"
  | "classes"
  | "classConfidence"
  | "classAgnostic"
  | "imageSize"
>;

/** Regions that people drew. */
export interface JobRegions {
  /** Path of GeoJSON in pixels, COCO, CVAT's XML or Label Studio's JSON. */
  readonly file: string;
}

/** What is counted, and how. */
export interface CountOptions {
  /** Finds what is counted. */
  readonly detect: JobModel;
  /** Finds the regions in which it is counted; without it, it is counted on the whole photo. */
  readonly segment?: JobModel | undefined;
  /** A file with regions that people drew, in place of `segment`. */
  readonly regions?: JobRegions | undefined;
  /**
   * Records objects from this score up, too, without counting them, for questions about lower
   * thresholds than those that count. Default: only what counts is recorded.
   */
  readonly recordFrom?: number | undefined;
  /** Predict photos in slices. All but `batchSize` becomes part of the recipe. Default: whole. */
  readonly slicing?: SlicingOptions | undefined;
  /** Which samples of a photo are its colours. Default: those that its file states. */
  readonly samples?: SampleOptions | undefined;
  /**
   * `fast` decodes JPEGs that are much larger than the network sees them at a fraction of their
   * size: other pixels, so the recipe is another. Not with `slicing`. Default `exact`.
   */
  readonly decode?: DecodeMode | undefined;
  /**
   * The recipe's name, for people: up to 64 letters, digits, `.`, `_` and `-`. It decides nothing.
   * Default: made of the models' names, as in `plants-in-beds`.
   */
  readonly name?: string | undefined;
}

/** The hashes of the models' contents, by what the models are used for, and of the regions. */
export type ModelHashes = {
  readonly [role in ModelRole]: string | undefined;
} & { readonly regions?: string | undefined };

/** The recipe of counting, and the contents of the models that it names. */
export interface CountRecipe {
  readonly recipe: Recipe & { readonly name: string };
  readonly sha256: ModelHashes;
  /** As they were read, where the recipe was made of files. */
  readonly regions?: OwnRegions | undefined;
}

/** A recipe of files. */
export interface MadeRecipe extends CountRecipe {
  /** What was asked for, with ids in place of the names of classes. */
  readonly count: CountOptions;
}

/**
 * The version of what counting does. 3: regions that overlap are one. 4: the colours of CMYK photos
 * are OpenCV's.
 */
export const countVersion = 4;

const recipeName: Expectation = {
  expected: "a name of up to 64 letters, digits, dots, underscores and dashes",
  holds: (name) => typeof name === "string" && /^[\p{L}\p{N}._-]{1,64}$/u.test(name),
};

const fileByName: Expectation = {
  expected: "an object with a `file`",
  holds: (value) => typeof (value as Partial<JobRegions> | null)?.file === "string",
};

const jobModel: Expectation = {
  expected: 'a model with options, as in { file: "plants.pt", options: { confidence: 0.3 } }',
  holds: fileByName.holds,
};

/**
 * The recipe of what is asked for, from the model files as they are now.
 *
 * @throws `MODEL_NOT_FOUND`, `REGIONS_NOT_FOUND`, `REGIONS_INVALID`, `INVALID_ARGUMENT`
 */
export async function countRecipe(asked: CountOptions): Promise<MadeRecipe> {
  requireOptions({ detect: asked.detect }, jobModel);
  checkOptions({ segment: asked.segment }, jobModel);
  checkOptions({ regions: asked.regions }, fileByName);
  const detect = await withClassIds(asked.detect);
  const segment = asked.segment && (await withClassIds(asked.segment));
  const count = { ...asked, detect, segment };
  const regions = count.regions && (await OwnRegions.read(count.regions.file));
  const recipe = recipeOf(count, {
    detect: (await identifyModelFile(detect.file)).sha256,
    segment: segment && (await identifyModelFile(segment.file)).sha256,
    regions: regions?.sha256,
  });
  return { ...recipe, regions, count };
}

/**
 * The recipe of what is asked for, with models of these contents, wherever they are.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function recipeOf(count: CountOptions, sha256: ModelHashes): CountRecipe {
  const { detect, segment, slicing, samples, decode, recordFrom } = count;
  const { name = defaultName(count) } = count;
  checkOptions({ name }, recipeName);
  checkDecode(decode, slicing);
  checkOptions({ recordFrom }, scoreUpTo(leastCounted(detect.options)));
  if (segment !== undefined && sha256.regions !== undefined) throw twoKindsOfRegions();
  const contents = {
    job: "count",
    version: countVersion,
    detect: decisiveOf(detect, sha256.detect),
    segment: segment && decisiveOf(segment, sha256.segment),
    regions: sha256.regions,
    recordFrom,
    slicing: slicing && new Slicing(slicing).decisive,
    samples: samples && { ...samples },
    // Without it, the recipe is that of results from before there was a choice.
    decode: decode === "fast" ? decode : undefined,
  };
  return { recipe: { ...createRecipe(contents), name }, sha256 };
}

function decisiveOf(model: JobModel, sha256: string | undefined) {
  const { file: _, options, calibration, precision, ...rest } = model;
  refuseUnknown("JobModel", model, rest);
  checkOptions({ options }, optionsByName);
  refuseUnknown("RecipePredictOptions", options ?? {}, withoutPredictOptions(options));
  checkOptions({ calibration }, calibrationOption);
  return { sha256, ...options, calibration: calibration && { ...calibration }, precision };
}

function withoutPredictOptions(options: RecipePredictOptions = {}) {
  const { confidence, iou, maxDetections, classes, classConfidence, ...others } = options;
  const { classAgnostic, imageSize, ...rest } = others;
  return rest;
}

function scoreUpTo(most: number): Expectation {
  return {
    expected: `a score from 0 to ${most}, from which objects count`,
    holds: (score) => typeof score === "number" && score >= 0 && score <= most,
  };
}

/** The least score from which objects of any class count. */
function leastCounted({ confidence = 0.25, classConfidence }: RecipePredictOptions = {}) {
  return Math.min(confidence, ...scorePairs(classConfidence).map(([, score]) => score));
}

/** As in `plants-in-beds`. */
function defaultName({ detect, segment, regions }: CountOptions): string {
  const [what, where] = [detect, segment ?? regions].map((model) => model && plainName(model.file));
  const reduced = reducedPrecision(detect);
  const precision = reduced === undefined ? "" : `-${reduced}`;
  const models = [what, where].filter(Boolean).join("-in-");
  return `${models.slice(0, Math.min(59, 64 - precision.length))}${precision}`;
}

function plainName(file: string): string {
  const name = file.startsWith("sample:") ? file.slice("sample:".length) : basename(file);
  return name.slice(0, name.length - extname(name).length).replace(/[^\p{L}\p{N}._-]+/gu, "-");
}
