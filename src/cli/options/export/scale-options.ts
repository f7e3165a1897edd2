import type { Command } from "commander";
import { formatPlural } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import type { ScaleOf } from "../../../results/scale/photo-scale.ts";
import { expected, parseDecimal } from "../option-values.ts";
import { explainNoRow, readTextFile, sourceFromTable } from "./table-files.ts";

/** Options that say how large photos show things. */
export interface ScaleArguments {
  readonly pixelsPerMetre?: number;
  readonly scaleTable?: string;
  readonly heightAboveGround?: number | "recorded";
  readonly sensorWidth?: number;
}

/** The names of these options, as they are written. */
const scaleOptionNames = {
  pixelsPerMetre: "--pixels-per-metre",
  scaleTable: "--scale-table",
  heightAboveGround: "--height-above-ground",
} as const;

/** Adds the options that say how large photos show things. */
export function addScaleOptions(command: Command): Command {
  return command
    .option("--pixels-per-metre <n>", "the scale of all photos, for counts a m²", parseAboveZero)
    .option(
      "--scale-table <csv>",
      "scales by photo or folder: a CSV with the columns photo and pixels_per_metre",
    )
    .option(
      "--height-above-ground <m>",
      "compute scales from the focal length and this height, or recorded for a drone's own",
      parseHeight,
    )
    .option(
      "--sensor-width <mm>",
      "the width of the sensor, if photos do not state it",
      parseAboveZero,
    );
}

function parseAboveZero(text: string): number {
  const value = parseDecimal(text);
  if (value > 0) return value;
  throw expected("a number above 0", text);
}

function parseHeight(text: string): number | "recorded" {
  if (text === "recorded") return text;
  const value = parseDecimal(text);
  if (value > 0) return value;
  throw expected("metres as in 30, or the word recorded", text);
}

/** Lists the options that were given for scales. */
export function givenScales(options: ScaleArguments): readonly string[] {
  const names = Object.entries(scaleOptionNames) as [keyof typeof scaleOptionNames, string][];
  return names.flatMap(([key, name]) => (options[key] === undefined ? [] : [name]));
}

/** Where scales come from, and how many photos had none. */
export interface CallerScale {
  readonly scaleOf: ScaleOf;
  /** Describes on a line how many of the photos had no scale, and why; "" where all had one. */
  describeMissing(): string;
}

/**
 * Reads where scales come from; undefined where none is asked for.
 *
 * @param relativeTo The place below which a table names photos. Default: the caller's folder.
 */
export async function readScale(
  options: ScaleArguments,
  relativeTo?: string | undefined,
): Promise<CallerScale | undefined> {
  const { pixelsPerMetre, scaleTable, heightAboveGround: height, sensorWidth } = options;
  const sources = givenScales(options);
  if (sources.length > 1) throw invalid(`one of ${sources.join(" and ")}, got both`);
  if (sensorWidth !== undefined && height === undefined) {
    throw invalid("--sensor-width with --height-above-ground, got it alone");
  }
  if (sources.length === 0) return undefined;
  // Imported late: most commands need none of it.
  const { scaleFrom } = await import("../../../results/scale/photo-scale.ts");
  const table = scaleTable === undefined ? undefined : await readTable(scaleTable, relativeTo);
  const scaleOf = scaleFrom({ pixelsPerMetre, table, height, sensorWidthMm: sensorWidth });
  const reason =
    table === undefined
      ? `their ${height === "recorded" ? "height, " : ""}focal length or sensor is not known`
      : explainNoRow(table.name, relativeTo);
  return countMissing(scaleOf, reason);
}

function countMissing(scaleOf: ScaleOf, reason: string): CallerScale {
  let missing = 0;
  return {
    scaleOf: (photo) => {
      const scale = scaleOf(photo);
      if (scale === undefined) missing++;
      return scale;
    },
    describeMissing: () =>
      missing === 0 ? "" : `No scale for ${formatPlural(missing, "photo")}: ${reason}\n`,
  };
}

async function readTable(name: string, relativeTo: string | undefined) {
  const { readScaleTable } = await import("../../../results/scale/photo-scale.ts");
  return readScaleTable(await readTextFile(name), {
    name,
    sourceOf: (photo) => sourceFromTable(photo, relativeTo),
  });
}

function invalid(what: string): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", `Expected ${what}.`);
}
