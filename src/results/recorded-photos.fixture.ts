import { hash } from "node:crypto";
import { createRecipe, type Recipe } from "../ledger/recipe.ts";
import type { PhotoResult } from "../ledger/results/result-rows.ts";
import { Worklist } from "../ledger/worklist/worklist.ts";
import { Detections } from "../vision/detections.ts";
import { Mask } from "../vision/masks/mask.ts";
import type { Region } from "../vision/region.ts";

/** A photo and what a run made of it. */
export interface RecordedPhoto {
  readonly source: string;
  readonly result?: PhotoResult;
  /** Why it failed. */
  readonly reason?: { readonly code: string; readonly message: string };
  /** Of its bytes; made of the source where it does not matter. */
  readonly contentSha256?: string;
}

export const exampleRecipe: Recipe = createRecipe({
  job: "count",
  version: 1,
  detect: { sha256: "ab".repeat(32), confidence: 0.25 },
  segment: { sha256: "cd".repeat(32), confidence: 0.25 },
});

/** Records results in a results file by the same calls as a run. */
export async function recordPhotos(
  file: string,
  photos: Iterable<RecordedPhoto>,
  recipe: Recipe = exampleRecipe,
): Promise<void> {
  await using worklist = await Worklist.open(file, recipe);
  for (const { source, result, reason, contentSha256 = hash("sha256", source) } of photos) {
    await worklist.add([{ source, sizeBytes: 1, mtimeUs: 1 }]);
    if (result === undefined && reason === undefined) continue;
    const [photo] = await worklist.lease(1);
    await worklist.begin(photo!);
    if (reason !== undefined) {
      await worklist.fail(photo!, reason);
      continue;
    }
    const claim = await worklist.claim(photo!, { sha256: contentSha256, sizeBytes: 1, mtimeUs: 1 });
    if (claim === "infer") await worklist.finish(photo!, { contentSha256, result: result! });
  }
}

interface ExampleObject {
  readonly classId?: number;
  readonly score?: number;
  readonly boxXyxy: readonly [number, number, number, number];
  readonly region?: number;
}

/** Best score first, as models give them. */
export function exampleDetections(
  names: readonly string[],
  objects: readonly ExampleObject[],
): Detections {
  return new Detections({
    names,
    classIds: Int32Array.from(objects, ({ classId = 0 }) => classId),
    scores: Float32Array.from(objects, ({ score = 0.5 }) => score),
    boxesXyxy: Float32Array.from(objects.flatMap(({ boxXyxy }) => boxXyxy)),
  });
}

/** A region of the pixels that `isInside` says. */
export function exampleRegion(
  number: number,
  [widthPx, heightPx]: readonly [number, number],
  isInside: (x: number, y: number) => boolean,
): Region {
  const bitmap = new Uint8Array(widthPx * heightPx);
  for (let y = 0, i = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) bitmap[i++] = isInside(x, y) ? 1 : 0;
  }
  const mask = Mask.fromBitmap(bitmap, [widthPx, heightPx]);
  const boxXyxy = mask.boxXyxy ?? [0, 0, 0, 0];
  return { number, classId: 0, name: "bed", score: 0.9, boxXyxy, areaPx: mask.areaPx, mask };
}

/** A result of objects, counted as the pipeline does it. */
export function exampleResult(fields: {
  readonly sizeWh?: readonly [number, number];
  readonly names?: readonly string[];
  readonly objects?: readonly ExampleObject[];
  readonly regions?: readonly Region[];
  readonly device?: string;
  readonly fallbackReason?: string;
}): PhotoResult {
  const { sizeWh = [100, 80], names = ["plant"], objects = [], regions } = fields;
  const { device = "cpu", fallbackReason } = fields;
  const detections = exampleDetections(names, objects);
  const numbers = [0, ...(regions ?? []).map(({ number }) => number)];
  const counts = numbers.flatMap((region) => {
    const inside = objects.filter((object) => region === 0 || object.region === region);
    const byName = exampleDetections(names, inside).countByName();
    return Array.from(byName, ([name, count]) => ({ region, name, count }));
  });
  return {
    widthPx: sizeWh[0],
    heightPx: sizeWh[1],
    device,
    fallbackReason,
    timingsMs: { read: 1, decode: 10, ...(regions && { segment: 20 }), detect: 30 },
    objects: detections,
    objectRegions: regions && Int32Array.from(objects, ({ region = 0 }) => region),
    regions,
    counts,
    sliceCount: 1,
  };
}
