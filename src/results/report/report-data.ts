import type { Ledger } from "../../ledger/ledger.ts";
import {
  readFailures,
  readResults,
  type StoredRecipe,
  type StoredResult,
} from "../../ledger/results/stored-results.ts";
import { countInRegion } from "../region-counts.ts";
import { Extremes } from "./charts/extremes.ts";
import { type FailureGroup, FailureGroups } from "./failures/failure-groups.ts";
import { type ChosenPhoto, PictureChoice } from "./pictures/picture-choice.ts";

/** How much of what is listed. Everything else is counted only, so that a report stays small. */
export const reportLimits = {
  photos: 200,
  /** In the detail of one photo. */
  regions: 20,
  /** With the highest and with the lowest scores; twice as many if that is all of them. */
  scores: 6,
  pictures: 24,
  classes: 12,
  failures: { reasonsPerCode: 6, sourcesPerReason: 20 },
};

/** A region as the report's tables show it. */
export interface RegionSummary {
  readonly number: number;
  readonly name: string;
  readonly areaPx: number;
  readonly count: number;
}

/** One photo as the report's tables show it. */
export interface PhotoSummary {
  readonly source: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly countByName: ReadonlyMap<string, number>;
  readonly objectCount: number;
  /** Undefined without a segmenter. */
  readonly regions: readonly RegionSummary[] | undefined;
  /** Undefined where nothing was found. */
  readonly meanScore: number | undefined;
  readonly lowestScore: number | undefined;
}

/** Where photos were inferred. */
export interface DeviceSummary {
  readonly device: string;
  readonly fallbackReason: string | undefined;
  readonly photos: number;
}

/** Everything that a report says, gathered in one reading of the results. */
export interface ReportData {
  readonly recipe: StoredRecipe;
  readonly photoCount: number;
  readonly objectCount: number;
  /** Undefined without a segmenter. */
  readonly regionCount: number | undefined;
  /** Inferences of the detector. */
  readonly sliceCount: number;
  /** Of the detector's classes, by number. */
  readonly classNames: readonly string[];
  /** Most frequent first. */
  readonly countByName: readonly (readonly [name: string, count: number])[];
  readonly devices: readonly DeviceSummary[];
  /** How many photos have how many objects. */
  readonly photosByCount: ReadonlyMap<number, number>;
  /** Objects by score: 0 to 0.05, … 0.95 to 1. */
  readonly objectsByScore: readonly number[];
  /** When each result was recorded, in order, ms since 1970. Identical bytes count once. */
  readonly momentsMs: Float64Array;
  /** Mean ms a photo by step, in the order of the steps; they make up the work on a photo. */
  readonly meanMsByStep: ReadonlyMap<string, number>;
  /** The first of all, by source. */
  readonly photos: readonly PhotoSummary[];
  /** Those with the lowest mean scores, worst first: of a few all, and then none is among the best. */
  readonly worst: readonly PhotoSummary[];
  readonly best: readonly PhotoSummary[];
  readonly chosen: readonly ChosenPhoto[];
  /** Most frequent first. */
  readonly failures: readonly FailureGroup[];
}

export const scoreBins = 20;

/** Others that a results file may have come after these. */
const stepsInOrder = ["read", "decode", "segment", "slice", "detect", "merge", "count"];

/** Timings that are parts of several steps, or all of them. */
const sums = new Set(["inference", "total"]);

export interface GatherOptions {
  readonly recipe: StoredRecipe;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo. */
  readonly onPhoto?: (() => void) | undefined;
}

/** Reads the results of one recipe once, keeping a few and counting all. */
export async function gatherReportData(
  ledger: Ledger,
  { recipe, signal, onPhoto }: GatherOptions,
): Promise<ReportData> {
  const selection = { recipeHash: recipe.hash, signal };
  const gatherer = new Gatherer(recipe);
  for await (const result of readResults(ledger, selection)) {
    gatherer.add(result);
    onPhoto?.();
  }
  const failures = new FailureGroups(reportLimits.failures);
  for await (const photo of readFailures(ledger, selection)) {
    failures.add(photo);
    onPhoto?.();
  }
  return gatherer.finish(failures.list);
}

