import { type Command, InvalidArgumentError } from "commander";

export function parseFraction(text: string): number {
  const value = parseDecimal(text);
  if (value >= 0 && value <= 1) return value;
  throw expected("a number from 0 to 1", text);
}

export function parseCount(text: string): number {
  const value = parseDecimal(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw expected("a whole number from 1 up", text);
}

/** Returns a number of bytes: `500M`, `4G`, `1.5GiB`, each unit 1,024 times the one before. */
export function parseBytes(text: string): number {
  const [, number, unit = ""] = /^([\d.]+) ?([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = parseDecimal(number ?? "") * 1024 ** " KMGT".indexOf(unit.toUpperCase() || " ");
  if (bytes >= 1) return Math.round(bytes);
  throw expected("bytes as in 500M or 4G", text);
}

const unitsMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** Returns milliseconds of an age: `90s`, `30m`, `2h`, `3d`, `1w`. */
export function parseAge(text: string): number {
  const [, number = "", unit = ""] = /^([\d.]+) ?([smhdw])$/i.exec(text) ?? [];
  const ageMs = parseDecimal(number) * (unitsMs[unit.toLowerCase()] ?? Number.NaN);
  if (ageMs >= 0) return ageMs;
  throw expected("an age as in 90s, 30m, 2h or 3d", text);
}

/** Returns the number of a port; 0 stands for any that is free. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw expected("a port from 0 to 65535", text);
}

/** Returns how many are shown, 0 for all. */
export function parseLimit(text: string): number {
  const value = parseDecimal(text);
  if (Number.isSafeInteger(value)) return value;
  throw expected("a whole number, 0 for all", text);
}

/** Gathers classes, by name or id: `plant,weed`. */
export function collectClasses(text: string, before: readonly string[] = []): string[] {
  const classes = text.split(",").map((name) => name.trim());
  if (classes.includes("")) throw expected("names or ids of classes, as in plant,weed", text);
  return [...before, ...classes];
}

/** Gathers scores of classes: `plant=0.4,weed=0.6`. */
export function collectClassScores(
  text: string,
  before: readonly (readonly [string, number])[] = [],
): (readonly [string, number])[] {
  const scores = text.split(",").map((pair): readonly [string, number] => {
    const end = pair.lastIndexOf("=");
    const score = parseDecimal(pair.slice(end + 1).trim());
    const name = pair.slice(0, Math.max(0, end)).trim();
    if (name !== "" && score >= 0 && score <= 1) return [name, score];
    throw expected("scores from 0 to 1 by class, as in plant=0.4,weed=0.6", text);
  });
  return [...before, ...scores];
}

/** Gathers the values of an option by name; one that is named twice has no value that is meant. */
export function collectNamed(
  [name, value]: readonly [name: string, value: string],
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  if (!Object.hasOwn(before, name)) return { ...before, [name]: value };
  throw new InvalidArgumentError(`Expected one value for \`${name}\`, got two.`);
}

/** Gathers the values of an option that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Returns NaN for what is no decimal number; `Number` would accept an empty text and 0x10, too. */
export function parseDecimal(text: string): number {
  return /^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

/** Returns one number for a square, or [height, width]. */
export function parseImageSize(text: string): number | [number, number] {
  const [height, width, ...rest] = text.split(/[x×]/i);
  const isSide = (side: string | undefined) => /^[1-9]\d{0,4}$/.test(side ?? "");
  if (rest.length === 0 && isSide(height)) {
    if (width === undefined) return Number(height);
    if (isSide(width)) return [Number(height), Number(width)];
  }
  throw expected("pixels as in 640, or height x width as in 480x640", text);
}

export function expected(what: string, value: string): InvalidArgumentError {
  return new InvalidArgumentError(`Expected ${what}, got "${value}".`);
}

/**
 * Refuses a command line without an option. Commander's own mandatory options would be reported
 * before a misspelt one, which is the likelier mistake.
 */
export function requireOption<T extends object>(
  command: Command,
  options: T,
  name: keyof T & string,
): void {
  if (options[name] === undefined)
    command.error(`error: option '${flagsOf(command, name)}' is needed`);
}

/** Refuses options that have no effect without another one. */
export function refuseWithout(command: Command, needed: string, names: readonly string[]): void {
  if (command.getOptionValue(needed) !== undefined) return;
  const stray = findGiven(command, names);
  if (stray === undefined) return;
  const { long } = command.options.find((option) => option.attributeName() === needed)!;
  command.error(`error: option '${flagsOf(command, stray)}' needs ${long}`);
}

/** Refuses options that have no meaning with another one, or without it. */
export function refuse(command: Command, names: readonly string[], circumstance: string): void {
  const stray = findGiven(command, names);
  if (stray === undefined) return;
  command.error(`error: option '${flagsOf(command, stray)}' has no meaning ${circumstance}`);
}

/** The first of the options that the command line gives. */
export function findGiven(command: Command, names: readonly string[]): string | undefined {
  return names.find((name) => command.getOptionValueSource(name) === "cli");
}

/** Returns how an option is written in the help: `--detect <model>`. */
export function flagsOf(command: Command, name: string): string {
  return command.options.find((option) => option.attributeName() === name)!.flags;
}
