import { GatheredOutlines, invalid, type RegionFileContents, toRing } from "./region-outlines.ts";

interface Feature {
  readonly type?: unknown;
  readonly geometry?: { readonly type?: unknown; readonly coordinates?: unknown } | null;
  readonly properties?: { readonly [key: string]: unknown } | null;
}

/**
 * Reads regions from GeoJSON whose coordinates are pixels: polygons with `name` (or `class`), and
 * `photo` where they are not for all photos. What `export-results --format geojson` writes is read
 * as it was: its regions, and the sizes of its photos.
 *
 * @throws `REGIONS_INVALID`
 */
export function readGeoJson(document: { readonly [key: string]: unknown }): RegionFileContents {
  if (document.crs !== undefined) {
    throw invalid("coordinates in pixels of the photo, but the file names a system of places");
  }
  const features = document.features ?? [document];
  if (!Array.isArray(features)) throw invalid("`features` to be a list");
  const gathered = new GatheredOutlines();
  for (const [index, feature] of features.entries()) {
    const label = `feature ${1 + index}`;
    const { geometry, properties }: Feature = feature ?? {};
    const { kind } = properties ?? {};
    const photo = textOf(properties, ["photo", "image", "file_name"]);
    if (kind === "object") continue;
    if (kind === "photo" && photo !== undefined) {
      const [[, , corner] = []] = (geometry?.coordinates ?? []) as number[][][];
      gathered.addPhoto(photo, corner);
      continue;
    }
    const name = textOf(properties, ["name", "class", "label"]) ?? "region";
    gathered.addRegion(photo, { name, shapes: shapesOf(geometry, label) });
  }
  return gathered.finish();
}

function shapesOf(geometry: Feature["geometry"], label: string) {
  const { type, coordinates } = geometry ?? {};
  const polygons = type === "Polygon" ? [coordinates] : coordinates;
  if ((type !== "Polygon" && type !== "MultiPolygon") || !Array.isArray(polygons)) {
    throw invalid(`${label} to be a Polygon or MultiPolygon, got ${type ?? "no geometry"}`);
  }
  return polygons.map((rings: unknown) => {
    if (!Array.isArray(rings) || rings.length === 0) throw invalid(`${label} to have rings`);
    return rings.map((ring) => toRing(ring, label));
  });
}

function textOf(properties: Feature["properties"], keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const value = properties?.[key];
    if (typeof value === "string" || typeof value === "number") return String(value);
  }
  return undefined;
}
