import { toScore } from "../../../ledger/results/stored-objects.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask } from "../../../vision/masks/pixel-outline.ts";
import { lineSeparator } from "../json-lines.ts";

export interface LabelStudioOptions {
  readonly recipeHash: string;
  /** Whose objects these are. Default predicted. */
  readonly counts?: CountsKind | undefined;
  /** Comes before each photo's name, as in `/data/local-files/?d=`. Default: nothing. */
  readonly imagePrefix?: string | undefined;
}

/**
 * Writes results as tasks that Label Studio imports: a prediction for each photo, with a rectangle
 * for each object, or the polygons of its mask, and the polygons of regions. The project's
 * configuration has RectangleLabels of the name `label`, PolygonLabels of the name `polygon` and an
 * Image of the name `image`.
 */
export async function* toLabelStudio(
  results: AsyncIterable<StoredResult>,
  { recipeHash, counts = "predicted", imagePrefix = "" }: LabelStudioOptions,
): AsyncGenerator<string> {
  yield "[";
  const whose = counts === "corrected" ? " corrected" : "";
  const separator = lineSeparator();
  for await (const result of results) {
    const scores = Array.from(result.objects.scores);
    const task = {
      data: { image: imagePrefix + result.source },
      predictions: [
        {
          model_version: `orangery ${recipeHash.slice(0, 8)}${whose}`,
          // By which tasks are sorted: the most doubtful first.
          score: scores.length > 0 ? toScore(Math.min(...scores)) : undefined,
          result: [...shapesOf(result)],
        },
      ],
    };
    yield separator() + JSON.stringify(task);
  }
  yield "\n]\n";
}

function* shapesOf(result: StoredResult): Generator<object> {
  const { widthPx, heightPx, objects, objectRegions, regions = [] } = result;
  const sizeWh = [widthPx, heightPx] as const;
  let count = 0;
  for (const [index, { name, score, boxXyxy, mask }] of [...objects].entries()) {
    const about = { id: `o${++count}`, score: toScore(score), sizeWh };
    const region = regions[(objectRegions?.[index] ?? 0) - 1];
    const meta = region && { meta: { text: [`in ${region.number} ${region.name}`] } };
    if (mask === undefined) yield { ...rectangle(name, boxXyxy, about), ...meta };
    else for (const shape of polygons(name, mask, about)) yield { ...shape, ...meta };
  }
  for (const { number, name, score, mask } of regions) {
    yield* polygons(name, mask, { id: `r${number}`, score: toScore(score), sizeWh });
  }
}

interface ShapeFacts {
  readonly id: string;
  readonly score: number;
  readonly sizeWh: readonly [number, number];
}

function rectangle(name: string, boxXyxy: readonly number[], about: ShapeFacts): object {
  const [width, height] = about.sizeWh;
  const [x1, y1, x2, y2] = boxXyxy as [number, number, number, number];
  const value = {
    x: percent(x1, width),
    y: percent(y1, height),
    width: percent(x2 - x1, width),
    height: percent(y2 - y1, height),
    rotation: 0,
    rectanglelabels: [name],
  };
  return { ...shared(about), type: "rectanglelabels", from_name: "label", value };
}

/** Polygons have one outline: parts of a mask are shapes of their own, holes are filled. */
function polygons(name: string, mask: Mask, about: ShapeFacts): object[] {
  const [width, height] = about.sizeWh;
  return outlineMask(mask).map(([outer], part) => ({
    ...shared({ ...about, id: part === 0 ? about.id : `${about.id}-${part}` }),
    type: "polygonlabels",
    from_name: "polygon",
    value: {
      points: outer!.slice(0, -1).map(([x, y]) => [percent(x, width), percent(y, height)]),
      closed: true,
      polygonlabels: [name],
    },
  }));
}

function shared({ id, score, sizeWh: [original_width, original_height] }: ShapeFacts): object {
  return { id, to_name: "image", original_width, original_height, image_rotation: 0, score };
}

/** Exact to a hundredth of a pixel of the largest photos. */
function percent(px: number, side: number): number {
  return Math.round((1e9 * px) / side) / 1e7;
}
