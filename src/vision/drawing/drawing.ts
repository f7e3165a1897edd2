import { optionsOf, refuseUnknown } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { Detection, Detections } from "../detections.ts";
import { assertPicture, type Picture } from "../photo/picture.ts";
import { Canvas, type Ink, type Rgb } from "./canvas.ts";
import { type CaptionEntry, drawCaption, planCaption } from "./caption.ts";
import { LabelBoxes } from "./label-boxes.ts";
import { canLetter, letter } from "./lettering.ts";
import { layerColours } from "./palette.ts";

/** How detections are drawn. */
export interface DrawingOptions {
  /** Draw a label beside each object that has room for one. Default true. */
  readonly labels?: boolean | undefined;
  /** Makes the label of an object. Default: its name and score. */
  readonly labelOf?: ((object: Detection, place: LabelTarget) => string) | undefined;
  /** Draw a strip below the photo with the count of each class. Default true. */
  readonly counts?: boolean | undefined;
  /** The text at the right end of the strip, for instance the file's name. */
  readonly title?: string | undefined;
}

/** The object of the drawing that a label is for. */
export interface LabelTarget {
  readonly layer: number;
  /** Its index in the layer. */
  readonly index: number;
}

/** Sizes are for a photo whose longer side has this many px, and grow with it. */
const designSide = 1600;
const white: Rgb = [255, 255, 255];
const dark: Rgb = [16, 20, 24];
const shadow: Ink = { colour: dark, alpha: 0.45 };
/** Of a layer with more classes, the strip shows only those that occur. */
const maxNamesWithZero = 3;

/**
 * Draws what was found on a photo: masks tinted and outlined, objects without a mask framed, very
 * small ones as dots; names and scores where they fit without covering each other; and below the
 * photo a strip with the counts, so that no object is hidden. Lines and letters grow with the
 * photo.
 *
 * @param layers What different models found on the same photo, the uppermost last. Each class has
 *   its own colour, the same on every photo; the colours of the last layer do not depend on the
 *   others.
 * @returns A new picture, as wide as the photo and taller by the strip.
 * @throws `INVALID_ARGUMENT` when a mask is not of the photo's size.
 */
export function drawDetections(
  photo: Picture,
  layers: Detections | readonly Detections[],
  options: DrawingOptions = {},
): Picture {
  const {
    labels = true,
    labelOf = nameAndScore,
    counts = true,
    title = "",
    ...rest
  } = optionsOf("DrawingOptions", options);
  refuseUnknown("DrawingOptions", options, rest);
  assertPicture(photo);
  const list = Array.isArray(layers) ? layers : [layers as Detections];
  const scale = Math.max(0.4, Math.max(photo.widthPx, photo.heightPx) / designSide);
  const drawn = colourLayers(list).map((layer) => ({ ...layer, style: styleOf(layer, scale) }));
  const { widthPx } = photo;
  const caption = counts && planCaption({ entries: entriesOf(list), title, widthPx, scale });
  const canvas = new Canvas(photo, caption ? caption.heightPx : 0);
  for (const layer of drawn) for (const object of layer.objects) tint(canvas, object, photo);
  for (const layer of drawn) {
    for (const object of layer.objects) outline(canvas, object, layer.style);
  }
  if (labels) {
    const placed = new LabelBoxes();
    for (const [layer, { objects }] of drawn.entries()) {
      for (const [index, object] of objects.entries()) {
        label(canvas, object, { text: labelOf(object, { layer, index }), scale, placed });
      }
    }
  }
  // Last, so that it covers what reaches over the photo's lower edge.
  if (caption) drawCaption(canvas, caption, photo.heightPx);
  return canvas.toPicture();
}

interface DrawnObject extends Detection {
  readonly colour: Rgb;
}

interface Style {
  readonly lineWidthPx: number;
  /** The radius of dots, where objects are too small for frames. */
  readonly dotRadiusPx: number | undefined;
}

function colourLayers(layers: readonly Detections[]): { objects: DrawnObject[] }[] {
  const colours = layerColours(layers);
  return layers.map((layer, i) => ({
    objects: Array.from(layer, (object) => ({
      ...object,
      name: letterable(object.name, object.classId),
      colour: colours[i]!(object.classId),
    })),
  }));
}

