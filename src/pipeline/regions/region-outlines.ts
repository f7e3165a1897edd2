import { OrangeryError } from "../../errors.ts";
import type { Ring, RingedShape, Vertex } from "../../vision/masks/pixel-outline.ts";

/** A region as a file has it. Coordinates are px of the upright photo, from its top left corner. */
export interface RegionOutline {
  readonly name: string;
  /** Its parts, each an outer ring and the rings of its holes. */
  readonly shapes: readonly RingedShape[];
}

/** The regions of one photo, or of all. */
export interface PhotoOutlines {
  /** Of the photo that they were drawn on; undefined where the file does not state it. */
  readonly sizeWh?: readonly [number, number] | undefined;
  /** In the order of the file. */
  readonly regions: readonly RegionOutline[];
}

/** What a file of regions has. */
export interface RegionFileContents {
  /** For photos that are not named; undefined where the file names all that it is for. */
  readonly forAll?: PhotoOutlines | undefined;
  /** By the photo's name as the file has it. */
  readonly byPhoto: ReadonlyMap<string, PhotoOutlines>;
}

/** Gathers regions by photo while a file is read. */
export class GatheredOutlines {
  readonly #photos = new Map<string, { sizeWh?: [number, number]; regions: RegionOutline[] }>();
  #forAll: RegionOutline[] | undefined;

  /** Notes a photo, which may have no regions. @throws `REGIONS_INVALID` for two sizes of one */
  addPhoto(name: string, size?: readonly unknown[]): void {
    const photo = this.#photos.get(name) ?? { regions: [] };
    this.#photos.set(name, photo);
    if (size === undefined || size.every((side) => side === undefined)) return;
    const [width, height] = size.map(Number) as [number, number];
    if (!(width > 0 && height > 0)) throw invalid(`the size of ${name} to be px, got ${size}`);
    const [knownWidth = width, knownHeight = height] = photo.sizeWh ?? [];
    if (knownWidth !== width || knownHeight !== height) {
      throw invalid(`one size of ${name}, got ${photo.sizeWh?.join("×")} and ${width}×${height}`);
    }
    photo.sizeWh = [width, height];
  }

  /** Adds a region; `photo` is undefined for one of all photos. */
  addRegion(photo: string | undefined, region: RegionOutline): void {
    if (photo === undefined) {
      this.#forAll ??= [];
      this.#forAll.push(region);
      return;
    }
    this.addPhoto(photo);
    this.#photos.get(photo)!.regions.push(region);
  }

  /** Returns what was gathered. @throws `REGIONS_INVALID` where that is nothing */
  finish(): RegionFileContents {
    if (this.#forAll === undefined && this.#photos.size === 0) {
      throw invalid("regions, but the file has none");
    }
    return { forAll: this.#forAll && { regions: this.#forAll }, byPhoto: this.#photos };
  }
}

/**
 * Reads a ring of at least three corners.
 *
 * @param label Where it is in the file, for errors.
 * @throws `REGIONS_INVALID`
 */
export function toRing(points: unknown, label: string): Ring {
  if (!Array.isArray(points)) throw invalid(`${label} to be a list of points`);
  const ring = points.map((point: unknown): Vertex => {
    const [x, y] = Array.isArray(point) ? point : [];
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      throw invalid(`${label} to have points of two numbers, got ${JSON.stringify(point)}`);
    }
    return [toHundredths(x), toHundredths(y)];
  });
  const [first, last] = [ring[0], ring.at(-1)];
  const isClosed = ring.length > 1 && first![0] === last![0] && first![1] === last![1];
  const open = isClosed ? ring.slice(0, -1) : ring;
  if (open.length < 3) throw invalid(`${label} to have three corners or more, got ${open.length}`);
  return open;
}

/** Returns the ring of a rectangle. @throws `REGIONS_INVALID` */
export function toRectangle([x1, y1, x2, y2]: readonly unknown[], label: string): Ring {
  const corners = [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ];
  return toRing(corners, label);
}

/** Makes the error for a file of regions that cannot be used. */
export function invalid(expected: string, cause?: unknown): OrangeryError {
  return new OrangeryError("REGIONS_INVALID", `Expected ${expected}.`, { cause });
}

/** Finer than the precision of a labelling tool. */
function toHundredths(px: number): number {
  return Math.round(px * 100) / 100;
}
