import sharp from "sharp";
import { withImage } from "../decode-picture.ts";
import { steadyBytes } from "../picture.ts";
import { withExifFirst } from "../samples/png-chunks.ts";
import type { Capture } from "./capture.ts";
import { readTime, zoneBetween } from "./capture-time.ts";
import { type ExifFields, readExifFields, exifTags as tags } from "./exif-fields.ts";
import { readXmpProperties, type XmpName } from "./xmp-properties.ts";

/**
 * Reads when, where and with what an encoded photo was taken. Never fails: what is missing, damaged
 * or impossible is not known.
 */
export async function readCapture(bytes: Uint8Array): Promise<Capture> {
  try {
    const image = sharp(withExifFirst(steadyBytes(bytes)), { limitInputPixels: false });
    const { exif, xmp } = await withImage(image, () => image.metadata());
    // A TIFF's own directory holds what EXIF holds elsewhere.
    const fields = readExifFields(exif ?? bytes);
    return captureOf(fields, xmp === undefined ? new Map() : readXmpProperties(xmp));
  } catch {
    return {};
  }
}

type Xmp = ReadonlyMap<XmpName, string>;

function captureOf(exif: ExifFields | undefined, xmp: Xmp): Capture {
  const place = exifPlace(exif) ?? xmpPlace(xmp);
  return withoutUndefined({
    takenAt: timeOf(exif, xmp),
    ...place,
    altitudeM: exifAltitude(exif) ?? toMetres(xmp.get("AbsoluteAltitude")),
    heightM: toMetres(xmp.get("AboveGroundAltitude") ?? xmp.get("RelativeAltitude")),
    camera: cameraOf(
      exif?.image.text(tags.make) ?? xmp.get("Make"),
      exif?.image.text(tags.model) ?? xmp.get("Model"),
    ),
    cameraId:
      exif?.photo.text(tags.bodySerialNumber) ??
      xmp.get("SerialNumber") ??
      xmp.get("DroneSerialNumber"),
    focalLengthMm: exif?.photo.positive(tags.focalLength),
    focalLength35Mm: exif?.photo.positive(tags.focalLengthIn35mmFilm),
    sensorWidthMm: sensorWidthOf(exif),
  });
}

function withoutUndefined(capture: Capture): Capture {
  return Object.fromEntries(Object.entries(capture).filter(([, value]) => value !== undefined));
}

/** The time of exposure comes before that of digitizing, and that before the file's own. */
function timeOf(exif: ExifFields | undefined, xmp: Xmp): string | undefined {
  const { image, photo } = exif ?? {};
  const time =
    readTime(photo?.text(tags.dateTimeOriginal), photo?.text(tags.offsetTimeOriginal)) ??
    readTime(xmp.get("DateTimeOriginal")) ??
    readTime(photo?.text(tags.dateTimeDigitized), photo?.text(tags.offsetTimeDigitized)) ??
    readTime(xmp.get("CreateDate") ?? xmp.get("DateCreated")) ??
    readTime(image?.text(tags.dateTime), photo?.text(tags.offsetTime));
  const utc = satelliteTime(exif);
  if (time === undefined || time.length > 19 || utc === undefined) return time;
  return time + (zoneBetween(time, utc) ?? "");
}

/** The UTC of a fix, without its zone. */
function satelliteTime(exif: ExifFields | undefined): string | undefined {
  const date = exif?.gps.text(tags.gpsDateStamp);
  const clock = exif?.gps.numbers(tags.gpsTimeStamp) ?? [];
  if (date === undefined || clock.length !== 3) return undefined;
  const digits = clock.map((part) => String(Math.floor(part)).padStart(2, "0"));
  return readTime(`${date} ${digits.join(":")}`);
}

type Place = Pick<Capture, "latitude" | "longitude">;

function exifPlace(exif: ExifFields | undefined): Place | undefined {
  if (exif === undefined) return undefined;
  const { gps } = exif;
  const degrees = (value: number, reference: number, negative: string) => {
    const [whole = Number.NaN, minutes = 0, seconds = 0] = gps.numbers(value);
    const sign = gps.text(reference)?.toUpperCase() === negative ? -1 : 1;
    return sign * (whole + minutes / 60 + seconds / 3600);
  };
  return checkPlace(
    degrees(tags.gpsLatitude, tags.gpsLatitudeRef, "S"),
    degrees(tags.gpsLongitude, tags.gpsLongitudeRef, "W"),
  );
}

function xmpPlace(xmp: Xmp): Place | undefined {
  const [latitude, longitude] = [
    xmp.get("GPSLatitude") ?? xmp.get("GpsLatitude"),
    xmp.get("GPSLongitude") ?? xmp.get("GpsLongitude") ?? xmp.get("GpsLongtitude"),
  ].map(toDegrees);
  return checkPlace(latitude!, longitude!);
}

/** Reads `52,30.5N`, `52,30,30N` and `+52.5`. */
function toDegrees(text = ""): number {
  const [, whole, minutes = "0", seconds = "0", side] =
    /^([+-]?\d{1,3}(?:\.\d+)?)(?:,(\d+(?:\.\d+)?))?(?:,(\d+(?:\.\d+)?))?([NSEW])?$/.exec(text) ??
    [];
  if (whole === undefined) return Number.NaN;
  const degrees = Number(whole) + Number(minutes) / 60 + Number(seconds) / 3600;
  return side === "S" || side === "W" ? -degrees : degrees;
}

/** A receiver without a fix writes zeros. */
function checkPlace(latitude: number, longitude: number): Place | undefined {
  const isPlace = Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  if (!isPlace || (latitude === 0 && longitude === 0)) return undefined;
  const round = (degrees: number) => Math.round(degrees * 1e7) / 1e7;
  return { latitude: round(latitude), longitude: round(longitude) };
}

function exifAltitude(exif: ExifFields | undefined): number | undefined {
  const [altitude = Number.NaN] = exif?.gps.numbers(tags.gpsAltitude) ?? [];
  const [reference] = exif?.gps.numbers(tags.gpsAltitudeRef) ?? [];
  return checkMetres(reference === 1 ? -altitude : altitude);
}

function toMetres(text: string | undefined): number | undefined {
  return /^[+-]?\d+(\.\d+)?$/.test(text ?? "") ? checkMetres(Number(text)) : undefined;
}

/** Plausible altitudes of photos, in metres. */
function checkMetres(metres: number): number | undefined {
  return metres > -12_000 && metres < 1e6 ? Math.round(metres * 1000) / 1000 : undefined;
}

/** Some model names already contain the maker's. */
function cameraOf(make: string | undefined, model: string | undefined): string | undefined {
  if (make === undefined || model === undefined) return model ?? make;
  const [brand] = make.split(" ");
  return model.toLowerCase().startsWith(brand!.toLowerCase()) ? model : `${make} ${model}`;
}

/** Millimetres of each unit of a resolution: inches, and so on by the standard. */
const unitMm: Readonly<Record<number, number>> = { 2: 25.4, 3: 10, 4: 1, 5: 0.001 };

function sensorWidthOf(exif: ExifFields | undefined): number | undefined {
  const { photo } = exif ?? {};
  const [pixels, resolution] = [tags.pixelXDimension, tags.focalPlaneXResolution].map((tag) =>
    photo?.positive(tag),
  );
  if (pixels === undefined || resolution === undefined) return undefined;
  const widthMm =
    (pixels / resolution) * (unitMm[photo!.positive(tags.focalPlaneResolutionUnit) ?? 2] ?? 25.4);
  return widthMm >= 0.5 && widthMm <= 500 ? Math.round(widthMm * 1000) / 1000 : undefined;
}
