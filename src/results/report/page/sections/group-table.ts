import { formatValue } from "../../../../base/quantities.ts";
import type { Totals } from "../../../totals/totals.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { numberCell } from "../cells.ts";

const shownNames = 4;

/** Returns the classes that have a column of their own: the most frequent ones of several. */
export function classColumns(countByName: ReportData["countByName"]): ReportData["countByName"] {
  return countByName.length > 1 ? countByName.slice(0, shownNames) : [];
}

export interface Group {
  /** The head of its row. */
  readonly head: Html;
  readonly totals: Totals;
}

/** A table of the totals of groups of photos. */
export function groupTable(
  groups: readonly Group[],
  { title, data }: { readonly title: string; readonly data: ReportData },
): Html {
  const { countByName } = data;
  const classes = classColumns(countByName);
  const hasFailures = groups.some(({ totals }) => totals.failed > 0);
  const hasAreas = groups.some(({ totals }) => totals.measured !== undefined);
  const row = ({ head, totals }: Group) => html`
    <tr>
      ${head}
      ${numberCell(totals.photos)}
      ${numberCell(totals.objects)}
      ${ratioCell(totals.objects, totals.photos)}
      ${hasAreas && ratioCell(totals.measured?.objects ?? 0, totals.measured?.areaM2 ?? 0)}
      ${classes.map(([name]) => numberCell(totals.countByName.get(name) ?? 0))}
      ${hasFailures && numberCell(totals.failed)}
    </tr>`;
  const head = (name: string) => html`<th scope="col" class="number">${name}</th>`;
  return html`
    <div class="scroll sheet">
      <table class="sortable groups">
        <thead>
          <tr>
            <th scope="col">${title}</th>
            ${["Photos", "Objects", "A photo"].map(head)}
            ${hasAreas && head("Per m²")}
            ${classes.map(([name]) => head(name))}
            ${hasFailures && head("Failed")}
          </tr>
        </thead>
        <tbody>${groups.map(row)}</tbody>
      </table>
    </div>`;
}

function ratioCell(part: number, whole: number): Html {
  const ratio = whole > 0 ? part / whole : undefined;
  const shown = ratio === undefined ? "–" : formatRatio(ratio);
  return html`<td class="number" data-value="${ratio ?? -1}">${shown}</td>`;
}

/** One decimal is enough above 10. */
function formatRatio(ratio: number): string {
  return formatValue(ratio >= 10 ? Math.round(10 * ratio) / 10 : Number(ratio.toPrecision(3)));
}
