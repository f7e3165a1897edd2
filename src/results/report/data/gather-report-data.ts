import type { Ledger } from "../../../ledger/ledger.ts";
import type { PhotoSelection } from "../../../ledger/photos/selection.ts";
import type { FailedPhoto } from "../../../ledger/results/failed-photos.ts";
import type { PhotoWarning } from "../../../ledger/results/result-rows.ts";
import {
  readFailures,
  type StoredRecipe,
  type StoredResult,
} from "../../../ledger/results/stored-results.ts";
import { countCorrectedPhotos } from "../../../ledger/review/counts/corrected-counts.ts";
import {
  type ReadChosenResultsOptions,
  readChosenResults,
} from "../../../ledger/review/counts/corrected-results.ts";
import { compareNaturally } from "../../natural-order.ts";
import { readEstimateOfRecipe } from "../../review/review-estimate.ts";
import { type PhotoScale, type ScaleOf, toSquareMetres } from "../../scale/photo-scale.ts";
import { CaptureCounter } from "../../totals/capture-totals.ts";
import { FolderCounter } from "../../totals/folder-totals.ts";
import { PlaceGrid } from "../../totals/place-grid.ts";
import { TotalsCounter } from "../../totals/totals.ts";
import { Extremes } from "./extremes.ts";
import { type FailureGroup, FailureGroups } from "./failure-groups.ts";
import { type PhotoSummary, summarisePhoto } from "./photo-summary.ts";
import { PictureChoice } from "./picture-choice.ts";
import {
  type DeviceSummary,
  type ReportData,
  reportLimits,
  type ScaleSummary,
  scoreBins,
} from "./report-data.ts";

/** Other steps that a results file may have follow these. */
const stepsInOrder = ["read", "decode", "segment", "slice", "detect", "merge", "count"];

/** Times that are parts of several steps, or the sum of all. */
const sums = new Set(["inference", "total"]);

export interface GatherOptions
  extends PhotoSelection,
    Pick<ReadChosenResultsOptions, "question" | "counts"> {
  readonly recipe: StoredRecipe;
  /** Where scales come from. Default: none is known. */
  readonly scaleOf?: ScaleOf | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo. */
  readonly onPhoto?: (() => void) | undefined;
}

/** Reads the results of one recipe once; keeps a few and counts all. */
export async function gatherReportData(
  ledger: Ledger,
  { recipe, scaleOf = () => undefined, onPhoto, ...options }: GatherOptions,
): Promise<ReportData> {
  const selection = { ...options, recipeHash: recipe.hash };
  const { question, counts, countDuplicatesOnce, ...failed } = selection;
  const gatherer = new Gatherer(recipe, scaleOf);
  for await (const result of readChosenResults(ledger, selection)) {
    gatherer.add(result);
    onPhoto?.();
  }
  const failures = new FailureGroups(reportLimits.failures);
  for await (const photo of readFailures(ledger, failed)) {
    failures.add(photo);
    gatherer.addFailure(photo);
    onPhoto?.();
  }
  return {
    ...gatherer.finish(failures.list),
    selection,
    question,
    review: await gatherReview(ledger, selection),
  };
}

async function gatherReview(
  ledger: Ledger,
  { counts = "predicted", ...selection }: Omit<GatherOptions, "recipe"> & { recipeHash: string },
): Promise<ReportData["review"]> {
  return {
    counts,
    people: await countCorrectedPhotos(ledger, selection),
    estimate: await readEstimateOfRecipe(ledger, selection),
  };
}

