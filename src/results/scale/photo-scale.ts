import { checkOptions, type Expectation } from "../../base/check-options.ts";
import { formatValue } from "../../base/quantities.ts";
import { OrangeryError } from "../../errors.ts";
import type { StoredResult } from "../../ledger/results/stored-results.ts";
import { SourceTable, type SourceTableOptions } from "../source-table.ts";

/** A photo's scale, and what it was computed from. */
export interface PhotoScale {
  readonly pixelsPerMetre: number;
  /** What it was computed from: `height 30 m, focal length 8.8 mm, sensor 13.2 mm wide`. */
  readonly from: string;
  /** The same without the numbers. */
  readonly basis: string;
}

/** A result with the scale of its photo, where that was asked for and is known. */
export interface ScaledResult extends StoredResult {
  readonly scale?: PhotoScale | undefined;
}

/** What is known of a photo when its scale is asked for. */
export type ScalablePhoto = Pick<StoredResult, "source" | "capture" | "widthPx" | "heightPx">;

/** Returns the scale of a photo; undefined where it is not known. */
export type ScaleOf = (photo: ScalablePhoto) => PhotoScale | undefined;

/** Scales by photo or folder. */
export type ScaleTable = SourceTable<"pixels_per_metre">;

/**
 * Reads a CSV with the columns `photo` and `pixels_per_metre`.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function readScaleTable(
  text: string,
  options: Omit<SourceTableOptions<"pixels_per_metre">, "columns">,
): ScaleTable {
  const isScale = (value: number) => Number.isFinite(value) && value > 0;
  return SourceTable.parse(text, { ...options, columns: { pixels_per_metre: isScale } });
}

/** Where scales come from: one of the three. Without any, none is known. */
export interface ScaleOptions {
  /** The same for all photos. */
  readonly pixelsPerMetre?: number | undefined;
  /** By photo or folder. */
  readonly table?: ScaleTable | undefined;
  /**
   * From the focal length, for photos that were taken straight down from this height above what
   * they show, in metres. `recorded`: the height that a drone recorded, which is above the place
   * where it took off.
   */
  readonly height?: number | "recorded" | undefined;
  /** With {@link height}, of cameras that do not state it. Default: as the photo says. */
  readonly sensorWidthMm?: number | undefined;
}

const aboveZero: Expectation = {
  expected: "a number above 0",
  holds: (value) => typeof value === "number" && Number.isFinite(value) && value > 0,
};

/**
 * Chooses where scales come from.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function scaleFrom(options: ScaleOptions): ScaleOf {
  const { pixelsPerMetre, table, height, sensorWidthMm } = options;
  const heightM = height === "recorded" ? undefined : height;
  checkOptions({ pixelsPerMetre, height: heightM, sensorWidthMm }, aboveZero);
  const sources = [pixelsPerMetre, table, height].filter((source) => source !== undefined);
  if (sources.length > 1 || (sensorWidthMm !== undefined && height === undefined)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected one source of scales: pixels per metre, a table or a height; a sensor's width " +
        "only with a height.",
    );
  }
  if (pixelsPerMetre !== undefined)
    return () => ({ pixelsPerMetre, from: "given", basis: "given" });
  if (table !== undefined) {
    return ({ source }) => {
      const pixelsPerMetre = table.rowOf(source)?.values.pixels_per_metre;
      if (pixelsPerMetre === undefined) return undefined;
      return { pixelsPerMetre, from: table.name, basis: table.name };
    };
  }
  if (height === undefined) return () => undefined;
  return (photo) => scaleFromCamera(photo, heightM ?? photo.capture.heightM, sensorWidthMm);
}

/** The diagonal of film of 36 × 24 mm, by which equivalent focal lengths are stated. */
const filmDiagonalMm = Math.hypot(36, 24);

/**
 * The scale at the middle of a photo that was taken straight down. A pixel's side on the ground is
 * to its side on the sensor as the height is to the focal length.
 */
function scaleFromCamera(
  { capture, widthPx, heightPx }: ScalablePhoto,
  heightM: number | undefined,
  givenSensorMm: number | undefined,
): PhotoScale | undefined {
  if (heightM === undefined || heightM <= 0) return undefined;
  const { focalLengthMm, focalLength35Mm } = capture;
  const height = `height ${formatValue(heightM)} m`;
  const sensorMm = givenSensorMm ?? capture.sensorWidthMm;
  if (focalLengthMm !== undefined && sensorMm !== undefined) {
    // Sensors are wider than high, and so are photos until they are turned.
    const pixelsPerMm = Math.max(widthPx, heightPx) / sensorMm;
    const focalLength = `focal length ${formatValue(focalLengthMm)} mm`;
    return {
      pixelsPerMetre: round((pixelsPerMm * focalLengthMm) / heightM),
      from: `${height}, ${focalLength}, sensor ${formatValue(sensorMm)} mm wide`,
      basis: "height, focal length and width of the sensor",
    };
  }
  if (focalLength35Mm === undefined) return undefined;
  const pixelsPerMm = Math.hypot(widthPx, heightPx) / filmDiagonalMm;
  return {
    pixelsPerMetre: round((pixelsPerMm * focalLength35Mm) / heightM),
    from: `${height}, focal length ${formatValue(focalLength35Mm)} mm on film of 36 × 24 mm`,
    basis: "height and focal length on film of 36 × 24 mm",
  };
}

/** Returns the area of so many pixels in square metres; undefined where the scale is not known. */
export function toSquareMetres(areaPx: number, scale: PhotoScale | undefined): number | undefined {
  return scale && round(areaPx / scale.pixelsPerMetre ** 2);
}

function round(value: number): number {
  return Number(value.toPrecision(7));
}