class Gatherer {
  readonly #recipe: StoredRecipe;
  #photoCount = 0;
  #objectCount = 0;
  #regionCount: number | undefined;
  #sliceCount = 0;
  #classNames: readonly string[] = [];
  readonly #countByName = new Map<string, number>();
  readonly #devices = new Map<string, DeviceSummary>();
  readonly #photosByCount = new Map<number, number>();
  readonly #objectsByScore = new Array<number>(scoreBins).fill(0);
  /** Results that have been seen: those of identical bytes are inferred once. */
  readonly #seen = new Set<number>();
  readonly #moments: number[] = [];
  readonly #msByStep = new Map<string, number>(stepsInOrder.map((step) => [step, 0]));
  readonly #photos: PhotoSummary[] = [];
  readonly #pictures: PictureChoice;
  readonly #worst = new Extremes<PhotoSummary>(
    2 * reportLimits.scores + 1,
    ({ meanScore = Infinity }) => meanScore,
  );
  readonly #best = new Extremes<PhotoSummary>(
    2 * reportLimits.scores,
    ({ meanScore = -Infinity }) => -meanScore,
  );

  constructor(recipe: StoredRecipe) {
    this.#recipe = recipe;
    this.#pictures = new PictureChoice(recipe.done, reportLimits.pictures);
  }

  add(result: StoredResult): void {
    const facts = toPhotoFacts(result);
    const { device, fallbackReason } = result;
    this.#photoCount++;
    this.#objectCount += facts.objectCount;
    this.#sliceCount += result.sliceCount;
    this.#classNames = result.objects.names;
    if (result.regions) this.#regionCount = (this.#regionCount ?? 0) + result.regions.length;
    for (const [name, count] of facts.countByName) increase(this.#countByName, name, count);
    increase(this.#photosByCount, facts.objectCount, 1);
    for (const score of result.objects.scores) this.#objectsByScore[scoreBin(score)]!++;
    const key = JSON.stringify([device, fallbackReason]);
    const photos = 1 + (this.#devices.get(key)?.photos ?? 0);
    this.#devices.set(key, { device, fallbackReason, photos });
    if (!this.#seen.has(result.id)) this.#addWork(result);
    this.#seen.add(result.id);
    if (this.#photos.length < reportLimits.photos) this.#photos.push(facts);
    this.#worst.add(facts);
    this.#best.add(facts);
    this.#pictures.add({ facts, result });
  }

  finish(failures: readonly FailureGroup[]): ReportData {
    const { scores } = reportLimits;
    const areFew = this.#worst.items.length <= 2 * scores;
    const worst = areFew ? this.#worst.items : this.#worst.items.slice(0, scores);
    // Among equals the same come first in both.
    const best = this.#best.items.filter((photo) => !worst.includes(photo)).slice(0, scores);
    return {
      recipe: this.#recipe,
      photoCount: this.#photoCount,
      objectCount: this.#objectCount,
      regionCount: this.#regionCount,
      sliceCount: this.#sliceCount,
      classNames: this.#classNames,
      countByName: [...this.#countByName].sort((a, b) => b[1] - a[1]),
      devices: [...this.#devices.values()].sort((a, b) => b.photos - a.photos),
      photosByCount: this.#photosByCount,
      objectsByScore: this.#objectsByScore,
      momentsMs: Float64Array.from(this.#moments).sort(),
      meanMsByStep: new Map(
        Array.from(this.#msByStep, ([step, ms]) => [step, ms / this.#moments.length] as const),
      ),
      photos: this.#photos,
      worst,
      best,
      chosen: this.#pictures.choose(),
      failures,
    };
  }

  #addWork({ createdAt, timingsMs }: StoredResult): void {
    this.#moments.push(Date.parse(createdAt));
    for (const [step, ms] of Object.entries(timingsMs)) {
      if (!sums.has(step)) increase(this.#msByStep, step, ms);
    }
  }
}

function toPhotoFacts(result: StoredResult): PhotoSummary {
  const { source, widthPx, heightPx, objects, regions } = result;
  const { scores } = objects;
  const scoreSum = scores.reduce((sum, score) => sum + score, 0);
  return {
    source,
    widthPx,
    heightPx,
    countByName: objects.countByName(),
    objectCount: objects.length,
    regions: regions?.map(({ number, name, areaPx }) => {
      return { number, name, areaPx, count: countInRegion(result, number) };
    }),
    meanScore: scores.length === 0 ? undefined : scoreSum / scores.length,
    // Best first.
    lowestScore: scores.at(-1),
  };
}

function scoreBin(score: number): number {
  return Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins + 1e-6)));
}

function increase<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
