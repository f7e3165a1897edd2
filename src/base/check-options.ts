import { OrangeryError, textOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

/** Options with their defaults filled in: none of `Names` is missing or undefined. */
export type Defined<Options, Names extends keyof Options = keyof Options> = {
  readonly [Name in Names]-?: Exclude<Options[Name], undefined>;
};

/** What an option has to be, in words that follow "to be", with its test. */
export interface Expectation {
  readonly expected: string;
  readonly holds: (value: unknown) => boolean;
}

/** A number from `least` up, not necessarily finite. */
export function numberFrom(least: number): Expectation {
  return {
    expected: `a number from ${least} up`,
    holds: (value) => typeof value === "number" && value >= least,
  };
}

/** A whole number from `least` up. */
export function wholeNumberFrom(least: number): Expectation {
  return {
    expected: `a whole number from ${least} up`,
    holds: (value) => Number.isSafeInteger(value) && (value as number) >= least,
  };
}

/** One of the values listed. */
export function oneOf(...values: readonly unknown[]): Expectation {
  const names = values.map(String);
  const expected =
    names.length > 1 ? `${names.slice(0, -1).join(", ")} or ${names.at(-1)}` : names.join();
  return { expected, holds: (value) => values.includes(value) };
}

/** A string, named by what it stands for. */
export function text(expected: string): Expectation {
  return { expected, holds: (value) => typeof value === "string" };
}

/** A list of strings, named by what they stand for. */
export function texts(what: string): Expectation {
  return {
    expected: `a list of ${what}`,
    holds: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  };
}

/** `true` or `false`. */
export const trueOrFalse = oneOf(true, false);

/** A signal that aborts. */
export const abortSignal: Expectation = {
  expected: "an AbortSignal",
  holds: (value) => value instanceof AbortSignal,
};

/** A function. */
export const aFunction: Expectation = {
  expected: "a function",
  holds: (value) => typeof value === "function",
};

/** Options by name. */
export const optionsByName: Expectation = {
  expected: "an object of options",
  holds: (value) => typeof value === "object" && value !== null && !(Symbol.iterator in value),
};

/** What `for await` goes through, but no text; named by what it has. */
export function iterableOf(what: string): Expectation {
  return {
    expected: `an iterable of ${what}`,
    holds: (value) =>
      typeof value === "object" &&
      value !== null &&
      (Symbol.iterator in value || Symbol.asyncIterator in value),
  };
}

/** A logger of pino's shape. */
export const loggerShape: Expectation = {
  expected: "a logger with debug, info, warn, error and child, such as pino's",
  holds: (value) => {
    const { debug, info, warn, error, child } = (value ?? {}) as Partial<Logger>;
    return [debug, info, warn, error, child].every(aFunction.holds);
  },
};

/**
 * Returns options as they are, for their names to be taken out.
 *
 * @param type The name of the options' type.
 * @throws `INVALID_ARGUMENT` where they are no object, such as null
 */
export function optionsOf<Options extends object>(type: string, options: Options): Options {
  requireOptions({ [type]: options }, optionsByName);
  return options;
}

/**
 * Refuses names that no option has. A misspelt option would have no effect, and a count would be
 * another than was asked for, without a word.
 *
 * @param type The name of the options' type.
 * @param rest What is left of them when all that the type has are taken out.
 * @throws `INVALID_ARGUMENT`
 */
export function refuseUnknown(
  type: string,
  options: object,
  rest: Readonly<Record<string, never>>,
): void {
  optionsOf(type, options);
  const option = Object.keys(rest).find((name) => rest[name] !== undefined);
  if (option === undefined) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected the options of \`${type}\`, got \`${option}\`, which is none of them. ` +
      "Correct its spelling, or leave it out.",
    { details: { option, expected: type } },
  );
}

/**
 * Checks options by name; undefined ones count as not given, and pass.
 *
 * @throws `INVALID_ARGUMENT` with `details` of `option`, `expected` and `value`
 */
export function checkOptions(
  options: Readonly<Record<string, unknown>>,
  expectation: Expectation,
): void {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  requireOptions(Object.fromEntries(given), expectation);
}

/**
 * Checks options by name that have to be given.
 *
 * @throws as {@link checkOptions}
 */
export function requireOptions(
  options: Readonly<Record<string, unknown>>,
  { expected, holds }: Expectation,
): void {
  for (const [option, value] of Object.entries(options)) {
    if (holds(value)) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${option}\` to be ${expected}, got \`${textOf(value)}\` (${typeof value}).`,
      { details: { option, expected, value } },
    );
  }
}
