import { formatPlural, formatValue } from "../../../../base/quantities.ts";
import type { FolderTotals } from "../../data/folder-totals.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { numberCell } from "./cells.ts";

/** A table of the totals by folder; none where all photos lie in one. */
export function foldersSection({ folders: { folders, isCut } }: ReportData): Html | false {
  if (folders.length === 0) return false;
  const hasFailures = folders.some(({ failed }) => failed > 0);
  const row = ({ folder, depth, photos, objects, failed }: FolderTotals) => html`
    <tr>
      <th scope="row" style="--depth:${depth}"><bdi class="path">${folder}</bdi></th>
      ${numberCell(photos)}
      ${numberCell(objects)}
      <td class="number" data-value="${photos === 0 ? -1 : objects / photos}">
        ${photos === 0 ? "–" : formatValue(Math.round((10 * objects) / photos) / 10)}
      </td>
      ${hasFailures && numberCell(failed)}
    </tr>`;
  return html`
    <section id="folders">
      <h2>Folders</h2>
      <p class="quiet">
        Each with all that lies below it.
        ${isCut && `The first ${formatPlural(folders.length, "folder")}; those below are in them.`}
      </p>
      <div class="scroll">
        <table class="sortable folders">
          <thead>
            <tr>
              <th scope="col">Folder</th>
              <th scope="col" class="number">Photos</th>
              <th scope="col" class="number">Objects</th>
              <th scope="col" class="number">A photo</th>
              ${hasFailures && html`<th scope="col" class="number">Failed</th>`}
            </tr>
          </thead>
          <tbody>${folders.map(row)}</tbody>
        </table>
      </div>
    </section>`;
}
