import sharp from "sharp";
import { Detections } from "../detections.ts";
import { Mask } from "../masks/mask.ts";
import { RunLengths } from "../masks/run-lengths.ts";
import { openWhole, type Pixels } from "../photo/open-photo.ts";
import type { Picture } from "../photo/picture.ts";
import { PictureOnDisk } from "../photo/picture-on-disk.ts";
import type { ReducedPicture } from "../photo/reduced-picture.ts";

/** A photo made smaller by a whole factor, so that it fits into memory and can be drawn on. */
export interface ReducedPhoto {
  readonly picture: Picture;
  /** Pixels of the photo per pixel of the picture, along a side. */
  readonly factor: number;
}

/** More pixels are useless in a drawing, and fewer show no details. */
const mostPixels = 16_000_000;

/**
 * Makes a photo on disk smaller, strip by strip; a photo in memory stays as it is. One that was
 * decoded at a fraction of its size is decoded again.
 */
export async function reducePhoto(
  photo: Pixels | ReducedPicture,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ReducedPhoto> {
  const whole = await openWhole(photo, { signal });
  const { pixels } = whole;
  // A picture in memory is handed on.
  if (!(pixels instanceof PictureOnDisk)) return { picture: pixels, factor: 1 };
  await using _ = whole;
  const { widthPx, heightPx } = pixels;
  const factor = Math.ceil(Math.sqrt((widthPx * heightPx) / mostPixels));
  const [width, height] = [widthPx, heightPx].map((side) => Math.max(1, Math.floor(side / factor)));
  const data = new Uint8Array(3 * width! * height!);
  const rows = Math.max(1, Math.floor(16_000_000 / (3 * widthPx * factor)));
  for (let top = 0; top < height!; top += rows) {
    const stripHeight = Math.min(rows, height! - top);
    const left = { left: 0, width: Math.min(widthPx, width! * factor) };
    const part = { ...left, top: top * factor, height: Math.min(heightPx, stripHeight * factor) };
    const strip = await pixels.cut(part, { signal });
    const raw = { width: strip.widthPx, height: strip.heightPx, channels: 3 } as const;
    const reduced = await sharp(strip.data, { raw, limitInputPixels: false })
      .resize(width, stripHeight, { fit: "fill", kernel: "linear" })
      .raw()
      .toBuffer();
    data.set(reduced, 3 * top * width!);
  }
  return { picture: { data, widthPx: width!, heightPx: height! }, factor };
}

/** Returns the same objects on the smaller picture. */
export function reduceDetections(detections: Detections, reduced: ReducedPhoto): Detections {
  const { picture, factor } = reduced;
  if (factor === 1) return detections;
  const { scores, classIds, names } = detections;
  return new Detections({
    boxesXyxy: detections.boxesXyxy.map((value) => value / factor),
    scores,
    classIds,
    names,
    masks: detections.masks?.map((mask) => reduceMask(mask, picture, factor)),
  });
}

/** Keeps the middle one of the pixels that become one. */
function reduceMask(mask: Mask, { widthPx, heightPx }: Picture, factor: number): Mask {
  const middle = factor >> 1;
  const runs = new RunLengths();
  for (const [x, y1, y2] of mask.columnRuns()) {
    if (x % factor !== middle || x >= widthPx * factor) continue;
    const first = Math.max(0, Math.ceil((y1 - middle) / factor));
    const end = Math.min(heightPx, Math.ceil((y2 - middle) / factor));
    runs.add(((x - middle) / factor) * heightPx + first, end - first);
  }
  return new Mask({ widthPx, heightPx, counts: runs.finish(widthPx * heightPx) });
}
