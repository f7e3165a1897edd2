import { formatCount } from "../../../base/quantities.ts";
import type { RegionSummary } from "../data/photo-summary.ts";
import { type Html, html } from "../html.ts";
import type { PhotoNames } from "./photo-names.ts";

/** Regions whose counts are listed one after the other. */
const shownCounts = 6;

/** A photo's short name, on two lines at most; the whole source is its title. */
export function photoName(source: string, names: PhotoNames): Html {
  return html`<bdi class="path clamp" title="${source}">${names.nameOf(source)}</bdi>`;
}

export function numberCell(value: number): Html {
  return html`<td class="number" data-value="${value}">${formatCount(value)}</td>`;
}

export function scoreCell(score: number | undefined): Html {
  return html`<td class="number" data-value="${score ?? -1}">${formatScore(score)}</td>`;
}

export function formatScore(score: number | undefined): string {
  return score === undefined ? "–" : score.toFixed(2);
}

/** `172 + 70`, or `A1 172 + A2 70`: the count of each region, in their order. */
export function listCounts(regions: readonly RegionSummary[]): string {
  const counts = regions.slice(0, shownCounts).map(({ number, title, count }) => {
    return title === String(number) ? formatCount(count) : `${title} ${formatCount(count)}`;
  });
  return [...counts, ...(regions.length > shownCounts ? ["…"] : [])].join(" + ");
}
