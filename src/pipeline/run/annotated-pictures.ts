import { hash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { guardWriting } from "../../base/files/disk-full.ts";
import { makeFolder, partSuffix } from "../../base/files/whole-file.ts";
import type { ObjectCount } from "../../ledger/results/result-rows.ts";
import { Detections } from "../../vision/detections.ts";
import { type DrawingOptions, drawDetections } from "../../vision/drawing/drawing.ts";
import { reduceDetections, reducePhoto } from "../../vision/drawing/reduce-photo.ts";
import type { Pixels } from "../../vision/photo/open-photo.ts";
import { savePicture } from "../../vision/photo/picture-file.ts";
import type { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import { isDrawn, type Region } from "../../vision/region.ts";

/** What is drawn on a photo. */
export interface Annotation {
  readonly objects: Detections;
  readonly regions?: readonly Region[] | undefined;
  /** What was counted in each region, for its label. */
  readonly counts?: readonly ObjectCount[] | undefined;
}

/**
 * A folder of photos with their findings drawn on them, one file a photo. A file's name is the
 * photo's with eight characters that stand for its path, so that photos of one name in two folders
 * have two pictures, and the same photo always has the same.
 */
export class AnnotatedPictures {
  /** Absolute path. */
  readonly folder: string;

  constructor(folder: string) {
    this.folder = resolve(folder);
  }

  /** Makes the folder. @throws `NOT_WRITABLE`, `NO_SPACE` */
  async prepare(): Promise<void> {
    const advice = "Name another folder for annotated pictures.";
    await guardWriting(this.folder, () => makeFolder(this.folder), { advice });
  }

  /** Absolute path of the picture of the photo at `source`. */
  fileOf(source: string): string {
    const stem = shorten(basename(source, extname(source)));
    return join(this.folder, `${stem}-${hash("sha256", source).slice(0, 8)}.jpg`);
  }

  /**
   * Draws and writes the picture of a photo, whole or not at all, and returns its path. That of a
   * photo which lies on disk is smaller than the photo.
   *
   * @throws `NO_SPACE`, `NOT_WRITABLE`
   */
  async write(
    source: string,
    photo: Pixels | ReducedPicture,
    { objects, regions, counts }: Annotation,
  ): Promise<string> {
    const file = this.fileOf(source);
    const reduced = await reducePhoto(photo);
    const layers = [...(regions ? [toDetections(regions)] : []), objects];
    const shown = layers.map((layer) => reduceDetections(layer, reduced));
    const drawing = drawDetections(reduced.picture, shown, {
      title: basename(source),
      labelOf: regions && counts && regionLabels(regions, counts),
    });
    await savePicture(drawing, file);
    return file;
  }

  /** Removes what a process left that died while it wrote the picture of the photo at `source`. */
  async removeLeftovers(source: string): Promise<void> {
    const name = basename(this.fileOf(source));
    for (const entry of await readdir(this.folder)) {
      const isLeftover = entry.startsWith(`${name}.`) && entry.endsWith(partSuffix);
      if (isLeftover) await rm(join(this.folder, entry), { force: true });
    }
  }
}

function toDetections(regions: readonly Region[]): Detections {
  const names: string[] = [];
  for (const { classId, name } of regions) names[classId] = name;
  return new Detections({
    boxesXyxy: Float32Array.from(regions.flatMap(({ boxXyxy }) => [...boxXyxy])),
    scores: Float32Array.from(regions, ({ score }) => score),
    classIds: Int32Array.from(regions, ({ classId }) => classId),
    names,
    masks: regions.map(({ mask }) => mask),
  });
}

/**
 * Regions are labelled with their number, or the name that a person gave them, and what was counted
 * in them, as in the table of counts.
 */
function regionLabels(
  regions: readonly Region[],
  counts: readonly ObjectCount[],
): DrawingOptions["labelOf"] {
  const totals = regions.map(({ number }) =>
    counts.filter(({ region }) => region === number).reduce((sum, { count }) => sum + count, 0),
  );
  return ({ name, score }, { layer, index }) =>
    layer === 0
      ? `${isDrawn({ score }) ? name : `${name} ${1 + index}`}: ${totals[index]}`
      : `${name} ${score.toFixed(2)}`;
}

/** File systems take names of 255 bytes, of which the hash and what comes with it need some. */
const mostStemBytes = 200;

function shorten(stem: string): string {
  const characters = Array.from(stem);
  while (Buffer.byteLength(characters.join("")) > mostStemBytes) characters.pop();
  return characters.join("");
}
