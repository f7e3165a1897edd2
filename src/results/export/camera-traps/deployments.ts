import { OrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { compareNaturally } from "../../natural-order.ts";
import { folderOf } from "../../source-folders.ts";
import type { SourceTable } from "../../source-table.ts";

/** Where sites are, by folder. */
export type SiteTable = SourceTable<"latitude" | "longitude">;

/** A camera at a place for a while: the photos of one folder. */
export interface Deployment {
  readonly id: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Of its first and its last photo, ISO 8601 with the zone. */
  readonly start: string;
  readonly end: string;
  readonly camera: string | undefined;
  readonly cameraId: string | undefined;
}

interface Counter {
  readonly id: string;
  site: { readonly latitude: number; readonly longitude: number } | undefined;
  latitudeSum: number;
  longitudeSum: number;
  placed: number;
  start: string;
  end: string;
  camera: string | undefined;
  cameraId: string | undefined;
}

/** Gathers deployments: the nearest folder of the table of sites, or the photo's own folder. */
export class DeploymentCounter {
  readonly #sites: SiteTable | undefined;
  readonly #nameOf: (place: string) => string;
  readonly #byId = new Map<string, Counter>();

  /** @param nameOf Names a folder as photos are named. */
  constructor(sites: SiteTable | undefined, nameOf: (place: string) => string) {
    this.#sites = sites;
    this.#nameOf = nameOf;
  }

  /** Adds a photo that was taken then, and returns the id of its deployment. */
  add(source: string, { capture }: Pick<StoredResult, "capture">, takenAt: string): string {
    const site = this.#sites?.rowOf(source);
    const id = this.#nameOf(site?.place ?? folderOf(source).slice(0, -1));
    let counter = this.#byId.get(id);
    if (counter === undefined) {
      const sums = { latitudeSum: 0, longitudeSum: 0, placed: 0 };
      const { camera, cameraId } = capture;
      counter = { id, site: site?.values, ...sums, start: takenAt, end: takenAt, camera, cameraId };
      this.#byId.set(id, counter);
    }
    if (Date.parse(takenAt) < Date.parse(counter.start)) counter.start = takenAt;
    if (Date.parse(takenAt) > Date.parse(counter.end)) counter.end = takenAt;
    // What changes from photo to photo is not stated.
    if (capture.camera !== counter.camera) counter.camera = undefined;
    if (capture.cameraId !== counter.cameraId) counter.cameraId = undefined;
    if (capture.latitude !== undefined && capture.longitude !== undefined) {
      counter.latitudeSum += capture.latitude;
      counter.longitudeSum += capture.longitude;
      counter.placed++;
    }
    return id;
  }

  /**
   * Lists the deployments in natural order. They are where the table of sites says, or in the
   * middle of their photos.
   *
   * @throws `INVALID_ARGUMENT` where the place of one is not known
   */
  get list(): readonly Deployment[] {
    return [...this.#byId.values()]
      .sort((a, b) => compareNaturally(a.id, b.id))
      .map(({ id, site, latitudeSum, longitudeSum, placed, ...rest }) => {
        if (site === undefined && placed === 0) throw unplaced(id);
        const { latitude, longitude } = site ?? {
          latitude: latitudeSum / placed,
          longitude: longitudeSum / placed,
        };
        return { id, latitude: round(latitude), longitude: round(longitude), ...rest };
      });
  }
}

function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6;
}

function unplaced(id: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected to know where the photos of ${id} were taken, but none of them says it. Name a ` +
      "table of sites with the columns photo, latitude and longitude (--sites).",
    { details: { deployment: id } },
  );
}
