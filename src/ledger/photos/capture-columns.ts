import type { Capture } from "../../vision/photo/capture/capture.ts";

/** The column of `photo` that holds each part of a {@link Capture}. Null is not known. */
const columnOf = {
  takenAt: "taken_at",
  latitude: "latitude",
  longitude: "longitude",
  altitudeM: "altitude_m",
  heightM: "height_m",
  camera: "camera",
  cameraId: "camera_id",
  focalLengthMm: "focal_length_mm",
  focalLength35Mm: "focal_length_35mm",
  sensorWidthMm: "sensor_width_mm",
} as const satisfies { readonly [part in keyof Capture]-?: string };

type Part = keyof typeof columnOf;

export type CaptureColumns = {
  readonly [part in Part as (typeof columnOf)[part]]: NonNullable<Capture[part]> | null;
};

const parts = Object.keys(columnOf) as Part[];

/** The names of the columns, for queries. */
export const captureColumnNames = parts.map((part) => `photo.${columnOf[part]}` as const);

/** Returns the columns of a photo that was read; none of one that was not. */
export function captureColumns(capture: Capture | undefined): Partial<CaptureColumns> {
  if (capture === undefined) return {};
  return Object.fromEntries(parts.map((part) => [columnOf[part], withoutNul(capture[part])]));
}

/** PostgreSQL takes no NUL in a text. */
function withoutNul(value: string | number | undefined): string | number | null {
  return typeof value === "string" ? value.replaceAll("\0", "") : (value ?? null);
}

/** Returns what a row knows. */
export function captureOf(row: CaptureColumns): Capture {
  const known = parts.filter((part) => row[columnOf[part]] !== null);
  return Object.fromEntries(known.map((part) => [part, row[columnOf[part]]]));
}
