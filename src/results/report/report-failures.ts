import { formatCount, formatPlural } from "../../base/quantities.ts";
import { adviseOn } from "./failures/failure-advice.ts";
import type { FailureReason } from "./failures/failure-groups.ts";
import { type Html, html } from "./html.ts";
import type { PhotoNames } from "./photo-names.ts";
import type { ReportData } from "./report-data.ts";
import { photoName } from "./report-tables.ts";

/** Photos that are seen without opening anything. */
const shownAtOnce = 3;

/** What has no result, by reason, and what to do about it. */
export function failures(
  { failures, photoCount, recipe: { setAside } }: ReportData,
  names: PhotoNames,
): Html {
  if (setAside === 0) {
    return html`<section id="failures"><h2>Set aside</h2><p class="good">No photo was set aside.</p></section>`;
  }
  return html`<section id="failures"><h2>Set aside</h2>
<p class="quiet">${formatPlural(setAside, "photo")} without a result.${photoCount > 0 && " The others are not affected."}</p>
${failures.map(({ code, count, reasons }) => {
  const { meaning, advice } = adviseOn(code);
  const unlisted = count - reasons.reduce((sum, { count }) => sum + count, 0);
  return html`<article class="failure"><h3>${formatCount(count)} × <code>${code}</code></h3><p>${meaning} <b>${advice}</b></p>
<ul>${reasons.map((reason) => reasonItem(reason, names))}</ul>
${unlisted > 0 && html`<p class="quiet">${formatPlural(unlisted, "more photo")}, for other reasons.</p>`}</article>`;
})}</section>`;
}

/** One message and the photos that it is about: a few, and the others to unfold. */
function reasonItem({ message, count, sources }: FailureReason, names: PhotoNames): Html {
  const items = (sources: readonly string[]) =>
    html`<ul>${sources.map((source) => html`<li>${photoName(source, names)}</li>`)}</ul>`;
  const unlisted = count - sources.length;
  return html`<li><p class="why"><b>${formatPlural(count, "photo")}:</b> <bdi>${message}</bdi></p>${items(sources.slice(0, shownAtOnce))}${
    count > shownAtOnce &&
    html`<details><summary>${formatCount(count - shownAtOnce)} more</summary>${items(sources.slice(shownAtOnce))}${
      unlisted > 0 &&
      html`<p class="quiet">… and ${formatCount(unlisted)} more: <code>orangery export-results --format csv --rows photos</code> lists all.</p>`
    }</details>`
  }</li>`;
}
