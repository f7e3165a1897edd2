import { OrangeryError } from "../errors.ts";

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

/** `true` or `false`. */
export const trueOrFalse = oneOf(true, false);

/**
 * Checks options by name; undefined ones count as not given, and pass.
 *
 * @throws `INVALID_ARGUMENT` with `details` of `option`, `expected` and `value`
 */
export function checkOptions(
  options: Readonly<Record<string, unknown>>,
  { expected, holds }: Expectation,
): void {
  for (const [option, value] of Object.entries(options)) {
    if (value === undefined || holds(value)) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${option}\` to be ${expected}, got \`${String(value)}\` (${typeof value}).`,
      { details: { option, expected, value } },
    );
  }
}
