import type { Capture } from "../../../vision/photo/capture/capture.ts";
import type { ColumnType, Row } from "./table-row.ts";

/** When and where a photo was taken, for tables with many rows of a photo. */
export const placeColumns = {
  taken_at: "text",
  latitude: "number",
  longitude: "number",
} as const satisfies { readonly [name: string]: ColumnType };

/** All that is known of how a photo was taken. The time is a text, as its zone may not be known. */
export const captureColumnKinds = {
  ...placeColumns,
  altitude_m: "number",
  height_m: "number",
  camera: "text",
  camera_id: "text",
  focal_length_mm: "number",
  focal_length_35mm: "number",
  sensor_width_mm: "number",
} as const satisfies { readonly [name: string]: ColumnType };

/** Returns the cells of {@link captureColumnKinds}, and of {@link placeColumns} among them. */
export function captureCells(capture: Capture): Row & {
  readonly [name in keyof typeof captureColumnKinds]: Row[string];
} {
  return {
    taken_at: capture.takenAt,
    latitude: capture.latitude,
    longitude: capture.longitude,
    altitude_m: capture.altitudeM,
    height_m: capture.heightM,
    camera: capture.camera,
    camera_id: capture.cameraId,
    focal_length_mm: capture.focalLengthMm,
    focal_length_35mm: capture.focalLength35Mm,
    sensor_width_mm: capture.sensorWidthMm,
  };
}
