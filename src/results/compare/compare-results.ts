import type { Ledger } from "../../ledger/ledger.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import { readCountedScores } from "../../ledger/results/read-counts.ts";
import {
  readResults,
  type StoredRecipe,
  type StoredResult,
} from "../../ledger/results/stored-results.ts";
import {
  type CountedScores,
  type CountingRecipe,
  type CountQuestion,
  RecordedScores,
} from "../../ledger/scores/count-question.ts";
import { selectBoxes } from "../../vision/boxes/boxes.ts";
import { matchBoxes } from "../../vision/boxes/match-boxes.ts";
import { Extremes } from "../report/data/extremes.ts";
import { ClassTally, type FittedThreshold } from "./class-tally.ts";
import {
  type CountErrors,
  type CountTotal,
  ErrorSums,
  type MatchQuality,
  matchQuality,
} from "./count-errors.ts";
import {
  allClasses,
  countNames,
  invalidTruth,
  type TrueBoxes,
  type TruePhoto,
  type Truth,
} from "./truth/truth.ts";

export interface CompareOptions extends PhotoSelection {
  readonly recipe: Pick<StoredRecipe, "hash" | "json">;
  readonly truth: Truth;
  /** What counts. Default: as the recipe counts. */
  readonly question?: CountQuestion | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called for each photo. */
  readonly onPhoto?: (() => void) | undefined;
}

/** The counts of a class, and at which threshold they would be right. */
export interface ClassComparison extends CountErrors, MatchQuality {
  readonly name: string;
  /** Objects count that score above it; undefined for a class that the model does not have. */
  readonly threshold: number | undefined;
  /** The threshold of the least error of the total, without its sign. */
  readonly byTotal: FittedThreshold | undefined;
  /** The threshold of the best F1; undefined without boxes. */
  readonly byF1: FittedThreshold | undefined;
  /** Whether more are there than were recorded at any score. */
  readonly lacksObjects: boolean;
}

/** The counts of a photo. */
export interface PhotoComparison {
  readonly source: string;
  readonly truth: number;
  readonly counted: number;
  /** Of those that were counted; undefined without boxes. */
  readonly matched: number | undefined;
  readonly classes: readonly {
    readonly name: string;
    readonly truth: number;
    readonly counted: number;
  }[];
}

/** A photo on which results and truth differ much, and where. */
export interface DifferentPhoto {
  readonly photo: PhotoComparison;
  readonly result: StoredResult;
  /** Of what counts: its index among the objects, and whether it is there, if that is known. */
  readonly counted: readonly { readonly index: number; readonly isMatched: boolean | undefined }[];
  /** Boxes of what is there and was not counted. */
  readonly missed: readonly { readonly name: string; readonly boxXyxy: readonly number[] }[];
}

/** How results differ from the truth. */
export interface Comparison {
  readonly hasBoxes: boolean;
  /** By name. */
  readonly classes: readonly ClassComparison[];
  /** Of all classes together. */
  readonly all: CountErrors & MatchQuality;
  /** The total at the thresholds of the least errors; undefined where a class has none. */
  readonly allByTotal: CountTotal | undefined;
  /** In the order of their sources. */
  readonly photos: readonly PhotoComparison[];
  /** Those that differ most first. */
  readonly different: readonly DifferentPhoto[];
  /** Photos with a result that the truth does not have. */
  readonly withoutTruth: number;
  /** Photos of the truth that have no result. */
  readonly withoutResult: number;
}

/** Pictures of what differs. */
const mostPictures = 12;

/**
 * Compares the results of a recipe with what is truly on the photos. All scores that were recorded
 * are tried as thresholds, also those below the one that counts.
 *
 * @throws `TRUTH_INVALID`, `INVALID_ARGUMENT`, `LEDGER_*`, or the signal's reason.
 */
export async function compareResults(ledger: Ledger, options: CompareOptions): Promise<Comparison> {
  const { recipe, truth, question, signal, onPhoto, ...selection } = options;
  const { hash: recipeHash } = recipe;
  const scores = await readCountedScores(ledger, { question, recipeHash, signal });
  const contents: CountingRecipe = JSON.parse(recipe.json);
  const { recordFrom } = contents;
  const compared = new ComparedResults(truth, {
    counted: scores.get(recipeHash)!,
    recorded: new RecordedScores(contents),
    isChosen: question?.classes !== undefined,
  });
  const everything = recordFrom === undefined ? undefined : { minScore: recordFrom };
  const results = readResults(ledger, { ...selection, recipeHash, question: everything, signal });
  for await (const result of results) {
    signal?.throwIfAborted();
    const photo = truth.find(result);
    if (photo !== undefined) compared.add(result, photo);
    else compared.withoutTruth++;
    onPhoto?.();
  }
  return compared.finish();
}

