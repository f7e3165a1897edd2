import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { OrangeryError } from "../../errors.ts";
import { fillRings } from "../../vision/masks/fill-rings.ts";
import { drawnScore, type Region } from "../../vision/region.ts";
import { NamesByEnd } from "../photos/names-by-end.ts";
import { readCocoRegions } from "./read-coco-regions.ts";
import { readCvat } from "./read-cvat.ts";
import { readGeoJson } from "./read-geojson.ts";
import { readLabelStudio } from "./read-label-studio.ts";
import { invalid, type PhotoOutlines, type RegionFileContents } from "./region-outlines.ts";

/** The photo whose regions are asked for. */
export interface RegionsPhoto {
  /** Its path, URL or key; undefined where it has none. */
  readonly source: string | undefined;
  readonly sizeWh: readonly [number, number];
}

/** Regions of all photos, on the size of the last photo. */
interface KnownMasks {
  readonly sizeWh: readonly [number, number];
  readonly regions: readonly Region[];
}

/**
 * Regions that people drew, in place of those that a network finds: of a file of GeoJSON in pixels,
 * COCO, CVAT or Label Studio; for all photos, or by photo.
 *
 * A photo is found by its path, or by the end of it: `north/row-1.jpg` in the file is every photo
 * whose path ends in that. A photo with regions of its own has only those.
 */
export class OwnRegions {
  /** Absolute path of the file. */
  readonly file: string;
  /** Hash of the regions, whatever file they are in: lower-case hex of SHA-256. */
  readonly sha256: string;
  readonly #forAll: string | undefined;
  // Kept as JSON: 100 MB of outlines are 100 MB of text, but several times that as objects.
  readonly #byPhoto = new NamesByEnd<string>();
  #known: KnownMasks | undefined;

  private constructor(file: string, { forAll, byPhoto }: RegionFileContents) {
    this.file = file;
    this.#forAll = forAll && canonical(forAll);
    for (const [name, photo] of byPhoto) {
      if (this.#byPhoto.add(name, canonical(photo))) continue;
      throw invalid(`each photo once by its name, got ${name} twice`);
    }
    const lines = [...this.#byPhoto.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    const all = createHash("sha256").update(this.#forAll ?? "");
    for (const line of lines) all.update(`\n${JSON.stringify(line)}`);
    this.sha256 = all.digest("hex");
  }

  /** Reads a file of regions. @throws `REGIONS_NOT_FOUND`, `REGIONS_INVALID` */
  static async read(file: string): Promise<OwnRegions> {
    try {
      return new OwnRegions(file, parse(await readFile(file, "utf8")));
    } catch (cause) {
      if (cause instanceof OrangeryError) {
        const message = `${basename(file)}: ${cause.message}`;
        throw new OrangeryError(cause.code, message, { cause, details: { file } });
      }
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new OrangeryError(
        "REGIONS_NOT_FOUND",
        `Expected a file with regions at ${file}, but it cannot be read (${code ?? message}).`,
        { cause, details: { file } },
      );
    }
  }

  /** Reads regions from the text of a file. @throws `REGIONS_INVALID` */
  static parse(text: string, file = "regions"): OwnRegions {
    return new OwnRegions(file, parse(text));
  }

  /** The number of photos that have regions of their own. */
  get photoCount(): number {
    return this.#byPhoto.size;
  }

  /**
   * Returns the regions of a photo, in the order of the file; none where the file names the photo
   * without a region.
   *
   * @throws `REGIONS_MISSING` where the file does not name the photo, and has none for all;
   *   `REGIONS_DO_NOT_FIT` where they are of a photo of another size, or beyond its edges.
   */
  of({ source, sizeWh }: RegionsPhoto): readonly Region[] {
    const own = source === undefined ? undefined : this.#byPhoto.find(source)?.value;
    if (own !== undefined) return toRegions(JSON.parse(own), { source, sizeWh });
    if (this.#forAll === undefined) throw missing(source, this.file);
    const known = this.#known;
    if (known?.sizeWh.every((side, axis) => side === sizeWh[axis])) return known.regions;
    const regions = toRegions(JSON.parse(this.#forAll), { source, sizeWh });
    this.#known = { sizeWh, regions };
    return regions;
  }
}

function parse(text: string): RegionFileContents {
  const trimmed = text.replace(/^\uFEFF/, "").trimStart();
  if (trimmed.startsWith("<")) return readCvat(trimmed);
  let document: unknown;
  try {
    document = JSON.parse(trimmed);
  } catch (cause) {
    throw invalid("GeoJSON, COCO, CVAT's XML or Label Studio's JSON", cause);
  }
  if (Array.isArray(document)) return readLabelStudio(document);
  const fields = (document ?? {}) as { readonly [key: string]: unknown };
  if (fields.type === "FeatureCollection" || fields.type === "Feature") return readGeoJson(fields);
  if (Array.isArray(fields.images)) return readCocoRegions(fields);
  throw invalid("GeoJSON, COCO, CVAT's XML or Label Studio's JSON, got other JSON");
}

/** Equal regions are an equal text. */
function canonical({ sizeWh, regions }: PhotoOutlines): string {
  return JSON.stringify({
    sizeWh,
    regions: regions.map(({ name, shapes }) => ({ name, shapes })),
  });
}

function toRegions({ sizeWh: drawnOn, regions }: PhotoOutlines, photo: RegionsPhoto): Region[] {
  const [width, height] = photo.sizeWh;
  if (drawnOn !== undefined && (drawnOn[0] !== width || drawnOn[1] !== height)) {
    const isTurned = drawnOn[0] === height && drawnOn[1] === width;
    throw doNotFit(
      photo,
      `Expected regions of a photo of ${width}×${height} px, but they were drawn on one of ` +
        `${drawnOn.join("×")} px${isTurned ? ", before it was turned upright" : ""}.`,
    );
  }
  const names = [...new Set(regions.map(({ name }) => name))];
  return regions.map(({ name, shapes }, index) => {
    const mask = fillRings(shapes, photo.sizeWh);
    const { boxXyxy, areaPx } = mask;
    if (boxXyxy === undefined) {
      throw doNotFit(
        photo,
        `Expected the region "${name}" on the photo of ${width}×${height} px, but no pixel of it ` +
          "is. Coordinates are px of the upright photo, y down from its top.",
      );
    }
    return {
      number: 1 + index,
      classId: names.indexOf(name),
      name,
      score: drawnScore,
      boxXyxy,
      areaPx,
      mask,
    };
  });
}

function missing(source: string | undefined, file: string): OrangeryError {
  return new OrangeryError(
    "REGIONS_MISSING",
    `Expected regions of this photo in ${file}, but it is not named there, and none are for all. ` +
      "Name it without regions to count nothing on it, or leave the photo out.",
    { details: { photo: source, file } },
  );
}

function doNotFit({ source, sizeWh }: RegionsPhoto, message: string): OrangeryError {
  return new OrangeryError("REGIONS_DO_NOT_FIT", message, { details: { photo: source, sizeWh } });
}

/** Returns the error for a count whose regions are found and drawn. */
export function twoKindsOfRegions(): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected `segment` or `regions`, got both. Regions are found by a network, or drawn.",
  );
}
