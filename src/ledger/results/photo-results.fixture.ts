import { Detections } from "../../vision/detections.ts";
import { Mask } from "../../vision/masks/mask.ts";
import type { Region } from "../../vision/region.ts";
import { createRecipe } from "../recipe.ts";
import type { PhotoResult } from "./result-rows.ts";
import type { FoundPhoto } from "./result-store.ts";

/** Recipes with one model and with two. */
export const plainRecipe = createRecipe({ detect: { sha256: "d".repeat(64), confidence: 0.25 } });
export const regionRecipe = createRecipe({
  detect: { sha256: "d".repeat(64) },
  segment: { sha256: "5".repeat(64) },
});

export const lowRecipe = createRecipe({
  detect: { sha256: "d".repeat(64), confidence: 0.25 },
  segment: { sha256: "5".repeat(64) },
  recordFrom: 0.05,
});

/** The float32 after a half. */
export const aboveHalf = 0.5 + 2 ** -24;

/** A SHA-256 for tests, another for every number. */
export function contentOf(number: number): string {
  return number.toString(16).padStart(64, "0");
}

/** What is found without a segmenter: plants, and a weed, on 1,000 × 500 px. */
export function plainResult(plants: number): PhotoResult {
  const objects = new Detections({
    names: ["plant", "weed"],
    classIds: Int32Array.from({ length: plants + 1 }, (_, i) => (i === plants ? 1 : 0)),
    scores: Float32Array.from({ length: plants + 1 }, (_, i) => 0.9 - i / 1e4),
    boxesXyxy: Float32Array.from({ length: 4 * (plants + 1) }, (_, i) => i + 0.25),
  });
  return {
    widthPx: 1000,
    heightPx: 500,
    device: "cpu",
    timingsMs: { read: 1.5, detect: 20 },
    objects,
    counts: [
      { region: 0, name: "plant", count: plants },
      { region: 0, name: "weed", count: 1 },
    ],
    sliceCount: 1,
  };
}

/**
 * Two regions, the left with two plants and the right with none, and a plant outside, on 8 × 4 px.
 */
export function regionResult(): PhotoResult {
  const objects = new Detections({
    names: ["plant"],
    classIds: Int32Array.of(0, 0, 0),
    scores: Float32Array.of(0.5, 0.25, 0.125),
    boxesXyxy: Float32Array.of(0, 0, 1, 1, 1, 1, 2, 2, 7, 3, 8, 4),
  });
  return {
    widthPx: 8,
    heightPx: 4,
    device: "cuda:0",
    fallbackReason: "tensorrt:0 is not there",
    timingsMs: { segment: 3, detect: 4.5 },
    objects,
    objectRegions: Int32Array.of(1, 1, 0),
    regions: [region(1, [0, 0, 2, 4], "bed"), region(2, [3, 1, 6, 3], "tray")],
    counts: [
      { region: 0, name: "plant", count: 3 },
      { region: 1, name: "plant", count: 2 },
      { region: 2, name: "plant", count: 0 },
    ],
    sliceCount: 6,
    warnings: ["nearly-black", "no-contrast"],
  };
}

/** A weed and two plants that count, and two plants that do not, in two regions. */
export function lowResult(): PhotoResult {
  const { widthPx, heightPx, regions } = regionResult();
  const found = (classIds: number[], scores: number[]) =>
    new Detections({
      names: ["plant", "weed"],
      classIds: Int32Array.from(classIds),
      scores: Float32Array.from(scores),
      boxesXyxy: new Float32Array(4 * scores.length),
    });
  return {
    widthPx,
    heightPx,
    device: "cpu",
    timingsMs: {},
    objects: found([1, 0, 0], [0.9, aboveHalf, 0.5]),
    objectRegions: Int32Array.of(1, 1, 2),
    uncounted: {
      objects: found([0, 0], [0.2, 0.2]),
      objectRegions: Int32Array.of(1, 2),
    },
    regions,
    counts: [
      { region: 0, name: "plant", count: 2 },
      { region: 0, name: "weed", count: 1 },
      { region: 1, name: "plant", count: 1 },
      { region: 1, name: "weed", count: 1 },
      { region: 2, name: "plant", count: 1 },
    ],
    sliceCount: 1,
  };
}

function region(number: number, boxXyxy: Region["boxXyxy"], name: string): Region {
  const [left, top, right, bottom] = boxXyxy;
  const isInside = (x: number, y: number) => x >= left && x < right && y >= top && y < bottom;
  const bitmap = Array.from({ length: 32 }, (_, i) => Number(isInside(i % 8, Math.floor(i / 8))));
  const mask = Mask.fromBitmap(bitmap, [8, 4]);
  return { number, classId: number + 1, name, score: 0.75, boxXyxy, areaPx: mask.areaPx, mask };
}

/** Photo number n, whose bytes no other number has. */
export function foundPhoto(number: number, result: PhotoResult = plainResult(2)): FoundPhoto {
  const source = `/photos/${String(number).padStart(6, "0")}.jpg`;
  return { source, sizeBytes: 100, mtimeUs: 7, contentSha256: contentOf(number), result };
}
