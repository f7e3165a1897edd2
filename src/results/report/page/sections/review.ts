import { formatCount, formatPlural } from "../../../../base/quantities.ts";
import { formatShareEstimate, formatTotalEstimate } from "../../../review/describe-estimate.ts";
import { leastPhotos } from "../../../review/estimate-total.ts";
import type { CountEstimate, ReviewEstimate } from "../../../review/review-estimate.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { numberCell } from "../cells.ts";

/** What a reviewed sample says of all photos; left out before any photo of one is reviewed. */
export function reviewSection({ review: { estimate } }: ReportData): Html | false {
  if (estimate?.all.total === undefined) return false;
  const { all, classes } = estimate;
  const rows = [...(classes.length === 1 ? [] : classes), all];
  const head = (name: string) => html`<th scope="col" class="number">${name}</th>`;
  return html`
    <section id="review">
      <h2>Review</h2>
      <p class="quiet">${introduction(estimate)}</p>
      <div class="scroll sheet">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              ${["Predicted", "Corrected total", "95 % interval", "Precision", "Recall"].map(head)}
            </tr>
          </thead>
          <tbody>${rows.map(rowOf)}</tbody>
        </table>
      </div>
    </section>`;
}

function rowOf({ name, predicted, total, precision, recall }: CountEstimate): Html {
  return html`
    <tr>
      <th scope="row">${name === undefined ? "All" : html`<bdi>${name}</bdi>`}</th>
      ${numberCell(predicted)}
      ${numberCell(Math.round(total!.value))}
      <td class="number">${formatTotalEstimate(total!)}</td>
      <td class="number">${formatShareEstimate(precision)}</td>
      <td class="number">${formatShareEstimate(recall)}</td>
    </tr>`;
}

function introduction({ list, progress, all: { total } }: ReviewEstimate): Html {
  const { reviewed, open, gone } = progress;
  const { wrongPhotos: wrong, interval } = total!;
  const some = (photos: number, what: string) =>
    photos > 0 &&
    `${formatPlural(photos, "photo")} of the sample ${photos === 1 ? "is" : "are"} ${what}. `;
  return html`
    People reviewed ${formatPlural(reviewed, "photo")} of a random sample of the
    ${formatCount(list.photos)} that were done on ${list.madeAt.slice(0, 10)}, and changed the count
    of ${formatCount(wrong)}. The corrected totals are estimates for all of these; the true ones lie
    in the intervals in 95 of 100 such reviews. In brackets: the intervals of the shares.
    ${interval === undefined && `There are intervals of totals from ${leastPhotos} photos on. `}
    ${some(open, "still open, so that this is provisional")}
    ${some(gone, "gone or changed since: draw it again with the same seed")}`;
}
