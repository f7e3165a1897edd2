import { toHundredths, toScore } from "../../../ledger/results/stored-objects.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { CountQuestion } from "../../../ledger/scores/count-question.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask } from "../../../vision/masks/pixel-outline.ts";
import { shareOfPhoto } from "../../mask-areas.ts";
import { type ScaledResult, toSquareMetres } from "../../scale/photo-scale.ts";
import { lineSeparator } from "../json-lines.ts";

export interface GeoJsonOptions {
  readonly recipeHash: string;
  /** Which objects count; undefined where the recipe alone decides. */
  readonly question?: CountQuestion | undefined;
  /** Whose objects these are. Default predicted. */
  readonly counts?: CountsKind | undefined;
  /** What a reviewed sample says of all photos, as JSON. */
  readonly review?: object | undefined;
}

/**
 * Writes results as a GeoJSON FeatureCollection: a feature for each photo, each of its regions and
 * each of its objects. Coordinates are px of the photo, x to the right and y down from its top left
 * corner, not places on earth. By these numbers, rings have the orientation of RFC 7946.
 */
export async function* toGeoJson(
  results: AsyncIterable<ScaledResult>,
  { recipeHash, question, counts = "predicted", review }: GeoJsonOptions,
): AsyncGenerator<string> {
  const axes = { units: "px", xAxis: "right", yAxis: "down" };
  const about = { ...axes, recipe: recipeHash, question, counts, review };
  yield `{"type":"FeatureCollection","orangery":${JSON.stringify(about)},"features":[`;
  const separator = lineSeparator();
  for await (const result of results) {
    let lines = "";
    for (const feature of featuresOf(result)) {
      lines += separator() + JSON.stringify({ type: "Feature", ...feature });
    }
    yield lines;
  }
  yield "]}\n";
}

interface Feature {
  readonly geometry: object | null;
  readonly properties: object;
}

function* featuresOf(result: ScaledResult): Generator<Feature> {
  const { source: photo, widthPx, heightPx, objects, objectRegions, regions, duplicateOf } = result;
  const { scale } = result;
  yield {
    geometry: boxGeometry([0, 0, widthPx, heightPx]),
    properties: {
      kind: "photo",
      photo,
      objects: objects.length,
      regions: regions?.length,
      ...result.capture,
      pixelsPerMetre: scale?.pixelsPerMetre,
      scaleFrom: scale?.from,
      ...(duplicateOf !== undefined && { duplicateOf }),
    },
  };
  for (const { number, name, score, areaPx, mask } of regions ?? []) {
    yield {
      geometry: maskGeometry(mask),
      properties: {
        kind: "region",
        photo,
        region: number,
        class: name,
        score: toScore(score),
        areaPx,
        areaM2: toSquareMetres(areaPx, scale),
      },
    };
  }
  for (const [index, { name, score, boxXyxy, mask }] of [...objects].entries()) {
    yield {
      geometry: mask === undefined ? boxGeometry(boxXyxy) : maskGeometry(mask),
      properties: {
        kind: "object",
        photo,
        class: name,
        score: toScore(score),
        region: objectRegions?.[index],
        regionName: regions?.[(objectRegions?.[index] ?? 0) - 1]?.name,
        areaPx: mask?.areaPx,
        areaM2: mask && toSquareMetres(mask.areaPx, scale),
        photoShare: mask && shareOfPhoto(mask),
      },
    };
  }
}

function boxGeometry(boxXyxy: readonly number[]): object {
  const [x1, y1, x2, y2] = boxXyxy.map(toHundredths);
  const ring = [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
    [x1, y1],
  ];
  return { type: "Polygon", coordinates: [ring] };
}

/** An empty mask has no geometry, which RFC 7946 calls unlocated. */
function maskGeometry(mask: Mask): object | null {
  const shapes = outlineMask(mask);
  if (shapes.length === 0) return null;
  return shapes.length === 1
    ? { type: "Polygon", coordinates: shapes[0] }
    : { type: "MultiPolygon", coordinates: shapes };
}
