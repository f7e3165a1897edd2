import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../../base/files/whole-file.ts";
import { writeWholeFolder } from "../../../base/files/whole-folder.ts";
import { toScore } from "../../../ledger/results/stored-objects.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { cutPicture } from "../../../vision/photo/cut-picture.ts";
import { openPhoto } from "../../../vision/photo/open-photo.ts";
import { encodePicture } from "../../../vision/photo/picture-file.ts";
import { PictureOnDisk } from "../../../vision/photo/picture-on-disk.ts";
import type { Slice } from "../../../vision/photo/slice.ts";
import { toCsv } from "../tables/csv.ts";
import type { Row } from "../tables/table-row.ts";
import { changed, type ExportedResult } from "./exported-photo.ts";
import { labelFileOf, safeName } from "./label-file.ts";

export interface CropsOptions {
  /** Absolute path of a folder that does not exist or is empty. */
  readonly folder: string;
  /** How much of its surroundings a crop shows, as a share of the box's sides. Default 0.1. */
  readonly margin?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Photos are decoded again for it, so those of one are kept apart by their numbers. */
const columns = ["file", "photo", "object", "class", "score"];

/**
 * Writes a picture of each object into a folder of its class, and `crops.csv`, which says what each
 * of them shows; whole or not at all.
 *
 * @throws `INVALID_ARGUMENT` when the folder is not empty or a photo has changed, `PHOTO_*`,
 *   `NO_SPACE`
 */
export async function writeCrops(
  results: AsyncIterable<ExportedResult>,
  { folder, ...options }: CropsOptions,
): Promise<void> {
  await writeWholeFolder(folder, async (part) => {
    let list = "";
    for await (const line of toCsv(columns, cropAll(results, part, options))) list += line;
    await writeFile(join(part, "crops.csv"), list);
  });
}

async function* cropAll(
  results: AsyncIterable<ExportedResult>,
  part: string,
  { margin = 0.1, signal }: Omit<CropsOptions, "folder">,
): AsyncGenerator<Row> {
  using photos = new PhotoReader();
  const made = new Set<string>();
  let photoNumber = 0;
  for await (const result of results) {
    const { source, origin, objects, contentSha256 } = result;
    photoNumber++;
    if (objects.length === 0) continue;
    const { bytes, content } = await photos.read(origin, { signal });
    if (content.sha256 !== contentSha256) throw changed(origin);
    // The limit was checked when it was counted.
    await using photo = await openPhoto(bytes, { maxPixels: Number.POSITIVE_INFINITY, signal });
    const { widthPx, heightPx } = photo.pixels;
    const { stem } = labelFileOf(source);
    for (const [index, { name, score, boxXyxy }] of [...objects].entries()) {
      signal?.throwIfAborted();
      const slice = sliceOf(boxXyxy, { margin, sizeWh: [widthPx, heightPx] });
      const { pixels } = photo;
      const picture =
        pixels instanceof PictureOnDisk
          ? await pixels.cut(slice, { signal })
          : cutPicture(pixels, slice);
      const className = safeName(name);
      if (!made.has(className)) await makeFolder(join(part, className));
      made.add(className);
      const file = `${className}/${stem.slice(0, 80)}-${photoNumber}-${1 + index}.jpg`;
      await writeFile(join(part, file), await encodePicture(picture, { quality: 92 }));
      yield { file, photo: source, object: 1 + index, class: name, score: toScore(score) };
    }
  }
}

/** The box with a margin, in whole pixels of the photo; one at least. */
function sliceOf(
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  { margin, sizeWh }: { readonly margin: number; readonly sizeWh: readonly [number, number] },
): Slice {
  const [width, height] = sizeWh;
  const [beside, above] = [margin * (x2 - x1), margin * (y2 - y1)];
  const left = Math.max(0, Math.min(width - 1, Math.floor(x1 - beside)));
  const top = Math.max(0, Math.min(height - 1, Math.floor(y1 - above)));
  const right = Math.max(left + 1, Math.min(width, Math.ceil(x2 + beside)));
  const bottom = Math.max(top + 1, Math.min(height, Math.ceil(y2 + above)));
  return { left, top, width: right - left, height: bottom - top };
}
