import { formatPlural } from "../../../../base/quantities.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { groupTable } from "./group-table.ts";

/** A table of the totals by folder; none where all photos lie in one. */
export function foldersSection(data: ReportData): Html | false {
  const { folders, isCut } = data.folders;
  if (folders.length === 0) return false;
  const groups = folders.map(({ folder, depth, totals }) => ({
    head: html`
      <th scope="row" style="--depth:${depth}"><bdi class="path">${folder}</bdi></th>`,
    totals,
  }));
  return html`
    <section id="folders">
      <h2>Folders</h2>
      <p class="quiet">
        Each with all that lies below it.
        ${isCut && `The first ${formatPlural(folders.length, "folder")}; those below are in them.`}
      </p>
      ${groupTable(groups, { title: "Folder", data })}
    </section>`;
}
