import { fromCocoCounts } from "../../ledger/coco-counts.ts";
import { Mask } from "../../vision/masks/mask.ts";
import { outlineMask, type RingedShape } from "../../vision/masks/pixel-outline.ts";
import {
  GatheredOutlines,
  invalid,
  type RegionFileContents,
  toRectangle,
  toRing,
} from "./region-outlines.ts";

interface CocoImage {
  readonly id?: unknown;
  readonly file_name?: unknown;
  readonly width?: unknown;
  readonly height?: unknown;
}

interface CocoAnnotation {
  readonly image_id?: unknown;
  readonly category_id?: unknown;
  readonly segmentation?: unknown;
  readonly bbox?: unknown;
  readonly attributes?: { readonly name?: unknown } | null;
}

interface CocoCategory {
  readonly id?: unknown;
  readonly name?: unknown;
  readonly supercategory?: unknown;
}

/**
 * Reads regions from COCO: the annotations of each image, by polygons, run lengths or boxes. A
 * region is named by its attribute `name`, or by its category. Objects of
 * `export-results --format coco` are left out.
 *
 * @throws `REGIONS_INVALID`
 */
export function readCocoRegions(document: { readonly [key: string]: unknown }): RegionFileContents {
  const list = <T>(key: string): T[] => {
    const value = document[key] ?? [];
    if (!Array.isArray(value)) throw invalid(`\`${key}\` to be a list`);
    return value;
  };
  const gathered = new GatheredOutlines();
  const photos = new Map<unknown, string>();
  for (const { id, file_name, width, height } of list<CocoImage>("images")) {
    if (typeof file_name !== "string") throw invalid(`image ${id} to have a \`file_name\``);
    photos.set(id, file_name);
    gathered.addPhoto(file_name, [width, height]);
  }
  const categories = new Map(
    list<CocoCategory>("categories").map((category) => [category.id, category]),
  );
  for (const [index, annotation] of list<CocoAnnotation>("annotations").entries()) {
    const label = `annotation ${1 + index}`;
    const category = categories.get(annotation.category_id);
    if (category?.supercategory === "object") continue;
    const photo = photos.get(annotation.image_id);
    if (photo === undefined) throw invalid(`${label} to be of an image in the file`);
    const name = annotation.attributes?.name ?? category?.name ?? "region";
    gathered.addRegion(photo, { name: String(name), shapes: shapesOf(annotation, label) });
  }
  return gathered.finish();
}

function shapesOf({ segmentation, bbox }: CocoAnnotation, label: string): readonly RingedShape[] {
  if (Array.isArray(segmentation) && segmentation.length > 0) {
    return segmentation.map((flat: unknown) => [toRing(inPairs(flat), label)]);
  }
  const { size, counts } = (segmentation ?? {}) as { size?: unknown; counts?: unknown };
  if (Array.isArray(size) && (typeof counts === "string" || Array.isArray(counts))) {
    const [heightPx, widthPx] = size as [number, number];
    try {
      const runs = typeof counts === "string" ? fromCocoCounts(counts) : Uint32Array.from(counts);
      return outlineMask(new Mask({ widthPx, heightPx, counts: runs }));
    } catch (cause) {
      throw invalid(`${label} to have run lengths of its size`, cause);
    }
  }
  if (Array.isArray(bbox) && bbox.length === 4) {
    const [x, y, width, height] = bbox as [number, number, number, number];
    return [[toRectangle([x, y, x + width, y + height], label)]];
  }
  throw invalid(`${label} to have a segmentation or a box`);
}

function inPairs(flat: unknown): unknown {
  if (!Array.isArray(flat)) return flat;
  return Array.from({ length: Math.ceil(flat.length / 2) }, (_, i) => [
    flat[2 * i],
    flat[2 * i + 1],
  ]);
}
