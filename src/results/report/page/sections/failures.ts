import { formatCount, formatPlural } from "../../../../base/quantities.ts";
import { adviseOn } from "../../../failure-advice.ts";
import type { FailureGroup, FailureReason } from "../../data/failure-groups.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { photoName } from "../cells.ts";
import type { PhotoNames } from "../photo-names.ts";

/** Photos that are visible without unfolding anything. */
const shownAtOnce = 3;

/** The failed photos by reason, with advice. */
export function failuresSection(
  { failures, photoCount, recipe: { failed } }: ReportData,
  names: PhotoNames,
): Html {
  const content =
    failed === 0
      ? html`<p class="good">No photo failed.</p>`
      : html`
        <p class="quiet">
          ${formatPlural(failed, "photo")} without a result.
          ${photoCount > 0 && "The others are not affected."}
        </p>
        ${failures.map((group) => failureArticle(group, names))}`;
  return html`<section id="failures"><h2>Failed</h2>${content}</section>`;
}

function failureArticle({ code, count, reasons }: FailureGroup, names: PhotoNames): Html {
  const { meaning, advice } = adviseOn(code);
  const unlisted = count - reasons.reduce((sum, { count }) => sum + count, 0);
  const more = html`
    <p class="quiet">${formatPlural(unlisted, "more photo")}, for other reasons.</p>`;
  return html`
    <article class="failure">
      <h3>${formatCount(count)} × <code>${code}</code></h3>
      <p>${meaning} <b>${advice}</b></p>
      <ul>${reasons.map((reason) => reasonItem(reason, names))}</ul>
      ${unlisted > 0 && more}
    </article>`;
}

/** A message and the photos that it is about: a few are visible, the others unfold. */
function reasonItem({ message, count, sources }: FailureReason, names: PhotoNames): Html {
  const list = (sources: readonly string[]) =>
    html`<ul>${sources.map((source) => html`<li>${photoName(source, names)}</li>`)}</ul>`;
  const unlisted = count - sources.length;
  const command = html`<code>orangery export-results --format csv --rows photos</code>`;
  const rest = html`
    <details>
      <summary>${formatCount(count - shownAtOnce)} more</summary>
      ${list(sources.slice(shownAtOnce))}
      ${
        unlisted > 0 &&
        html`<p class="quiet">… and ${formatCount(unlisted)} more: ${command} lists all.</p>`
      }
    </details>`;
  return html`
    <li>
      <p class="why"><b>${formatPlural(count, "photo")}:</b> <bdi>${message}</bdi></p>
      ${list(sources.slice(0, shownAtOnce))}
      ${count > shownAtOnce && rest}
    </li>`;
}
