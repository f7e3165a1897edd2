import { formatCount, formatPlural, formatValue } from "../../base/quantities.ts";
import { perMegapixel } from "../../pipeline/count/density.ts";
import { type Html, html } from "./html.ts";
import type { PhotoNames } from "./photo-names.ts";
import {
  type PhotoSummary,
  type RegionSummary,
  type ReportData,
  reportLimits,
} from "./report-data.ts";

/** Names of classes that have a column of their own, the most frequent. */
const shownNames = 4;

/** Regions whose counts are told one after the other. */
const shownCounts = 6;

/** The counts of the first photos. */
export function countsTable(
  { photos, photoCount, countByName, regionCount }: ReportData,
  names: PhotoNames,
): Html | false {
  if (photos.length === 0) return false;
  const classes = countByName.length > 1 ? countByName.slice(0, shownNames) : [];
  const hasRegions = regionCount !== undefined;
  const isCut = photos.length < photoCount;
  return html`<section id="counts"><h2>Counts</h2>
<p class="quiet">${isCut ? `The first ${formatCount(photos.length)} of ${formatCount(photoCount)} photos by path; ` : ""}${isCut && html`<code>orangery export-results</code> writes all of them as CSV. `}${names.folder !== "" && html`Below <bdi class="path">${names.folder}</bdi>`}</p>
<div class="scroll"><table class="sortable"><thead><tr>
<th scope="col">Photo</th><th scope="col" class="number">Objects</th>${classes.map(
    ([name]) =>
      html`<th scope="col" class="number"><bdi class="clamp" title="${name}">${name}</bdi></th>`,
  )}<th scope="col" class="number" title="Objects on a million pixels">Per Mpx</th>${hasRegions && html`<th scope="col" class="number">Regions</th><th scope="col" class="unsorted">By region</th>`}<th scope="col" class="number">Mean score</th><th scope="col" class="number">Lowest</th><th scope="col" class="number">Size</th>
</tr></thead><tbody>${photos.map(
    (photo) =>
      html`<tr><th scope="row">${photoName(photo.source, names)}</th>${numberCell(photo.objectCount)}${classes.map(
        ([name]) => numberCell(photo.countByName.get(name) ?? 0),
      )}${densityCell(photo.objectCount, photo.widthPx * photo.heightPx)}${hasRegions && regionCells(photo)}${scoreCell(photo.meanScore)}${scoreCell(photo.lowestScore)}<td class="number" data-value="${photo.widthPx * photo.heightPx}">${photo.widthPx} × ${photo.heightPx}</td></tr>`,
  )}</tbody></table></div></section>`;
}

/** How many regions, and their counts, which unfold to a table of them. */
function regionCells({ regions = [], objectCount }: PhotoSummary): Html {
  const outside = objectCount - regions.reduce((sum, { count }) => sum + count, 0);
  const shown = regions.slice(0, reportLimits.regions);
  return html`${numberCell(regions.length)}<td class="regions">${
    regions.length === 0
      ? "–"
      : html`<details><summary>${sumUp(regions)}</summary><table><thead><tr><th scope="col">Region</th><th scope="col" class="number">Objects</th><th scope="col" class="number">Mpx</th><th scope="col" class="number">Per Mpx</th></tr></thead><tbody>${shown.map(
          ({ number, name, areaPx, count }) =>
            html`<tr><th scope="row">${number} <bdi>${name}</bdi></th>${numberCell(count)}<td class="number">${formatValue(areaPx / 1e6)}</td>${densityCell(count, areaPx)}</tr>`,
        )}</tbody></table>${regions.length > shown.length && html`<p class="quiet">… ${formatPlural(regions.length - shown.length, "more region")}</p>`}</details>`
  }${outside > 0 && regions.length > 0 && html`<span class="quiet">outside ${formatCount(outside)}</span>`}</td>`;
}

/** `172 + 70`: what was counted in each region, in their order. */
export function sumUp(regions: readonly Pick<RegionSummary, "count">[]): string {
  const counts = regions.slice(0, shownCounts).map(({ count }) => formatCount(count));
  return [...counts, ...(regions.length > shownCounts ? ["…"] : [])].join(" + ");
}

/** The photos of which the models were least and most sure; of a few, all in one table. */
export function scoreTables(
  { worst, best, photoCount }: ReportData,
  names: PhotoNames,
): Html | false {
  if (photoCount < 2 || worst.length === 0) return false;
  return html`<section id="scores"><h2>Scores</h2><div class="pair">${
    best.length === 0
      ? scoreTable("Photos by mean score", worst, names)
      : html`${scoreTable("Lowest mean score", worst, names)}${scoreTable("Highest mean score", best, names)}`
  }</div></section>`;
}

function scoreTable(title: string, photos: readonly PhotoSummary[], names: PhotoNames): Html {
  return html`<div class="scroll"><h3>${title}</h3><table><thead><tr><th scope="col">Photo</th><th scope="col" class="number">Mean</th><th scope="col" class="number">Lowest</th><th scope="col" class="number">Objects</th></tr></thead><tbody>${photos.map(
    (photo) =>
      html`<tr><th scope="row">${photoName(photo.source, names)}</th><td class="number meter">${formatScore(photo.meanScore)}<i style="width:${(100 * (photo.meanScore ?? 0)).toFixed(1)}%"></i></td>${scoreCell(photo.lowestScore)}${numberCell(photo.objectCount)}</tr>`,
  )}</tbody></table></div>`;
}

/** On two lines at most; the whole source is its title. */
export function photoName(source: string, names: PhotoNames): Html {
  return html`<bdi class="path clamp" title="${source}">${names.nameOf(source)}</bdi>`;
}

function numberCell(value: number): Html {
  return html`<td class="number" data-value="${value}">${formatCount(value)}</td>`;
}

function densityCell(count: number, areaPx: number): Html {
  const density = perMegapixel(count, areaPx);
  return html`<td class="number" data-value="${density ?? -1}">${density === undefined ? "–" : formatValue(density)}</td>`;
}

function scoreCell(score: number | undefined): Html {
  return html`<td class="number" data-value="${score ?? -1}">${formatScore(score)}</td>`;
}

export function formatScore(score: number | undefined): string {
  return score === undefined ? "–" : score.toFixed(2);
}
