import { formatCount, formatValue } from "../../../base/quantities.ts";
import { niceCeiling } from "../../report/charts/histogram.ts";
import { type Html, html } from "../../report/html.ts";
import type { PhotoComparison } from "../compare-results.ts";

/** Dots of more photos would be one spot. */
const mostDots = 2000;
const side = 260;
const [left, bottom] = [46, 26];

export interface ScatterChartOptions {
  readonly title: string;
  /** One sentence that says what the chart shows. */
  readonly summary: string;
  readonly nameOf: (source: string) => string;
}

/** Draws the counted number of each photo over the true one, with the line of the right counts. */
export function scatterChart(
  photos: readonly PhotoComparison[],
  { title, summary, nameOf }: ScatterChartOptions,
): Html {
  const highest = Math.max(1, ...photos.flatMap(({ truth, counted }) => [truth, counted]));
  const top = niceCeiling(highest);
  const step = Math.max(1, Math.ceil(photos.length / mostDots));
  const xOf = (value: number) => left + (side * value) / top;
  const yOf = (value: number) => 8 + side * (1 - value / top);
  const levels = [0, top / 2, top].filter(Number.isInteger);
  const [width, height] = [left + side + 20, 8 + side + bottom];
  return html`
    <figure class="chart">
      <figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
      <p class="unit" aria-hidden="true">counted</p>
      <svg class="scatter" viewBox="0 0 ${width} ${height}" role="img"
        aria-label="${title}. ${summary}">
        ${levels.map(
          (level) => html`
            <line class="grid" x1="${left}" x2="${left + side}" y1="${yOf(level)}"
              y2="${yOf(level)}"/>
            <text x="${left - 8}" y="${yOf(level) + 4}" text-anchor="end">
              ${formatValue(level)}
            </text>
            <text x="${xOf(level)}" y="${8 + side + 18}" text-anchor="middle">
              ${formatValue(level)}
            </text>`,
        )}
        <line class="equal" x1="${xOf(0)}" y1="${yOf(0)}" x2="${xOf(top)}" y2="${yOf(top)}"/>
        ${photos
          .filter((_, i) => i % step === 0)
          .map(({ source, truth, counted }) => {
            const label = `${nameOf(source)}: ${formatCount(counted)} of ${formatCount(truth)}`;
            return html`
              <circle cx="${tenths(xOf(truth))}" cy="${tenths(yOf(counted))}" r="4">
                <title>${label}</title>
              </circle>`;
          })}
      </svg>
      <p class="axis" aria-hidden="true">truth</p>
    </figure>`;
}

function tenths(px: number): number {
  return Math.round(10 * px) / 10;
}
