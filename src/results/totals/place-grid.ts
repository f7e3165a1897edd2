import type { Capture } from "../../vision/photo/capture/capture.ts";

/** Photos that were taken close to each other. */
export interface PlaceTotals {
  /** The mean of theirs, degrees. */
  readonly latitude: number;
  readonly longitude: number;
  readonly photos: number;
  readonly objects: number;
}

interface Cell {
  latitudeSum: number;
  longitudeSum: number;
  photos: number;
  objects: number;
}

/** About 10 cm. */
const finestDegrees = 1e-6;

/**
 * Adds up what was found by place. Where there are more places than the limit, neighbours are put
 * together, in squares whose sides double until they are few enough.
 */
export class PlaceGrid {
  readonly #limit: number;
  #sideDegrees = finestDegrees;
  #cells = new Map<string, Cell>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add({ latitude, longitude }: Capture, objects: number): void {
    if (latitude === undefined || longitude === undefined) return;
    this.#merge({ latitudeSum: latitude, longitudeSum: longitude, photos: 1, objects });
    while (this.#cells.size > this.#limit) {
      const cells = this.#cells.values();
      this.#sideDegrees *= 2;
      this.#cells = new Map();
      for (const cell of cells) this.#merge(cell);
    }
  }

  /** Lists the places, those with the most objects first. */
  get places(): readonly PlaceTotals[] {
    return Array.from(this.#cells.values(), ({ latitudeSum, longitudeSum, photos, objects }) => ({
      latitude: latitudeSum / photos,
      longitude: longitudeSum / photos,
      photos,
      objects,
    })).sort((a, b) => b.objects - a.objects);
  }

  #merge(added: Cell): void {
    const row = Math.floor(added.latitudeSum / added.photos / this.#sideDegrees);
    const column = Math.floor(added.longitudeSum / added.photos / this.#sideDegrees);
    const key = `${row} ${column}`;
    const cell = this.#cells.get(key);
    if (cell === undefined) {
      this.#cells.set(key, { ...added });
      return;
    }
    cell.latitudeSum += added.latitudeSum;
    cell.longitudeSum += added.longitudeSum;
    cell.photos += added.photos;
    cell.objects += added.objects;
  }
}
