import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { Detections } from "../../../vision/detections.ts";
import type { Rgb } from "../../../vision/drawing/canvas.ts";
import { layerColours } from "../../../vision/drawing/palette.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask, signedArea } from "../../../vision/masks/pixel-outline.ts";
import { simplifyRing } from "../../../vision/masks/simplify-ring.ts";
import { type Html, html } from "../html.ts";
import { overlayLabels } from "./overlay-labels.ts";

/**
 * Draws what was found on a photo as SVG to lie over it: regions filled and outlined, objects
 * framed, or outlined where they have masks. The units are whole px of the photo, and outlines are
 * simplified to what is visible at the size of a screen, so that 600 objects take some 12 kB.
 */
export function drawOverlay(result: StoredResult): Html {
  const { widthPx, heightPx, objects, regions = [] } = result;
  const unit = Math.max(widthPx, heightPx) / 1000;
  const [regionColour, objectColour] = layerColours([{ names: [] }, objects]);
  const regionPaths = regions.map(({ classId, mask }) => {
    const colour = cssColour(regionColour!(classId));
    return html`<path class="region" style="--c:${colour}" d="${maskPath(mask, unit)}"/>`;
  });
  const size = `0 0 ${widthPx} ${heightPx}`;
  return html`
    <svg class="overlay" viewBox="${size}" style="--u:${unit}" aria-hidden="true" focusable="false">
      <g class="regions">${regionPaths}</g>
      <g class="objects">${objectPaths(objects, objectColour!, unit)}</g>
      <g class="labels">${overlayLabels(result, unit)}</g>
    </svg>`;
}

/** All boxes or outlines of a class are one path. */
function objectPaths(
  objects: Detections,
  colourOf: (classId: number) => Rgb,
  unit: number,
): Html[] {
  const byClass = new Map<number, string>();
  for (const { classId, boxXyxy, mask } of objects) {
    const [x1, y1, x2, y2] = boxXyxy.map(Math.round) as [number, number, number, number];
    const path = mask ? maskPath(mask, unit) : `M${x1} ${y1}H${x2}V${y2}H${x1}z`;
    byClass.set(classId, (byClass.get(classId) ?? "") + path);
  }
  return Array.from(
    byClass,
    ([classId, path]) =>
      html`<path class="object" style="--c:${cssColour(colourOf(classId))}" d="${path}"/>`,
  );
}

/** Draws a mask as the path of an SVG. Leaves out parts too small to see, except the largest. */
export function maskPath(mask: Mask, unit: number): string {
  const rings = outlineMask(mask)
    .flat()
    .sort((a, b) => Math.abs(signedArea(b)) - Math.abs(signedArea(a)))
    .filter((ring, i) => i === 0 || Math.abs(signedArea(ring)) > (6 * unit) ** 2);
  return rings
    .map((ring) => {
      const points = simplifyRing(ring, Math.max(0.8, 1.2 * unit)).slice(0, -1);
      return `M${points.map(([x, y]) => `${x} ${y}`).join("L")}z`;
    })
    .join("");
}

export function cssColour([red, green, blue]: Rgb): string {
  return `rgb(${red},${green},${blue})`;
}
