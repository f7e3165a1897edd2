import {
  formatCount,
  formatPlural,
  formatShare,
  formatValue,
} from "../../../../base/quantities.ts";
import { perMegapixel } from "../../../../pipeline/count/density.ts";
import { toSquareMetres } from "../../../scale/photo-scale.ts";
import type { PhotoSummary, RegionSummary } from "../../data/photo-summary.ts";
import { type ReportData, reportLimits } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { listCounts, numberCell, photoName, scoreCell } from "../cells.ts";
import type { PhotoNames } from "../photo-names.ts";
import { classColumns } from "./group-table.ts";

/** A table of the counts of the photos, or of some of them. */
export function countsSection(data: ReportData, names: PhotoNames): Html | false {
  const { photos, countByName, regionCount } = data;
  if (photos.length === 0) return false;
  const classes = classColumns(countByName);
  const hasRegions = regionCount !== undefined;
  const hasMasks = photos.some((photo) => photo.coveredPx !== undefined);
  const hasScales = data.scales.size > 0;
  const row = (photo: PhotoSummary) => html`
    <tr>
      <th scope="row">${photoName(photo.source, names)}</th>
      ${numberCell(photo.objectCount)}
      ${classes.map(([name]) => numberCell(photo.countByName.get(name) ?? 0))}
      ${densityCell(photo.objectCount, photo.widthPx * photo.heightPx)}
      ${hasScales && areaDensityCell(photo)}
      ${hasMasks && coverageCell(photo)}
      ${hasRegions && regionCells(photo)}
      ${scoreCell(photo.meanScore)}
      ${scoreCell(photo.lowestScore)}
      ${sizeCell(photo)}
    </tr>`;
  return html`
    <section id="counts">
      <h2>Counts</h2>
      ${introduction(data, names, classes.length)}
      <div class="scroll">
        <table class="sortable">
          <thead>
            <tr>
              <th scope="col">Photo</th>
              <th scope="col" class="number">Objects</th>
              ${classes.map(([name]) => classHead(name))}
              <th scope="col" class="number" title="Objects per million pixels">Per Mpx</th>
              ${hasScales && areaDensityHead}
              ${hasMasks && coverageHead}
              ${hasRegions && regionHeads}
              <th scope="col" class="number">Mean score</th>
              <th scope="col" class="number">Lowest</th>
              <th scope="col" class="number">Size</th>
            </tr>
          </thead>
          <tbody>${photos.map(row)}</tbody>
        </table>
      </div>
    </section>`;
}

const areaDensityHead = html`
  <th scope="col" class="number" title="Objects per square metre of the photo">Per m²</th>`;

const coverageHead = html`
  <th scope="col" class="number" title="Share of the photo that the objects cover together">
    Covered
  </th>`;

const regionHeads = html`
  <th scope="col" class="number">Regions</th>
  <th scope="col" class="unsorted">By region</th>`;

function introduction(
  { photos, photoCount, countByName }: ReportData,
  { folder }: PhotoNames,
  shownClasses: number,
): Html {
  const [shown, all] = [formatCount(photos.length), formatCount(photoCount)];
  const { mostObjects, fewestObjects, firstByName } = reportLimits.photosByKind;
  const command = html`<code>orangery export-results</code>`;
  const choice = html`
    ${shown} of ${all} photos: the ${mostObjects} with the most objects, the ${fewestObjects} with
    the fewest, and the first ${firstByName} by name. ${command} writes all of them. `;
  const classes = formatPlural(countByName.length, "class", "classes");
  return html`
    <p class="quiet">
      ${photos.length < photoCount && choice}
      ${
        shownClasses < countByName.length &&
        shownClasses > 0 &&
        html`Of ${classes}, the ${shownClasses} most frequent have a column. `
      }
      ${folder !== "" && html`Below <bdi class="path">${folder}</bdi>`}
    </p>`;
}

function classHead(name: string): Html {
  return html`
    <th scope="col" class="number"><bdi class="clamp" title="${name}">${name}</bdi></th>`;
}

function sizeCell({ widthPx, heightPx }: PhotoSummary): Html {
  return html`
    <td class="number" data-value="${widthPx * heightPx}">${widthPx} × ${heightPx}</td>`;
}

function densityCell(count: number, areaPx: number): Html {
  const density = perMegapixel(count, areaPx);
  return densityNumber(density);
}

function areaDensityCell({ objectCount, widthPx, heightPx, scale }: PhotoSummary): Html {
  const areaM2 = toSquareMetres(widthPx * heightPx, scale);
  const density = areaM2 && Number((objectCount / areaM2).toPrecision(3));
  return densityNumber(density);
}

function densityNumber(density: number | undefined): Html {
  const shown = density === undefined ? "–" : formatValue(density);
  return html`<td class="number" data-value="${density ?? -1}">${shown}</td>`;
}

function coverageCell({ coveredPx, widthPx, heightPx }: PhotoSummary): Html {
  const share = coveredPx === undefined ? -1 : coveredPx / (widthPx * heightPx);
  const shown = coveredPx === undefined ? "–" : formatShare(coveredPx, widthPx * heightPx);
  return html`<td class="number" data-value="${share}">${shown}</td>`;
}

/** The number of regions, and their counts, which unfold to a table. */
function regionCells({ regions = [], objectCount }: PhotoSummary): Html {
  const outside = objectCount - regions.reduce((sum, { count }) => sum + count, 0);
  return html`
    ${numberCell(regions.length)}
    <td class="regions">
      ${regions.length === 0 ? "–" : regionTable(regions)}
      ${
        outside > 0 &&
        regions.length > 0 &&
        html`<span class="quiet">outside ${formatCount(outside)}</span>`
      }
    </td>`;
}

function regionTable(regions: readonly RegionSummary[]): Html {
  const shown = regions.slice(0, reportLimits.regions);
  const more = regions.length - shown.length;
  return html`
    <details>
      <summary>${listCounts(regions)}</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Region</th>
            <th scope="col" class="number">Objects</th>
            <th scope="col" class="number">Mpx</th>
            <th scope="col" class="number">Per Mpx</th>
          </tr>
        </thead>
        <tbody>${shown.map(regionRow)}</tbody>
      </table>
      ${more > 0 && html`<p class="quiet">… ${formatPlural(more, "more region")}</p>`}
    </details>`;
}

function regionRow({ number, name, areaPx, count }: RegionSummary): Html {
  return html`
    <tr>
      <th scope="row">${number} <bdi>${name}</bdi></th>
      ${numberCell(count)}
      <td class="number">${formatValue(areaPx / 1e6)}</td>
      ${densityCell(count, areaPx)}
    </tr>`;
}
