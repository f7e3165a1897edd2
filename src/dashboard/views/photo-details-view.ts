import type { PhotoDetails } from "../../ledger/browse/photo-details.ts";
import { titleOfRegion } from "../../results/region-counts.ts";
import { cssColour, maskPath } from "../../results/report/pictures/overlay.ts";
import type { Detections } from "../../vision/detections.ts";
import { layerColours } from "../../vision/drawing/palette.ts";
import { photoRow } from "./photo-row.ts";

/** What the screen of one photo shows: every recorded object, and the regions. */
export function viewPhotoDetails(details: PhotoDetails): object {
  const { findings, uncounted, scores, result } = details;
  if (findings === undefined || result === undefined) return photoRow(details);
  const unit = Math.max(result.widthPx, result.heightPx) / 1000;
  const { objects, objectRegions, regions = [] } = findings;
  const [regionColour, objectColour] = layerColours([{ names: [] }, objects]);
  const rowsOf = (detections: Detections, places: Int32Array | undefined, counts: boolean) =>
    Array.from(detections, ({ classId, boxXyxy, mask }, i) => ({
      classId,
      score: scores[counts ? i : objects.length + i]!,
      boxXyxy: [...boxXyxy],
      region: places?.[i] ?? 0,
      path: mask && maskPath(mask, unit),
      counts,
    }));
  return {
    ...photoRow(details),
    classes: objects.names.map((name, id) => ({ id, name, colour: cssColour(objectColour!(id)) })),
    objects: [
      ...rowsOf(objects, objectRegions, true),
      ...(uncounted ? rowsOf(uncounted.objects, uncounted.objectRegions, false) : []),
    ],
    regions: regions.map((region) => ({
      number: region.number,
      title: titleOfRegion(region),
      colour: cssColour(regionColour!(region.classId)),
      boxXyxy: region.boxXyxy,
      path: maskPath(region.mask, unit),
    })),
  };
}