/** Makes lines thinner, or dots instead of frames, where the typical object is small. */
function styleOf({ objects }: { objects: readonly DrawnObject[] }, scale: number): Style {
  const sides = objects
    .map(({ boxXyxy: [x1, y1, x2, y2] }) => Math.sqrt(Math.max(0, (x2 - x1) * (y2 - y1))))
    .sort((a, b) => a - b);
  const side = sides[sides.length >> 1] ?? 0;
  const lineWidthPx = Math.max(1, Math.min(3 * scale, side / 12));
  return { lineWidthPx, dotRadiusPx: side < 10 * scale ? Math.max(1.5, 3 * scale) : undefined };
}

function tint(canvas: Canvas, { mask, colour }: DrawnObject, photo: Picture): void {
  if (mask === undefined) return;
  if (mask.widthPx !== photo.widthPx || mask.heightPx !== photo.heightPx) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected masks of the photo's size, ${photo.widthPx}×${photo.heightPx}, got ` +
        `${mask.widthPx}×${mask.heightPx}. Predict with maskSize "photo".`,
    );
  }
  canvas.fillMask(mask, { colour, alpha: 0.2 });
}

function outline(canvas: Canvas, object: DrawnObject, { lineWidthPx, dotRadiusPx }: Style): void {
  const { boxXyxy, mask, colour } = object;
  const [x1, y1, x2, y2] = boxXyxy;
  if (mask !== undefined) {
    const lines = mask.toPolygons().map((polygon) => {
      const points = polygon.map(([x, y]): [number, number] => [x + 0.5, y + 0.5]);
      return [...points, points[0]!];
    });
    canvas.stroke(lines, shadow, 2 * lineWidthPx);
    canvas.stroke(lines, { colour }, lineWidthPx);
  } else if (dotRadiusPx !== undefined) {
    const centre = [[[(x1 + x2) / 2, (y1 + y2) / 2]]] as const;
    canvas.stroke(centre, shadow, 2.8 * dotRadiusPx);
    canvas.stroke(centre, { colour }, 2 * dotRadiusPx);
  } else {
    const rim = Math.max(1, Math.round(lineWidthPx / 3));
    canvas.frameBox([x1 - rim, y1 - rim, x2 + rim, y2 + rim], shadow, lineWidthPx + 2 * rim);
    canvas.frameBox(boxXyxy, { colour }, lineWidthPx);
  }
}

function nameAndScore({ name, score }: Detection): string {
  return `${name} ${score.toFixed(2)}`;
}

interface LabelOptions {
  readonly text: string;
  readonly scale: number;
  readonly placed: LabelBoxes;
}

/** Writes a text on a plate above the object, if the object is wide enough and the place free. */
function label(
  canvas: Canvas,
  { boxXyxy: [x1, y1, x2], colour }: DrawnObject,
  { text, scale, placed }: LabelOptions,
): void {
  const heightPx = Math.max(7, 13 * scale);
  const padding = heightPx * 0.55;
  const { widthPx } = letter(text, { x: 0, baseline: 0, heightPx });
  const plateWidth = widthPx + 2 * padding;
  const plateHeight = heightPx + 2 * padding;
  if (plateWidth > 1.1 * (x2 - x1)) return;
  const left = Math.max(0, Math.min(x1, canvas.widthPx - plateWidth));
  const top = y1 >= plateHeight ? y1 - plateHeight : Math.max(0, y1);
  const plate = placed.place([[left, top, left + plateWidth, top + plateHeight]]);
  if (plate === undefined) return;
  canvas.fillBox(plate, { colour }, padding / 2);
  const baseline = top + padding + heightPx;
  const { lines, lineWidthPx } = letter(text, { x: left + padding, baseline, heightPx });
  canvas.stroke(lines, { colour: isLight(colour) ? dark : white }, lineWidthPx);
}

/** Weighs red, green and blue as the eye does (Rec. 709). */
function isLight([red, green, blue]: Rgb): boolean {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 110;
}

function entriesOf(layers: readonly Detections[]): CaptionEntry[] {
  const colours = layerColours(layers);
  return layers.flatMap((layer, i) => {
    const counts = new Map<number, number>();
    if (layer.names.length <= maxNamesWithZero) {
      // The list is sparse if only the names of found objects are known.
      for (const classId of layer.names.keys()) if (classId in layer.names) counts.set(classId, 0);
    }
    for (const classId of layer.classIds) counts.set(classId, (counts.get(classId) ?? 0) + 1);
    return [...counts]
      .sort(([a], [b]) => a - b)
      .map(([classId, count]) => ({
        name: letterable(layer.nameOf(classId), classId),
        count,
        colour: colours[i]!(classId),
      }));
  });
}

/** The name of a class, or its number where the name has characters that cannot be drawn. */
function letterable(name: string, classId: number): string {
  return canLetter(name) ? name : `class ${classId}`;
}
