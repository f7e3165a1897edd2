import type { Deployment } from "./deployments.ts";

/** The version of Camtrap DP that is written. */
const base = "https://raw.githubusercontent.com/tdwg/camtrap-dp/1.0.2";

export interface PackageFacts {
  readonly deployments: readonly Deployment[];
  readonly scientificNames: readonly string[];
  /** ISO 8601, of the newest result. */
  readonly createdAt: string;
  readonly recipeHash: string;
  /** The caller's parts of the project, which override the placeholders here. */
  readonly given?: PackageMetadata | undefined;
}

/** A part of `datapackage.json`. */
export interface PackageMetadata {
  readonly project?: object | undefined;
  readonly [name: string]: unknown;
}

/** Makes `datapackage.json`. */
export function camtrapPackage(facts: PackageFacts): object {
  const { deployments, scientificNames, createdAt, recipeHash, given = {} } = facts;
  const { project, ...others } = given;
  const resource = (name: string) => ({
    name,
    path: `${name}.csv`,
    profile: "tabular-data-resource",
    format: "csv",
    mediatype: "text/csv",
    encoding: "utf-8",
    schema: `${base}/${name}-table-schema.json`,
  });
  return {
    resources: ["deployments", "media", "observations"].map(resource),
    profile: `${base}/camtrap-dp-profile.json`,
    name: "orangery-results",
    id: recipeHash,
    created: createdAt.replace(/\.\d+/, ""),
    title: "Results of Orangery",
    contributors: [{ title: "Not stated" }],
    sources: [{ title: "Orangery", path: "https://www.npmjs.com/package/orangery" }],
    ...others,
    project: {
      title: "Not stated",
      samplingDesign: "opportunistic",
      captureMethod: ["activityDetection"],
      individualAnimals: false,
      observationLevel: ["media"],
      ...project,
    },
    spatial: spatialOf(deployments),
    temporal: temporalOf(deployments),
    taxonomic: scientificNames.map((scientificName) => ({ scientificName })),
  };
}

/** The rectangle of all deployments, as GeoJSON on earth. */
function spatialOf(deployments: readonly Deployment[]): object {
  const [longitudes, latitudes] = [
    deployments.map(({ longitude }) => longitude),
    deployments.map(({ latitude }) => latitude),
  ];
  const [west, east] = [Math.min(...longitudes), Math.max(...longitudes)];
  const [south, north] = [Math.min(...latitudes), Math.max(...latitudes)];
  if (west === east && south === north) return { type: "Point", coordinates: [west, south] };
  const ring = [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ];
  return { type: "Polygon", bbox: [west, south, east, north], coordinates: [ring] };
}

function temporalOf(deployments: readonly Deployment[]): object {
  const days = (times: readonly string[]) => times.map((time) => time.slice(0, 10)).sort();
  return {
    start: days(deployments.map(({ start }) => start))[0],
    end: days(deployments.map(({ end }) => end)).at(-1),
  };
}
