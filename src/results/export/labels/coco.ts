import { toCocoCounts } from "../../../ledger/coco-counts.ts";
import { toHundredths, toScore } from "../../../ledger/results/stored-objects.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { CountQuestion } from "../../../ledger/scores/count-question.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask } from "../../../vision/masks/pixel-outline.ts";
import { shareOfPhoto } from "../../mask-areas.ts";
import type { ScaledResult } from "../../scale/photo-scale.ts";
import type { OutputSink } from "../output-file.ts";
import { captureCells } from "../tables/capture-cells.ts";

/** Whose class it is: the detector and the segmenter have different sets. */
type Kind = "object" | "region";

interface Category {
  readonly id: number;
  readonly name: string;
  readonly supercategory: Kind;
}

export interface CocoOptions {
  readonly recipeHash: string;
  /** Which objects count; undefined where the recipe alone decides. */
  readonly question?: CountQuestion | undefined;
  /** Whose objects these are. */
  readonly counts?: CountsKind | undefined;
  /** Polygons in place of run lengths, where a mask has no holes. Default false. */
  readonly polygons?: boolean | undefined;
  /** What a reviewed sample says of all photos, as JSON. */
  readonly review?: object | undefined;
  /** Keeps the list of images until the annotations are written. */
  readonly images: SpooledText;
}

/** Text that is written, and later read from its beginning. */
export interface SpooledText extends OutputSink {
  read(): AsyncIterable<string>;
}

/**
 * Writes results as a COCO file that `pycocotools` loads. Images and annotations are numbered from
 * 1 in the order of the results.
 */
export async function* toCoco(
  results: AsyncIterable<ScaledResult>,
  { recipeHash, question, counts = "predicted", review, polygons = false, images }: CocoOptions,
): AsyncGenerator<string> {
  const categories = new Categories();
  const info = {
    description: "Counted with Orangery",
    recipe: recipeHash,
    question,
    counts,
    review,
  };
  yield `{"info":${JSON.stringify(info)},"annotations":[`;
  let imageId = 0;
  let annotationId = 0;
  for await (const result of results) {
    imageId++;
    const { source: file_name, widthPx: width, heightPx: height, duplicateOf, warnings } = result;
    const { taken_at: date_captured, ...taken } = captureCells(result.capture);
    const duplicate = duplicateOf !== undefined && { duplicate_of: duplicateOf };
    const strange = warnings !== undefined && warnings.length > 0 && { warnings };
    const image = {
      id: imageId,
      file_name,
      width,
      height,
      date_captured,
      ...taken,
      pixels_per_metre: result.scale?.pixelsPerMetre,
      scale_from: result.scale?.from,
      ...duplicate,
      ...strange,
    };
    await images.write(`${imageId > 1 ? ",\n" : "\n"}${JSON.stringify(image)}`);
    let lines = "";
    for (const annotation of annotationsOf(result, categories, polygons)) {
      annotationId++;
      const line = JSON.stringify({ id: annotationId, image_id: imageId, ...annotation });
      lines += `${annotationId > 1 ? ",\n" : "\n"}${line}`;
    }
    yield lines;
  }
  yield '],\n"images":[';
  yield* images.read();
  yield `],\n"categories":${JSON.stringify(categories.list)}}\n`;
}

function* annotationsOf(
  { objects, objectRegions, regions = [] }: ScaledResult,
  categories: Categories,
  polygons: boolean,
): Generator<object> {
  // All names first, so that their numbers do not depend on what was found.
  categories.addNames(objects.names);
  for (const [index, { name, score, boxXyxy, mask }] of [...objects].entries()) {
    const region = objectRegions?.[index];
    yield {
      category_id: categories.idOf("object", name),
      ...shapeOf(boxXyxy, mask, polygons),
      iscrowd: 0,
      score: toScore(score),
      attributes:
        region === undefined && mask === undefined
          ? undefined
          : {
              region,
              region_name: regions[(region ?? 0) - 1]?.name,
              photo_share: mask && shareOfPhoto(mask),
            },
    };
  }
  for (const { number, name, score, boxXyxy, mask } of regions) {
    yield {
      category_id: categories.idOf("region", name),
      ...shapeOf(boxXyxy, mask, polygons),
      iscrowd: 0,
      score: toScore(score),
      attributes: { region: number },
    };
  }
}

/** Without a mask the area is that of the box, and the segmentation is empty. */
function shapeOf([x1, y1, x2, y2]: readonly number[], mask: Mask | undefined, polygons: boolean) {
  const [width, height] = [toHundredths(x2! - x1!), toHundredths(y2! - y1!)];
  return {
    bbox: [toHundredths(x1!), toHundredths(y1!), width, height],
    area: mask?.areaPx ?? toHundredths(width * height),
    segmentation: mask === undefined ? [] : (polygons && polygonsOf(mask)) || runLengthsOf(mask),
  };
}

function runLengthsOf({ heightPx, widthPx, counts }: Mask) {
  return { size: [heightPx, widthPx], counts: toCocoCounts(counts) };
}

/** The polygons that enclose exactly these pixels; undefined where there are holes or no pixels. */
function polygonsOf(mask: Mask): number[][] | undefined {
  const shapes = outlineMask(mask);
  if (shapes.length === 0 || shapes.some((rings) => rings.length > 1)) return undefined;
  return shapes.map(([outer]) => outer!.slice(0, -1).flat());
}

/** Numbers classes from 1. */
class Categories {
  readonly #byKey = new Map<string, Category>();
  #names: readonly string[] = [];

  get list(): readonly Category[] {
    return [...this.#byKey.values()];
  }

  addNames(names: readonly string[]): void {
    // Results of one model have equal lists, each in a copy.
    if (names.every((name, classId) => name === this.#names[classId])) return;
    this.#names = names;
    for (const name of names) this.idOf("object", name);
  }

  idOf(supercategory: Kind, name: string): number {
    const key = `${supercategory} ${name}`;
    let category = this.#byKey.get(key);
    if (category === undefined) {
      category = { id: 1 + this.#byKey.size, name, supercategory };
      this.#byKey.set(key, category);
    }
    return category.id;
  }
}
