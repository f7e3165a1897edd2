import { adviseOn } from "./failure-advice.ts";
import { type Html, html } from "./html.ts";
import type { PhotoNames } from "./photo-names.ts";
import { formatCount, formatPlural } from "./quantities.ts";
import type { PhotoFacts, ReportFacts } from "./report-facts.ts";

/** Names of classes that have a column of their own, the most frequent. */
const shownNames = 4;

/** The counts of the first photos. */
export function countsTable(
  { photos, photoCount, countByName, regionCount }: ReportFacts,
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
    ([name]) => html`<th scope="col" class="number"><bdi>${name}</bdi></th>`,
  )}${hasRegions && html`<th scope="col" class="number">Regions</th><th scope="col">By region</th>`}<th scope="col" class="number">Mean score</th><th scope="col" class="number">Lowest</th><th scope="col" class="number">Size</th>
</tr></thead><tbody>${photos.map(
    (photo) =>
      html`<tr><th scope="row">${nameCell(photo.source, names)}</th>${numberCell(photo.objectCount)}${classes.map(
        ([name]) => numberCell(photo.countByName.get(name) ?? 0),
      )}${hasRegions && regionCells(photo)}${scoreCell(photo.meanScore)}${scoreCell(photo.lowestScore)}<td class="number" data-value="${photo.widthPx * photo.heightPx}">${photo.widthPx} × ${photo.heightPx}</td></tr>`,
  )}</tbody></table></div></section>`;
}

function regionCells({ countByRegion = [], objectCount }: PhotoFacts): Html {
  const outside = objectCount - countByRegion.reduce((sum, count) => sum + count, 0);
  const sum = countByRegion.map(formatCount).join(" + ") || "–";
  return html`${numberCell(countByRegion.length)}<td class="wide">${sum}${outside > 0 && countByRegion.length > 0 && html`<span class="quiet">, outside ${formatCount(outside)}</span>`}</td>`;
}

/** The photos of which the models were least and most sure. */
export function scoreTables(
  { worst, best, photoCount }: ReportFacts,
  names: PhotoNames,
): Html | false {
  if (photoCount < 2 || worst.length === 0) return false;
  return html`<section id="scores"><h2>Scores</h2><div class="pair">
${scoreTable("Lowest mean score", worst, names)}${scoreTable("Highest mean score", best, names)}
</div></section>`;
}

function scoreTable(title: string, photos: readonly PhotoFacts[], names: PhotoNames): Html {
  return html`<div class="scroll"><h3>${title}</h3><table><thead><tr><th scope="col">Photo</th><th scope="col" class="number">Mean</th><th scope="col" class="number">Lowest</th><th scope="col" class="number">Objects</th></tr></thead><tbody>${photos.map(
    (photo) =>
      html`<tr><th scope="row">${nameCell(photo.source, names)}</th><td class="number meter">${formatScore(photo.meanScore)}<i style="width:${(100 * (photo.meanScore ?? 0)).toFixed(1)}%"></i></td>${scoreCell(photo.lowestScore)}${numberCell(photo.objectCount)}</tr>`,
  )}</tbody></table></div>`;
}

/** What has no result, by reason, and what to do about it. */
export function failures({ failures, recipe: { setAside } }: ReportFacts, names: PhotoNames): Html {
  if (setAside === 0) {
    return html`<section id="failures"><h2>Set aside</h2><p class="good">No photo was set aside.</p></section>`;
  }
  return html`<section id="failures"><h2>Set aside</h2>
<p class="quiet">${formatPlural(setAside, "photo")} without a result. The others are not affected.</p>
${failures.map(({ code, count, examples }) => {
  const { meaning, advice } = adviseOn(code);
  return html`<article class="failure"><h3>${formatCount(count)} × <code>${code}</code></h3><p>${meaning} <b>${advice}</b></p>
<ul>${examples.map(({ source, reason }) => html`<li>${nameCell(source, names)}<span>${reason.message}</span></li>`)}</ul>
${count > examples.length && html`<p class="quiet">… ${formatCount(count - examples.length)} more</p>`}</article>`;
})}</section>`;
}

/** What decided the results. */
export function recipeSection({ recipe }: ReportFacts): Html {
  const contents: Record<string, unknown> = JSON.parse(recipe.json);
  return html`<section id="recipe"><h2>Recipe</h2>
<p class="quiet">Models and parameters that decided these results. Another model, or another value, is another recipe.</p>
<dl class="recipe">${Object.entries(contents).map(
    ([name, value]) => html`<div><dt>${name}</dt><dd>${recipeValue(value)}</dd></div>`,
  )}<div><dt>recipe</dt><dd><code>${recipe.hash}</code></dd></div></dl></section>`;
}

function recipeValue(value: unknown): Html {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return html`<code>${typeof value === "string" ? value : JSON.stringify(value)}</code>`;
  }
  const entries = Object.entries(value);
  return html`<ul>${entries.map(([name, entry]) => html`<li>${name} ${recipeValue(entry)}</li>`)}</ul>`;
}

function nameCell(source: string, names: PhotoNames): Html {
  return html`<bdi class="path" title="${source}">${names.nameOf(source)}</bdi>`;
}

function numberCell(value: number): Html {
  return html`<td class="number" data-value="${value}">${formatCount(value)}</td>`;
}

function scoreCell(score: number | undefined): Html {
  return html`<td class="number" data-value="${score ?? -1}">${formatScore(score)}</td>`;
}

export function formatScore(score: number | undefined): string {
  return score === undefined ? "–" : score.toFixed(2);
}
