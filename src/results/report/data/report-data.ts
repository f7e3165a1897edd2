import type { PhotoSelection } from "../../../ledger/photos/selection.ts";
import type { PhotoWarning } from "../../../ledger/results/result-rows.ts";
import type { StoredRecipe } from "../../../ledger/results/stored-results.ts";
import type { CorrectedPhotos } from "../../../ledger/review/counts/corrected-counts.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { CountQuestion } from "../../../ledger/scores/count-question.ts";
import type { ReviewEstimate } from "../../review/review-estimate.ts";
import type { NamedTotals } from "../../totals/capture-totals.ts";
import type { FolderCounter } from "../../totals/folder-totals.ts";
import type { PlaceTotals } from "../../totals/place-grid.ts";
import type { Totals } from "../../totals/totals.ts";
import type { FailureGroup } from "./failure-groups.ts";
import type { PhotoSummary } from "./photo-summary.ts";
import type { ChosenPhoto } from "./picture-choice.ts";

/** How many of each are listed. All others are only counted, so that a report stays small. */
export const reportLimits = {
  /** In the table of counts: all of them, or so many of each kind. */
  photos: 200,
  photosByKind: { mostObjects: 80, fewestObjects: 80, firstByName: 40 },
  folders: 60,
  /** Days, or months or years where there are more days; cameras. */
  periods: 60,
  cameras: 30,
  /** Circles on the map. */
  places: 400,
  /** Names of photos in a warning. */
  warnedPhotos: 12,
  /** In the details of one photo. */
  regions: 20,
  /** With the highest and with the lowest scores; twice as many if that is all of them. */
  scores: 6,
  pictures: 24,
  classes: 12,
  failures: { reasonsPerCode: 6, sourcesPerReason: 20 },
};

/** The number of intervals that scores from 0 to 1 are counted in. */
export const scoreBins = 20;

/** A device that photos ran on. */
export interface DeviceSummary {
  readonly device: string;
  readonly fallbackReason: string | undefined;
  readonly photos: number;
}

/** Photos with the same warning: the first of them, and the number of all. */
export interface WarnedPhotos {
  readonly count: number;
  readonly sources: readonly string[];
}

/** The scales that were computed in one way. */
export interface ScaleSummary {
  readonly photos: number;
  readonly leastPixelsPerMetre: number;
  readonly mostPixelsPerMetre: number;
}

/** Totals by when, where and with what photos were taken. */
export interface TakenTotals {
  /** In order; "" is not known. */
  readonly hours: readonly NamedTotals[];
  /** Days, months or years, in order; "" is not known. */
  readonly periods: readonly NamedTotals[];
  readonly cameras: readonly NamedTotals[];
  readonly places: readonly PlaceTotals[];
}

/** Everything that a report shows. */
export interface ReportData {
  readonly recipe: StoredRecipe;
  readonly photoCount: number;
  readonly objectCount: number;
  readonly selection: PhotoSelection;
  /** Which objects count; undefined where the recipe alone decides. */
  readonly question: CountQuestion | undefined;
  /** Whose counts these are, how many photos people corrected, and what a sample says of all. */
  readonly review: {
    readonly counts: CountsKind;
    readonly people: CorrectedPhotos;
    /** Of the newest sample; undefined where there is none. */
    readonly estimate: ReviewEstimate | undefined;
  };
  /** Photos with the same bytes as one before, and the objects on them. */
  readonly duplicates: { readonly photos: number; readonly objects: number };
  /** Undefined without a segmenter. */
  readonly regionCount: number | undefined;
  /** Inferences of the detector. */
  readonly sliceCount: number;
  /** Of the detector's classes, by number. */
  readonly classNames: readonly string[];
  /** Most frequent first. */
  readonly countByName: readonly (readonly [name: string, count: number])[];
  /** Those of most photos first. */
  readonly devices: readonly DeviceSummary[];
  /** The number of photos by their number of objects. */
  readonly photosByCount: ReadonlyMap<number, number>;
  /** Objects by score: 0 to 0.05, … 0.95 to 1. */
  readonly objectsByScore: readonly number[];
  /** When each result was recorded, in order, ms since 1970. Identical bytes count once. */
  readonly momentsMs: Float64Array;
  /** Mean ms a photo by step, in the order of the steps; together they are the work on a photo. */
  readonly meanMsByStep: ReadonlyMap<string, number>;
  /**
   * By source: all if they are few, otherwise those with the most and the fewest objects, and the
   * first ones.
   */
  readonly photos: readonly PhotoSummary[];
  /** By when and where photos were taken. */
  readonly taken: TakenTotals;
  /** Of all photos. */
  readonly totals: Totals;
  /** By what they were computed from; none where no scale was asked for. */
  readonly scales: ReadonlyMap<string, ScaleSummary>;
  /** Totals by folder; none where all photos lie in one. */
  readonly folders: ReturnType<FolderCounter["list"]>;
  /** Photos that look strange, by what is strange about them. */
  readonly warnings: ReadonlyMap<PhotoWarning, WarnedPhotos>;
  /**
   * Those with the lowest mean scores, worst first. All of them if they are few; `best` is then
   * empty.
   */
  readonly worst: readonly PhotoSummary[];
  readonly best: readonly PhotoSummary[];
  readonly chosen: readonly ChosenPhoto[];
  /** Most frequent first. */
  readonly failures: readonly FailureGroup[];
}
