import type { PhotoSummary } from "../../data/photo-summary.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { formatScore, numberCell, photoName, scoreCell } from "../cells.ts";
import type { PhotoNames } from "../photo-names.ts";

/** The photos with the lowest and the highest mean scores; a few are all in one table. */
export function scoresSection(
  { worst, best, photoCount }: ReportData,
  names: PhotoNames,
): Html | false {
  if (photoCount < 2 || worst.length === 0) return false;
  const tables =
    best.length === 0
      ? [scoreTable("Photos by mean score", worst, names)]
      : [
          scoreTable("Lowest mean score", worst, names),
          scoreTable("Highest mean score", best, names),
        ];
  return html`<section id="scores"><h2>Scores</h2><div class="pair">${tables}</div></section>`;
}

function scoreTable(title: string, photos: readonly PhotoSummary[], names: PhotoNames): Html {
  const row = (photo: PhotoSummary) => html`
    <tr>
      <th scope="row">${photoName(photo.source, names)}</th>
      ${meterCell(photo)}
      ${scoreCell(photo.lowestScore)}
      ${numberCell(photo.objectCount)}
    </tr>`;
  return html`
    <div class="scroll">
      <h3>${title}</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">Photo</th>
            <th scope="col" class="number">Mean</th>
            <th scope="col" class="number">Lowest</th>
            <th scope="col" class="number">Objects</th>
          </tr>
        </thead>
        <tbody>${photos.map(row)}</tbody>
      </table>
    </div>`;
}

function meterCell({ meanScore }: PhotoSummary): Html {
  const width = (100 * (meanScore ?? 0)).toFixed(1);
  return html`
    <td class="number meter">${formatScore(meanScore)}<i style="width:${width}%"></i></td>`;
}
