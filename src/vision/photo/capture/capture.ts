/**
 * When, where and with what a photo was taken, as far as its file says so (EXIF and XMP). Nothing
 * of it decides a count.
 */
export interface Capture {
  /**
   * The time by the camera's clock, ISO 8601, with its zone where that is known:
   * `2026-05-12T06:30:00+02:00`, otherwise `2026-05-12T06:30:00`.
   */
  readonly takenAt?: string | undefined;
  /** Degrees, WGS 84; north and east are positive. Both are known or none. */
  readonly latitude?: number | undefined;
  readonly longitude?: number | undefined;
  /** Metres above sea level. */
  readonly altitudeM?: number | undefined;
  /** Metres above the place where a drone took off, or above the ground. */
  readonly heightM?: number | undefined;
  /** Maker and model. */
  readonly camera?: string | undefined;
  /** The camera's serial number. */
  readonly cameraId?: string | undefined;
  readonly focalLengthMm?: number | undefined;
  /** Of the lens with the same angle of view, by the diagonal, on film of 36 × 24 mm. */
  readonly focalLength35Mm?: number | undefined;
  /** The width of the part of the sensor that the photo shows. */
  readonly sensorWidthMm?: number | undefined;
}

/** Leaves out where a photo was taken. */
export function withoutLocation(capture: Capture): Capture {
  const nowhere = { latitude: undefined, longitude: undefined, altitudeM: undefined };
  return { ...capture, ...nowhere, heightM: undefined };
}