/** What counts, and what is recorded. */
interface AskedScores {
  readonly counted: CountedScores;
  readonly recorded: RecordedScores;
  /** Whether some classes were chosen, so that others are left out of the truth, too. */
  readonly isChosen: boolean;
}

/** Gathers what is compared, photo by photo. */
class ComparedResults {
  withoutTruth = 0;
  readonly #truth: Truth;
  readonly #asked: AskedScores;
  readonly #tallies = new Map<string, ClassTally>();
  /** Class ids by the name that counts are compared under. */
  readonly #ids = new Map<string, number[]>();
  readonly #photos: PhotoComparison[] = [];
  readonly #sums = new ErrorSums();
  #matched = 0;
  readonly #different = new Extremes<DifferentPhoto>(
    mostPictures,
    ({ photo }) => -differenceOf(photo),
  );

  constructor(truth: Truth, asked: AskedScores) {
    this.#truth = truth;
    this.#asked = asked;
    const { counted } = asked;
    for (const [classId, name] of counted.names.entries()) {
      if (counted.scoreOf(classId) === Infinity) continue;
      const key = truth.hasClasses ? name : allClasses;
      this.#ids.set(key, [...(this.#ids.get(key) ?? []), classId]);
    }
  }

  add(result: StoredResult, photo: TruePhoto): void {
    const { objects, source } = result;
    const boxes = photo.boxes && insideRegions(toPx(photo.boxes, result), result);
    const countByName = boxes ? countNames(boxes.classNames) : photo.countByName;
    const wanted = this.#wanted(countByName.keys());
    const names = [...new Set([...this.#ids.keys(), ...this.#tallies.keys(), ...wanted])];
    const classes: { name: string; truth: number; counted: number }[] = [];
    const counted: { index: number; isMatched: boolean | undefined }[] = [];
    const missed: { name: string; boxXyxy: readonly number[] }[] = [];
    for (const name of names) {
      const ids = this.#ids.get(name) ?? [];
      const found = [...objects.classIds.keys()].filter((i) => ids.includes(objects.classIds[i]!));
      const ofTruth =
        boxes && [...boxes.classNames.keys()].filter((i) => boxes.classNames[i] === name);
      const matches =
        boxes &&
        matchBoxes(selectBoxes(objects.boxesXyxy, found), selectBoxes(boxes.boxesXyxy, ofTruth!));
      const truth = countByName.get(name) ?? 0;
      this.#tallyOf(name).addPhoto({
        truth,
        scores: found.map((index) => objects.scores[index]!),
        isMatched: matches && Array.from(matches, (match) => match >= 0),
      });
      const isCounted = (index: number) =>
        objects.scores[index]! > this.#asked.counted.thresholdOf(objects.classIds[index]!);
      const taken = new Set<number>();
      let count = 0;
      for (const [rank, index] of found.entries()) {
        if (!isCounted(index)) continue;
        count++;
        counted.push({ index, isMatched: matches && matches[rank]! >= 0 });
        if (matches && matches[rank]! >= 0) taken.add(matches[rank]!);
      }
      for (const [rank, index] of (ofTruth ?? []).entries()) {
        if (taken.has(rank)) continue;
        missed.push({ name, boxXyxy: [...boxes!.boxesXyxy.subarray(4 * index, 4 * index + 4)] });
      }
      classes.push({ name, truth, counted: count });
    }
    const sum = (key: "truth" | "counted") => classes.reduce((total, row) => total + row[key], 0);
    const matched = boxes && counted.filter(({ isMatched }) => isMatched).length;
    const compared = { source, truth: sum("truth"), counted: sum("counted"), matched, classes };
    this.#photos.push(compared);
    this.#sums.add(compared.truth, compared.counted);
    this.#matched += matched ?? 0;
    this.#different.add({ photo: compared, result, counted, missed });
  }

  finish(): Comparison {
    if (this.#photos.length === 0) {
      throw invalidTruth(
        `photos that have a result and a truth, got none: ${this.#truth.photoCount} are in the ` +
          `truth and ${this.withoutTruth} in the results, under other names`,
      );
    }
    const { hasBoxes, unmatchedCount, photoCount } = this.#truth;
    const classes = Array.from(this.#tallies.values(), (tally) => this.#compareClass(tally));
    const all = this.#sums.errors;
    const quality = { matched: this.#matched, counted: all.counted, truth: all.truth };
    return {
      hasBoxes,
      classes: classes.sort((a, b) => (a.name < b.name ? -1 : 1)),
      all: { ...all, ...(hasBoxes ? matchQuality(quality) : noQuality) },
      allByTotal: totalOf(classes),
      photos: this.#photos,
      different: this.#different.items.filter(({ photo }) => differenceOf(photo) > 0),
      withoutTruth: this.withoutTruth,
      withoutResult: Math.min(unmatchedCount, photoCount),
    };
  }

  #compareClass(tally: ClassTally): ClassComparison {
    const { name, lacksObjects } = tally;
    const { hasBoxes } = this.#truth;
    const [classId] = this.#ids.get(name) ?? [];
    const at = classId === undefined ? Infinity : this.#asked.counted.thresholdOf(classId);
    return {
      name,
      threshold: classId === undefined ? undefined : this.#asked.counted.scoreOf(classId),
      ...tally.at(at),
      ...(!hasBoxes && noQuality),
      byTotal: classId === undefined ? undefined : tally.fitTotal(),
      byF1: classId === undefined || !hasBoxes ? undefined : tally.fitF1(),
      lacksObjects,
    };
  }

  /** Classes of the truth that the model lacks are compared, too, unless some were chosen. */
  #wanted(names: Iterable<string>): string[] {
    return this.#asked.isChosen ? [] : [...names];
  }

  #tallyOf(name: string): ClassTally {
    let tally = this.#tallies.get(name);
    if (tally === undefined) {
      const [classId = 0] = this.#ids.get(name) ?? [];
      tally = new ClassTally(name, this.#asked.recorded.recordedFrom(classId));
      // Photos before this one have nothing of it.
      for (const _ of this.#photos) tally.addPhoto({ truth: 0, scores: [] });
      this.#tallies.set(name, tally);
    }
    return tally;
  }
}

/** Sums the classes up, each at its own threshold. */
function totalOf(classes: readonly ClassComparison[]): CountTotal | undefined {
  const sums = new ErrorSums();
  for (const { byTotal } of classes) {
    if (byTotal === undefined) return undefined;
    sums.add(byTotal.truth, byTotal.counted);
  }
  return sums.errors;
}

const noQuality = { precision: undefined, recall: undefined, f1: undefined };

/** What is too much and what is missing; without boxes the errors of the classes. */
function differenceOf({ truth, counted, matched, classes }: PhotoComparison): number {
  if (matched !== undefined) return truth - matched + (counted - matched);
  return classes.reduce((sum, row) => sum + Math.abs(row.counted - row.truth), 0);
}

/** @throws `TRUTH_INVALID` for boxes of a photo of another size */
function toPx(boxes: TrueBoxes, { source, widthPx, heightPx }: StoredResult): TrueBoxes {
  const { areShares, sizeWh, boxesXyxy } = boxes;
  if (sizeWh !== undefined && (sizeWh[0] !== widthPx || sizeWh[1] !== heightPx)) {
    throw invalidTruth(
      `boxes on ${source} of ${widthPx}×${heightPx} px, got some of a photo of ` +
        `${sizeWh.join("×")} px`,
    );
  }
  if (!areShares) return boxes;
  const px = boxesXyxy.map((share, i) => share * (i % 2 === 0 ? widthPx : heightPx));
  return { ...boxes, boxesXyxy: px, areShares: false };
}

/** Leaves out what lies in no region, as counting does. */
function insideRegions(boxes: TrueBoxes, { regions }: StoredResult): TrueBoxes {
  if (regions === undefined) return boxes;
  const inside = [...boxes.classNames.keys()].filter((i) => {
    const [x1, y1, x2, y2] = boxes.boxesXyxy.subarray(4 * i, 4 * i + 4) as unknown as number[];
    return regions.some(({ mask }) => mask.contains((x1! + x2!) / 2, (y1! + y2!) / 2));
  });
  return {
    ...boxes,
    classNames: inside.map((i) => boxes.classNames[i]!),
    boxesXyxy: selectBoxes(boxes.boxesXyxy, inside),
  };
}
