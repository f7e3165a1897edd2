import {
  GatheredOutlines,
  invalid,
  type RegionFileContents,
  toRectangle,
  toRing,
} from "./region-outlines.ts";

interface Task {
  readonly data?: { readonly [key: string]: unknown };
  readonly annotations?: readonly {
    readonly was_cancelled?: boolean;
    readonly result?: readonly Result[];
  }[];
}

interface Result {
  readonly type?: unknown;
  readonly original_width?: number;
  readonly original_height?: number;
  readonly image_rotation?: number;
  readonly value?: {
    readonly points?: readonly (readonly number[])[];
    readonly polygonlabels?: readonly string[];
    readonly rectanglelabels?: readonly string[];
    readonly x?: number;
    readonly y?: number;
    readonly width?: number;
    readonly height?: number;
    readonly rotation?: number;
  };
}

/**
 * Reads regions from Label Studio's JSON: polygons and upright rectangles of the annotation of each
 * task. A region is named by its label.
 *
 * @throws `REGIONS_INVALID`
 */
export function readLabelStudio(tasks: readonly unknown[]): RegionFileContents {
  const gathered = new GatheredOutlines();
  for (const [index, task] of tasks.entries()) {
    const { data, annotations = [] }: Task = (task ?? {}) as Task;
    const photo = photoOf(data);
    if (photo === undefined) throw invalid(`task ${1 + index} to have an image in its data`);
    gathered.addPhoto(photo);
    const valid = annotations.filter(({ was_cancelled }) => !was_cancelled);
    if (valid.length > 1) {
      throw invalid(`one annotation of ${photo}, got ${valid.length}. Leave only that to be used`);
    }
    for (const result of valid[0]?.result ?? []) addResult(gathered, photo, result);
  }
  return gathered.finish();
}

function addResult(gathered: GatheredOutlines, photo: string, result: Result): void {
  const { type, value = {}, original_width, original_height, image_rotation = 0 } = result;
  const label = `a region on ${photo}`;
  const isPolygon = type === "polygonlabels";
  if (!isPolygon && type !== "rectanglelabels") {
    // Choices and texts are about the photo, and have no place.
    const hasPlace = ["points", "rle", "radiusX", "x"].some((key) => Object.hasOwn(value, key));
    if (!hasPlace) return;
    throw invalid(`polygonlabels and rectanglelabels, got ${type} on ${photo}`);
  }
  if (image_rotation !== 0 || (value.rotation ?? 0) !== 0) {
    throw invalid(`${label} that is not rotated. Draw it as a polygon on the upright photo`);
  }
  if (!(original_width! > 0 && original_height! > 0)) {
    throw invalid(`${label} to have original_width and original_height`);
  }
  gathered.addPhoto(photo, [original_width, original_height]);
  // Label Studio has shares in percent.
  const toPx = (x: number, y: number) => [
    (x * original_width!) / 100,
    (y * original_height!) / 100,
  ];
  const { x = Number.NaN, y = Number.NaN, width = Number.NaN, height = Number.NaN } = value;
  const ring = isPolygon
    ? toRing(
        value.points?.map((point) => toPx(point[0]!, point[1]!)),
        label,
      )
    : toRectangle([...toPx(x, y), ...toPx(x + width, y + height)], label);
  const [name = "region"] = value.polygonlabels ?? value.rectanglelabels ?? [];
  gathered.addRegion(photo, { name, shapes: [[ring]] });
}

/** As the photo was called before it was uploaded, or below the folder that is served. */
function photoOf(data: Task["data"]): string | undefined {
  const values = [data?.image, ...Object.values(data ?? {})];
  const address = values.find((value): value is string => typeof value === "string");
  if (address === undefined) return undefined;
  const local = /^\/data\/local-files\/\?d=(.*)$/.exec(address)?.[1];
  if (local !== undefined) return decodeURIComponent(local);
  const uploaded = /^\/data\/upload\/(?:\d+\/)?(?:[0-9a-f]{8}-)?(.*)$/.exec(address)?.[1];
  return uploaded === undefined ? address : decodeURIComponent(uploaded);
}
