import { type Html, html } from "../../report/html.ts";
import type { DifferentPhoto } from "../compare-results.ts";

/**
 * Draws what counts on a photo and what is there truly: what is both, what was counted and is not
 * there, and what is there and was not counted. Where it is not known where objects are, all that
 * counts is drawn alike.
 */
export function drawDifference({ result, counted, missed }: DifferentPhoto): Html {
  const { widthPx, heightPx, objects } = result;
  const unit = Math.max(widthPx, heightPx) / 1000;
  const boxOf = (index: number) => objects.boxesXyxy.subarray(4 * index, 4 * index + 4);
  const boxes = (isMatched: boolean | undefined) =>
    counted.filter((object) => object.isMatched === isMatched).map(({ index }) => boxOf(index));
  const size = `0 0 ${widthPx} ${heightPx}`;
  return html`
    <svg class="overlay" viewBox="${size}" style="--u:${unit}" aria-hidden="true" focusable="false">
      ${layer("counted", boxes(undefined))}
      ${layer("right", boxes(true))}
      ${layer("extra", boxes(false))}
      ${layer(
        "missed",
        missed.map(({ boxXyxy }) => boxXyxy),
      )}
    </svg>`;
}

function layer(kind: string, boxes: readonly ArrayLike<number>[]): Html | false {
  if (boxes.length === 0) return false;
  const path = boxes
    .map((box) => {
      const [x1, y1, x2, y2] = Array.from(box, Math.round);
      return `M${x1} ${y1}H${x2}V${y2}H${x1}z`;
    })
    .join("");
  return html`<g class="${kind}"><path class="object" d="${path}"/></g>`;
}
