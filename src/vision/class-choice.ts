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
 * @throws `INVALID_ARGUMENT` for a class that the model does not have, or a score that is none
 */
export function chooseClasses(
  names: readonly string[],
  asked: {
    readonly classes?: readonly ClassChoice[] | undefined;
    readonly classConfidence?: ClassConfidence | undefined;
  },
): ChosenClasses {
  const { classes, classConfidence } = asked;
  const isList = classes === undefined || Array.isArray(classes);
  if (!isList) throw refuse("`classes` to be a list of class names or ids", classes);
  const ids = classes?.flatMap((choice) => classIdsOf(choice, names));
  const scores = new Map(
    entriesOf(classConfidence).flatMap(([choice, score]) => {
      if (!isShare(score)) {
        throw refuse(`\`classConfidence\` of ${choice} to be a number from 0 to 1`, score);
      }
      return classIdsOf(choice, names).map((id) => [id, score] as const);
    }),
  );
  return {
    classes: ids && [...new Set(ids)].sort(ascending),
    classConfidence: scores.size === 0 ? undefined : [...scores].sort(([a], [b]) => a - b),
  };
}

function entriesOf(
  classConfidence: ClassConfidence = [],
): readonly (readonly [ClassChoice, number])[] {
  if (typeof classConfidence !== "object" || classConfidence === null) {
    throw refuse("`classConfidence` to be scores by class, as in { plant: 0.4 }", classConfidence);
  }
  if (!Array.isArray(classConfidence)) return Object.entries(classConfidence);
  const stray = classConfidence.find((pair) => !Array.isArray(pair) || pair.length !== 2);
  if (stray === undefined) return classConfidence;
  throw refuse("`classConfidence` to be pairs of a class and its score", stray);
}

function classIdsOf(choice: unknown, names: readonly string[]): number[] {
  const ids = [...names.keys()].filter((id) => names[id] === choice);
  if (ids.length > 0) return ids;
  const isId = typeof choice === "number" || (typeof choice === "string" && /^\d+$/.test(choice));
  const id = Number(choice);
  if (isId && Number.isInteger(id) && id >= 0 && id < names.length) return [id];
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a class of the model, by name or id, got \`${String(choice)}\`. It has ` +
      `${listClasses(names)}.`,
    { details: { class: choice, names } },
  );
}

/** `0 plant, 1 weed` */
function listClasses(names: readonly string[]): string {
  const listed = names.slice(0, listedClasses).map((name, id) => `${id} ${name}`);
  const rest = names.length - listed.length;
  return [...listed, ...(rest > 0 ? [`and ${rest} more`] : [])].join(", ");
}

function isShare(score: unknown): boolean {
  return typeof score === "number" && score >= 0 && score <= 1;
}

function ascending(a: number, b: number): number {
  return a - b;
}

function refuse(expected: string, value: unknown): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", `Expected ${expected}, got \`${String(value)}\`.`);
}
