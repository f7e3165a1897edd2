import { hash } from "node:crypto";
import { OrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { Row } from "../tables/table-row.ts";
import type { Deployment } from "./deployments.ts";

/** The columns of the tables, all of Camtrap DP 1.0.2 in its order. */
export const camtrapColumns = {
  deployments: [
    ...["deploymentID", "locationID", "locationName", "latitude", "longitude"],
    ...["coordinateUncertainty", "deploymentStart", "deploymentEnd", "setupBy", "cameraID"],
    ...["cameraModel", "cameraDelay", "cameraHeight", "cameraDepth", "cameraTilt"],
    ...["cameraHeading", "detectionDistance", "timestampIssues", "baitUse", "featureType"],
    ...["habitat", "deploymentGroups", "deploymentTags", "deploymentComments"],
  ],
  media: [
    ...["mediaID", "deploymentID", "captureMethod", "timestamp", "filePath", "filePublic"],
    ...["fileName", "fileMediatype", "exifData", "favorite", "mediaComments"],
  ],
  observations: [
    ...["observationID", "deploymentID", "mediaID", "eventID", "eventStart", "eventEnd"],
    ...["observationLevel", "observationType", "cameraSetupType", "scientificName", "count"],
    ...["lifeStage", "sex", "behavior", "individualID", "individualPositionRadius"],
    ...["individualPositionAngle", "individualSpeed", "bboxX", "bboxY", "bboxWidth"],
    ...["bboxHeight", "classificationMethod", "classifiedBy", "classificationTimestamp"],
    ...["classificationProbability", "observationTags", "observationComments"],
  ],
} as const satisfies {
  readonly [table in "deployments" | "media" | "observations"]: readonly string[];
};

export function deploymentRow(deployment: Deployment): Row {
  const { id, latitude, longitude, start, end, camera, cameraId } = deployment;
  return {
    deploymentID: id,
    locationID: id,
    locationName: id,
    latitude,
    longitude,
    deploymentStart: start,
    deploymentEnd: end,
    cameraID: cameraId,
    cameraModel: camera,
  };
}

/** A photo in its deployment. */
export interface Medium {
  readonly result: StoredResult;
  readonly deploymentId: string;
  /** ISO 8601 with the zone. */
  readonly timestamp: string;
}

/** The same for the same name. */
function mediaIdOf({ source }: StoredResult): string {
  return hash("sha256", source).slice(0, 20);
}

/** @throws `INVALID_ARGUMENT` for a photo whose name the standard does not allow */
export function mediaRow({ result, deploymentId, timestamp }: Medium): Row {
  const { source } = result;
  if (/^[./~]|\.\.|\\/.test(source)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected photos with relative names or URLs, as Camtrap DP asks for, got ${source}. ` +
        "Name the folder that the package will be in with --relative-to.",
      { details: { photo: source } },
    );
  }
  return {
    mediaID: mediaIdOf(result),
    deploymentID: deploymentId,
    timestamp,
    filePath: source,
    filePublic: String(/^https?:/i.test(source)),
    fileName: source.slice(1 + source.lastIndexOf("/")),
    fileMediatype: mediaTypeOf(source),
  };
}

const mediaTypes: Readonly<Record<string, string>> = {
  jpg: "jpeg",
  jpe: "jpeg",
  jfif: "jpeg",
  mpo: "jpeg",
  tif: "tiff",
  heif: "heic",
  hif: "heic",
};

function mediaTypeOf(source: string): string {
  const extension = source.slice(1 + source.lastIndexOf(".")).toLowerCase();
  return `image/${mediaTypes[extension] ?? extension}`;
}

export interface ObservationOptions {
  /** Scientific names by class. */
  readonly taxa: ReadonlyMap<string, string>;
  readonly classifiedBy: string;
}

/** One row for each object; a photo without any has one of the type `blank`. */
export function* observationRows(
  { result, deploymentId, timestamp }: Medium,
  { taxa, classifiedBy }: ObservationOptions,
): Generator<Row> {
  const { objects, widthPx, heightPx, createdAt } = result;
  const mediaID = mediaIdOf(result);
  const shared = {
    deploymentID: deploymentId,
    mediaID,
    eventID: mediaID,
    eventStart: timestamp,
    eventEnd: timestamp,
    observationLevel: "media",
    classificationMethod: "machine",
    classifiedBy,
    classificationTimestamp: createdAt.replace(/\.\d+/, ""),
  };
  if (objects.length === 0) {
    yield { ...shared, observationID: `${mediaID}-0`, observationType: "blank" };
    return;
  }
  for (const [index, { name, score, boxXyxy }] of [...objects].entries()) {
    const [left, right] = [boxXyxy[0], boxXyxy[2]].map((x) => share(x, widthPx));
    const [top, bottom] = [boxXyxy[1], boxXyxy[3]].map((y) => share(y, heightPx));
    const scientificName = taxa.get(name);
    yield {
      ...shared,
      observationID: `${mediaID}-${1 + index}`,
      observationType: scientificName === undefined ? typeOf(name) : "animal",
      scientificName,
      count: 1,
      bboxX: left,
      bboxY: top,
      bboxWidth: extent(left!, right!),
      bboxHeight: extent(top!, bottom!),
      classificationProbability: Number(score.toFixed(5)),
      observationTags: `class:${name}`,
    };
  }
}

const types: Readonly<Record<string, string>> = {
  animal: "animal",
  person: "human",
  human: "human",
  people: "human",
  vehicle: "vehicle",
};

/** The standard has no type for plants and things. */
function typeOf(name: string): string {
  return types[name.toLowerCase()] ?? "unknown";
}

function share(value: number, whole: number): number {
  return Number(Math.max(0, Math.min(1, value / whole)).toFixed(6));
}

/** The standard wants some extent. */
function extent(from: number, to: number): number {
  return Number(Math.max(1e-6, to - from).toFixed(6));
}
