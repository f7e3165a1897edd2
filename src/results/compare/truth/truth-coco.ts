import { countNames, invalidTruth, Truth } from "./truth.ts";

interface CocoDocument {
  readonly images?: readonly {
    readonly id?: unknown;
    readonly file_name?: unknown;
    readonly width?: number;
    readonly height?: number;
  }[];
  readonly annotations?: readonly {
    readonly image_id?: unknown;
    readonly category_id?: unknown;
    readonly bbox?: unknown;
  }[];
  readonly categories?: readonly {
    readonly id?: unknown;
    readonly name?: unknown;
    readonly supercategory?: unknown;
  }[];
}

/** Reads boxes from COCO. @throws `TRUTH_INVALID` */
export function readTruthCoco({ images, annotations, categories }: CocoDocument): Truth {
  if (![images, annotations, categories].every(Array.isArray)) {
    throw invalidTruth("COCO with images, annotations and categories");
  }
  const names = new Map(categories!.map(({ id, name }) => [id, String(name)]));
  // What export-results writes has regions among the objects.
  const regions = new Set(
    categories!.flatMap(({ id, supercategory }) => (supercategory === "region" ? [id] : [])),
  );
  const byImage = new Map<unknown, { names: string[]; boxes: number[] }>(
    images!.map(({ id }) => [id, { names: [], boxes: [] }]),
  );
  for (const [index, { image_id, category_id, bbox }] of annotations!.entries()) {
    if (regions.has(category_id)) continue;
    const found = byImage.get(image_id);
    const name = names.get(category_id);
    if (found === undefined || name === undefined || !isBox(bbox)) {
      throw invalidTruth(`annotation ${1 + index} to have an image, a category and a box`);
    }
    found.names.push(name);
    const [x, y, width, height] = bbox;
    found.boxes.push(x, y, x + width, y + height);
  }
  const truth = new Truth({ hasClasses: true, hasBoxes: true });
  for (const { id, file_name, width, height } of images!) {
    if (typeof file_name !== "string") throw invalidTruth(`image ${id} to have a \`file_name\``);
    const { names, boxes } = byImage.get(id)!;
    const sizeWh = width && height ? ([width, height] as const) : undefined;
    const boxesXyxy = Float32Array.from(boxes);
    truth.add(file_name, {
      countByName: countNames(names),
      boxes: { classNames: names, boxesXyxy, areShares: false, sizeWh },
    });
  }
  return truth;
}

function isBox(box: unknown): box is [number, number, number, number] {
  return Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
}
