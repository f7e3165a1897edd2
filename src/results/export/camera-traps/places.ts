import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import { type ScaledResult, toSquareMetres } from "../../scale/photo-scale.ts";
import { lineSeparator } from "../json-lines.ts";

/**
 * Writes photos as points on earth, as RFC 7946 has them, for maps: longitude, latitude and, where
 * it is known, altitude, with the counts of each class. Photos without a place are left out.
 */
export async function* toPlaces(
  results: AsyncIterable<ScaledResult>,
  counts: CountsKind = "predicted",
): AsyncGenerator<string> {
  yield `{"type":"FeatureCollection","counts":"${counts}","features":[`;
  const separator = lineSeparator();
  for await (const result of results) {
    const feature = featureOf(result);
    if (feature === undefined) continue;
    yield separator() + JSON.stringify(feature);
  }
  yield "]}\n";
}

function featureOf(result: ScaledResult): object | undefined {
  const { source: photo, capture, objects, widthPx, heightPx, scale, duplicateOf } = result;
  const { latitude, longitude, altitudeM, ...rest } = capture;
  if (latitude === undefined || longitude === undefined) return undefined;
  const counts = objects.countByName();
  const names = [...new Set([...objects.names, ...counts.keys()])];
  const areaM2 = toSquareMetres(widthPx * heightPx, scale);
  return {
    type: "Feature",
    geometry: {
      type: "Point",
      coordinates: [longitude, latitude, ...(altitudeM === undefined ? [] : [altitudeM])],
    },
    properties: {
      photo,
      ...rest,
      objects: objects.length,
      // Programs for maps read no lists inside properties.
      ...Object.fromEntries(names.map((name) => [`count_${name}`, counts.get(name) ?? 0])),
      areaM2,
      perM2: areaM2 && Number((objects.length / areaM2).toPrecision(7)),
      duplicateOf,
    },
  };
}
