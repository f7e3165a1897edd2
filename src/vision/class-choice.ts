import { checkOptions, type Expectation } from "../base/check-options.ts";
import { OrangeryError } from "../errors.ts";

/**
 * A class of a model: its name, or its id as a number. A text of digits is an id where no class has
 * that name. A name that several classes have means all of them.
 */
export type ClassChoice = string | number;

/** The least score of each class: by name, as in `{ plant: 0.4 }`, or as a list of pairs. */
export type ClassConfidence =
  | { readonly [name: string]: number }
  | readonly (readonly [ClassChoice, number])[];

/** Returns the least scores of classes as pairs. */
export function scorePairs(
  classConfidence: ClassConfidence = [],
): readonly (readonly [ClassChoice, number])[] {
  return Array.isArray(classConfidence) ? classConfidence : Object.entries(classConfidence);
}

/** What is asked about classes, with ids in place of names. */
export interface ChosenClasses {
  /** In ascending order; undefined where all are meant. */
  readonly classes: readonly number[] | undefined;
  /** By id, in ascending order; undefined where there is none. */
  readonly classConfidence: readonly (readonly [number, number])[] | undefined;
}

/** More are not listed in an error. */
const listedClasses = 80;

/**
 * Finds the ids of the classes that are meant.
 *
 * @param names Class names by class id.
 * @throws `INVALID_ARGUMENT` for a class that the model does not have, a score that is none, or two
 *   scores of a class
 */
export function chooseClasses(
  names: readonly string[],
  asked: {
    readonly classes?: readonly ClassChoice[] | undefined;
    readonly classConfidence?: ClassConfidence | undefined;
  },
): ChosenClasses {
  const { classes, classConfidence } = asked;
  checkOptions({ classes }, classList);
  checkOptions({ classConfidence }, classScores);
  const ids = classes?.flatMap((choice) => idsOf("classes", choice, names));
  const scores = new Map<number, number>();
  for (const [choice, score] of scorePairs(classConfidence)) {
    for (const id of idsOf("classConfidence", choice, names)) {
      if ((scores.get(id) ?? score) !== score) throw twoScores(names[id]!, classConfidence);
      scores.set(id, score);
    }
  }
  return {
    classes: ids && [...new Set(ids)].sort((a, b) => a - b),
    classConfidence: scores.size === 0 ? undefined : [...scores].sort(([a], [b]) => a - b),
  };
}

const classList: Expectation = {
  expected: "a list of classes, by name or id",
  holds: (value) => Array.isArray(value) && value.every(isChoice),
};

const classScores: Expectation = {
  expected: "scores from 0 to 1 by class, as in { plant: 0.4 }",
  holds: (value) => {
    if (typeof value !== "object" || value === null) return false;
    if (!Array.isArray(value)) return Object.values(value).every(isShare);
    return value.every(
      (pair) => Array.isArray(pair) && pair.length === 2 && isChoice(pair[0]) && isShare(pair[1]),
    );
  },
};

/**
 * Makes sure that one of a model's classes has a name, where one is given.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkClassName(
  option: string,
  name: string | undefined,
  names: readonly string[],
): void {
  checkOptions(
    { [option]: name },
    {
      expected: `the name of one of the model's classes: ${listClasses(names)}`,
      holds: (value) => names.some((known) => known === value),
    },
  );
}

function twoScores(name: string, classConfidence: unknown): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected \`classConfidence\` to have one score of each class, got two of ${name}.`,
    { details: { option: "classConfidence", value: classConfidence } },
  );
}

function idsOf(option: string, choice: ClassChoice, names: readonly string[]): number[] {
  const ids = [...names.keys()].filter((id) => names[id] === choice);
  if (ids.length > 0) return ids;
  const id = typeof choice === "number" || /^\d+$/.test(choice) ? Number(choice) : Number.NaN;
  checkOptions(
    { [option]: choice },
    {
      expected: `of the model's classes: ${listClasses(names)}`,
      holds: () => Number.isInteger(id) && id >= 0 && id < names.length,
    },
  );
  return [id];
}

/** `0 plant, 1 weed` */
function listClasses(names: readonly string[]): string {
  const listed = names.slice(0, listedClasses).map((name, id) => `${id} ${name}`);
  const rest = names.length - listed.length;
  return [...listed, ...(rest > 0 ? [`and ${rest} more`] : [])].join(", ");
}

function isChoice(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number";
}

function isShare(score: unknown): boolean {
  return typeof score === "number" && score >= 0 && score <= 1;
}