class Gatherer {
  readonly #recipe: StoredRecipe;
  readonly #scaleOf: ScaleOf;
  #photoCount = 0;
  #objectCount = 0;
  #duplicates = { photos: 0, objects: 0 };
  #regionCount: number | undefined;
  #sliceCount = 0;
  #classNames: readonly string[] = [];
  readonly #countByName = new Map<string, number>();
  readonly #devices = new Map<string, DeviceSummary>();
  readonly #photosByCount = new Map<number, number>();
  readonly #objectsByScore = new Array<number>(scoreBins).fill(0);
  /** Results by id: those of identical bytes were inferred once. */
  readonly #seen = new Set<number>();
  readonly #moments: number[] = [];
  readonly #msByStep = new Map<string, number>(stepsInOrder.map((step) => [step, 0]));
  readonly #photos: PhotoSummary[] = [];
  readonly #mostObjects = new Extremes<PhotoSummary>(
    reportLimits.photosByKind.mostObjects,
    ({ objectCount }) => -objectCount,
  );
  readonly #fewestObjects = new Extremes<PhotoSummary>(
    reportLimits.photosByKind.fewestObjects,
    ({ objectCount }) => objectCount,
  );
  readonly #folders = new FolderCounter();
  readonly #captures = new CaptureCounter();
  readonly #places = new PlaceGrid(reportLimits.places);
  readonly #totals = new TotalsCounter();
  readonly #scales = new Map<string, ScaleSummary>();
  readonly #warnings = new Map<PhotoWarning, { count: number; sources: string[] }>();
  readonly #pictures: PictureChoice;
  readonly #worst = new Extremes<PhotoSummary>(
    2 * reportLimits.scores + 1,
    ({ meanScore = Infinity }) => meanScore,
  );
  readonly #best = new Extremes<PhotoSummary>(
    2 * reportLimits.scores,
    ({ meanScore = -Infinity }) => -meanScore,
  );

  constructor(recipe: StoredRecipe, scaleOf: ScaleOf) {
    this.#recipe = recipe;
    this.#scaleOf = scaleOf;
    this.#pictures = new PictureChoice(recipe.done, reportLimits.pictures);
  }

  add(result: StoredResult): void {
    const summary = summarisePhoto(result, this.#scaleOf);
    const { device, fallbackReason } = result;
    this.#photoCount++;
    this.#objectCount += summary.objectCount;
    if (result.duplicateOf !== undefined) {
      this.#duplicates.photos++;
      this.#duplicates.objects += summary.objectCount;
    }
    this.#sliceCount += result.sliceCount;
    this.#classNames = result.objects.names;
    if (result.regions) this.#regionCount = (this.#regionCount ?? 0) + result.regions.length;
    for (const [name, count] of summary.countByName) increase(this.#countByName, name, count);
    increase(this.#photosByCount, summary.objectCount, 1);
    for (const score of result.objects.scores) this.#objectsByScore[scoreBin(score)]!++;
    const key = JSON.stringify([device, fallbackReason]);
    const photos = 1 + (this.#devices.get(key)?.photos ?? 0);
    this.#devices.set(key, { device, fallbackReason, photos });
    if (!this.#seen.has(result.id)) this.#addWork(result);
    this.#seen.add(result.id);
    if (this.#photos.length < reportLimits.photos) this.#photos.push(summary);
    this.#mostObjects.add(summary);
    this.#fewestObjects.add(summary);
    const areaM2 = toSquareMetres(summary.widthPx * summary.heightPx, summary.scale);
    const photoCounts = { ...summary, areaM2 };
    this.#totals.add(photoCounts);
    this.#folders.add(result.source, photoCounts);
    this.#captures.add(result.capture, photoCounts);
    this.#places.add(result.capture, summary.objectCount);
    if (summary.scale !== undefined) this.#addScale(summary.scale);
    for (const warning of result.warnings ?? []) this.#warn(warning, result.source);
    this.#worst.add(summary);
    this.#best.add(summary);
    this.#pictures.add({ summary, result });
  }

  addFailure({ source, capture }: FailedPhoto): void {
    this.#folders.addFailure(source);
    this.#captures.addFailure(capture);
  }

  finish(failures: readonly FailureGroup[]): Omit<ReportData, "selection" | "question" | "review"> {
    const { scores } = reportLimits;
    const areFew = this.#worst.items.length <= 2 * scores;
    const worst = areFew ? this.#worst.items : this.#worst.items.slice(0, scores);
    // The same tie-breaking order in both.
    const best = this.#best.items.filter((photo) => !worst.includes(photo)).slice(0, scores);
    return {
      recipe: this.#recipe,
      photoCount: this.#photoCount,
      objectCount: this.#objectCount,
      duplicates: this.#duplicates,
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
      photos: this.#tablePhotos(),
      folders: this.#folders.list(reportLimits.folders),
      taken: {
        hours: this.#captures.hours,
        periods: this.#captures.periods(reportLimits.periods),
        cameras: this.#captures.cameras,
        places: this.#places.places,
      },
      totals: this.#totals,
      scales: this.#scales,
      warnings: this.#warnings,
      worst,
      best,
      chosen: this.#pictures.choose(),
      failures,
    };
  }

  #addScale({ basis, pixelsPerMetre }: PhotoScale): void {
    const known = this.#scales.get(basis);
    const least = known?.leastPixelsPerMetre ?? Infinity;
    const most = known?.mostPixelsPerMetre ?? 0;
    this.#scales.set(basis, {
      photos: 1 + (known?.photos ?? 0),
      leastPixelsPerMetre: Math.min(least, pixelsPerMetre),
      mostPixelsPerMetre: Math.max(most, pixelsPerMetre),
    });
  }

  #warn(warning: PhotoWarning, source: string): void {
    const warned = this.#warnings.get(warning) ?? { count: 0, sources: [] };
    warned.count++;
    if (warned.sources.length < reportLimits.warnedPhotos) warned.sources.push(source);
    this.#warnings.set(warning, warned);
  }

  /** So that sorting the table by objects shows the true extremes of all photos. */
  #tablePhotos(): readonly PhotoSummary[] {
    if (this.#photoCount <= reportLimits.photos) return this.#photos.sort(byName);
    const first = this.#photos.slice(0, reportLimits.photosByKind.firstByName);
    const chosen = new Set([...first, ...this.#mostObjects.items, ...this.#fewestObjects.items]);
    return [...chosen].sort(byName);
  }

  #addWork({ createdAt, timingsMs }: StoredResult): void {
    this.#moments.push(Date.parse(createdAt));
    for (const [step, ms] of Object.entries(timingsMs)) {
      if (!sums.has(step)) increase(this.#msByStep, step, ms);
    }
  }
}

function byName(a: PhotoSummary, b: PhotoSummary): number {
  return compareNaturally(a.source, b.source);
}

function scoreBin(score: number): number {
  return Math.max(0, Math.min(scoreBins - 1, Math.floor(score * scoreBins + 1e-6)));
}

function increase<Key>(counts: Map<Key, number>, key: Key, by: number): void {
  counts.set(key, (counts.get(key) ?? 0) + by);
}
