/** The photos of the peers' bench, made of the examples. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";

const example = (name: string) =>
  fileURLToPath(new URL(`../../examples/photos/${name}.jpg`, import.meta.url));

/** Four photos of 4:3. */
export async function makePhotos(
  folder: string,
  [width, height]: readonly [number, number],
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const names = ["tray-1", "tray-2", "tray-3", "tray-5"];
  return await Promise.all(
    names.map((name) =>
      write(sharp(example(name)).resize(width, height, { fit: "fill" }), folder, name),
    ),
  );
}

/** A photo with some 1,100 seedlings, of 12 megapixels. */
export async function makeCrowdedPhoto(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return await write(sharp(example("tray-5")).resize({ width: 4243 }), folder, "crowded");
}

/** Squares of other photos, for an int8 that is calibrated on slices. */
export async function makeCrops(folder: string, size: number): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const crops: string[] = [];
  for (const name of ["tray-1", "tray-2", "tray-3", "tray-4"]) {
    const { width, height } = await sharp(example(name)).metadata();
    for (let top = 0; top + size <= height; top += size) {
      for (let left = 0; left + size <= width; left += size) {
        const square = sharp(example(name)).extract({ left, top, width: size, height: size });
        crops.push(await write(square, folder, `${name}-${left}-${top}`));
      }
    }
  }
  return crops;
}

async function write(picture: Sharp, folder: string, name: string): Promise<string> {
  const file = join(folder, `${name}.jpg`);
  await picture.jpeg({ quality: 90 }).toFile(file);
  return file;
}
