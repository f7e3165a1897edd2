import { checkOptions, optionsOf, refuseUnknown } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import {
  type ClassChoice,
  type ClassConfidence,
  chooseClasses,
} from "../../vision/class-choice.ts";

/** Which of the recorded objects count: a threshold that is asked for after the run. */
export interface CountQuestion {
  /**
   * Objects count that score above this, 0 to 1, as with the recipe's `confidence`. Default: as the
   * recipe counts.
   */
  readonly minScore?: number | undefined;
  /** Classes that count, by name or id. Default: all that the recipe finds. */
  readonly classes?: readonly ClassChoice[] | undefined;
  /** The least scores of some classes, which go before `minScore`. */
  readonly classConfidence?: ClassConfidence | undefined;
}

/** A recipe, as far as it decides what is counted. */
export interface CountingRecipe {
  readonly detect?: {
    readonly confidence?: number | undefined;
    readonly classes?: readonly number[] | undefined;
    readonly classConfidence?: readonly (readonly [number, number])[] | undefined;
  };
  readonly recordFrom?: number | undefined;
}

/** Of recipes that name none. */
const defaultConfidence = 0.25;

/** Which objects of a recipe's results count. */
export class CountedScores {
  /** Whether it is what the recipe itself counts. */
  readonly isOfRecipe: boolean;
  /** Class names by class id. */
  readonly names: readonly string[];
  readonly #recorded: RecordedScores;
  readonly #minScore: number | undefined;
  readonly #classes: ReadonlySet<number> | undefined;
  readonly #scores: ReadonlyMap<number, number>;
  /** By class id. */
  readonly #thresholds: readonly number[];

  /**
   * @param names Class names by class id.
   * @throws `INVALID_ARGUMENT` for a question that the recorded objects have no answer to
   */
  constructor(recipe: CountingRecipe, names: readonly string[], question: CountQuestion = {}) {
    const {
      minScore,
      classes: _classes,
      classConfidence: _scores,
      ...rest
    } = optionsOf("CountQuestion", question);
    refuseUnknown("CountQuestion", question, rest);
    checkOptions(
      { minScore },
      {
        expected: "a number from 0 to 1",
        holds: (score) => typeof score === "number" && score >= 0 && score <= 1,
      },
    );
    const recorded = new RecordedScores(recipe);
    const { classes, classConfidence = [] } = chooseClasses(names, question);
    for (const classId of [...(classes ?? []), ...classConfidence.map(([classId]) => classId)]) {
      if (!recorded.has(classId)) throw notRecorded(names[classId]!);
    }
    this.names = names;
    this.isOfRecipe =
      classes === undefined && classConfidence.length === 0 && minScore === undefined;
    this.#recorded = recorded;
    this.#minScore = minScore;
    this.#classes = classes && new Set(classes);
    this.#scores = new Map(classConfidence);
    this.#thresholds = Array.from(names.keys(), (classId) => this.#findThreshold(classId));
  }

  /** Objects of a class count that score above this: −∞ counts all recorded ones, +∞ none. */
  thresholdOf(classId: number): number {
    return this.#thresholds[classId] ?? this.#findThreshold(classId);
  }

  /** The same as people write it, also where all that is recorded counts; +∞ counts none. */
  scoreOf(classId: number): number {
    const recorded = this.#recorded;
    if (this.#classes?.has(classId) === false || !recorded.has(classId)) return Infinity;
    return this.#scores.get(classId) ?? this.#minScore ?? recorded.countedFrom(classId);
  }

  /** The name of a class, or its number where the model has no name for it. */
  nameOf(classId: number): string {
    return this.names[classId] ?? String(classId);
  }

  #findThreshold(classId: number): number {
    const score = this.scoreOf(classId);
    if (score === Infinity) return Infinity;
    const from = this.#recorded.recordedFrom(classId);
    if (score < from) throw tooLow(this.nameOf(classId), { score, from });
    // Scores are float32, and so is what a network's are compared with.
    return score === from ? -Infinity : Math.fround(score);
  }
}

/** What a recipe records of each class. */
export class RecordedScores {
  readonly #recipe: CountingRecipe;

  constructor(recipe: CountingRecipe) {
    this.#recipe = recipe;
  }

  has(classId: number): boolean {
    return this.#recipe.detect?.classes?.includes(classId) ?? true;
  }

  countedFrom(classId: number): number {
    const { confidence = defaultConfidence, classConfidence = [] } = this.#recipe.detect ?? {};
    return new Map(classConfidence).get(classId) ?? confidence;
  }

  recordedFrom(classId: number): number {
    return this.#recipe.recordFrom ?? this.countedFrom(classId);
  }
}

function tooLow(
  name: string,
  { score, from }: { readonly score: number; readonly from: number },
): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a score of ${from} or more for the class ${name}, from which its objects are ` +
      `recorded, got ${score}. Ask for a higher one, or run again with a lower --record-from.`,
    { details: { class: name, recordedFrom: from, score } },
  );
}

function notRecorded(name: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a class that the recipe finds, but ${name} was left out of its --classes. ` +
      "Run again with it.",
    { details: { class: name } },
  );
}
