import { formatCount } from "../../../base/quantities.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { type LabelBox, LabelBoxes } from "../../../vision/drawing/label-boxes.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import type { Vertex } from "../../../vision/masks/pixel-outline.ts";
import { countInRegion, titleOfRegion } from "../../region-counts.ts";
import { type Html, html } from "../html.ts";

/** Labels of more objects would cover the photo; none is labelled then. */
const maxLabelledObjects = 60;

/**
 * The heights of letters on a photo whose longer side is 1,000: on cards, and on a large picture.
 */
export const letterHeights = { card: 42, large: 22, object: 11 };

/** The places in a region that are tried, in shares of its width and height. */
const steps = [0.5, 0.3, 0.7, 0.1, 0.9];

/**
 * Labels a photo so that no label covers another. Regions come first; a region without room on a
 * card may have room on the large picture, where the labels of objects are as well.
 *
 * @param unit A thousandth of the photo's longer side, px.
 */
export function overlayLabels(result: StoredResult, unit: number): Html[] {
  const { objects, regions = [] } = result;
  const [onCard, large] = [new LabelBoxes(), new LabelBoxes()];
  const placed: Html[] = [];
  const crowded: RegionLabel[] = [];
  for (const region of regions) {
    const { number, boxXyxy, mask } = region;
    const text = `${titleOfRegion(region)}: ${formatCount(countInRegion(result, number))}`;
    const label = { text, boxXyxy, mask, photo: result };
    const box = onCard.place(placesInRegion(label, letterHeights.card * unit));
    if (box === undefined) {
      crowded.push(label);
      continue;
    }
    large.place([aroundMiddle(middleOf(box), text, letterHeights.large * unit)]);
    placed.push(regionLabel(text, box, "region-label"));
  }
  for (const label of crowded) {
    const box = large.place(placesInRegion(label, letterHeights.large * unit));
    if (box !== undefined) placed.push(regionLabel(label.text, box, "region-label large"));
  }
  if (objects.length > maxLabelledObjects) return placed;
  for (const { name, score, boxXyxy } of objects) {
    const text = `${name} ${score.toFixed(2)}`;
    const letterPx = letterHeights.object * unit;
    const box = large.place(placesAtObject({ text, boxXyxy, photo: result }, letterPx));
    if (box === undefined) continue;
    const [x, y] = [tenths(box[0]), tenths(box[3] - 0.3 * letterPx)];
    placed.push(html`<text class="object-label" x="${x}" y="${y}">${text}</text>`);
  }
  return placed;
}

function regionLabel(text: string, box: LabelBox, kind: string): Html {
  const [x, y] = middleOf(box).map(tenths);
  return html`<text class="${kind}" x="${x}" y="${y}" dy=".35em">${text}</text>`;
}

interface Label {
  readonly text: string;
  /** Of the region or the object. */
  readonly boxXyxy: LabelBox;
  readonly photo: Pick<StoredResult, "widthPx" | "heightPx">;
}

interface RegionLabel extends Label {
  readonly mask: Mask;
}

/**
 * On the middle of the region's upper edge, where a label covers least; else anywhere in the
 * region.
 */
function placesInRegion({ text, boxXyxy, mask, photo }: RegionLabel, letterPx: number): LabelBox[] {
  const [x1, y1, x2, y2] = boxXyxy;
  const inside = steps.flatMap((down) =>
    steps.map((right): Vertex => [x1 + right * (x2 - x1), y1 + down * (y2 - y1)]),
  );
  const middles: Vertex[] = [
    [(x1 + x2) / 2, y1],
    ...inside.filter(([x, y]) => mask.contains(x, y)),
  ];
  return middles.map((middle) => within(photo, aroundMiddle(middle, text, letterPx)));
}

/** Above or below the object, from its left edge on. */
function placesAtObject({ text, boxXyxy, photo }: Label, letterPx: number): LabelBox[] {
  const [x1, y1, , y2] = boxXyxy;
  const [width, height] = [textWidth(text, letterPx), 1.2 * letterPx];
  return [y1 - height, y2].map((y) => within(photo, [x1, y, x1 + width, y + height]));
}

function aroundMiddle([x, y]: Vertex, text: string, letterPx: number): LabelBox {
  const [halfWidth, halfHeight] = [textWidth(text, letterPx) / 2, 0.6 * letterPx];
  return [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
}

/** Moves a box onto the photo. */
function within({ widthPx, heightPx }: Label["photo"], [x1, y1, x2, y2]: LabelBox): LabelBox {
  const dx = Math.max(-x1, Math.min(0, widthPx - x2));
  const dy = Math.max(-y1, Math.min(0, heightPx - y2));
  return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
}

function middleOf([x1, y1, x2, y2]: LabelBox): Vertex {
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

function tenths(px: number): number {
  return Math.round(10 * px) / 10;
}

/** Estimates the width of a text in bold letters, whatever sans-serif font the reader has. */
function textWidth(text: string, heightPx: number): number {
  let ems = 0;
  for (const character of text) ems += character > "\u1100" ? 1.1 : 0.66;
  return ems * heightPx;
}
