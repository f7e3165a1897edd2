import { formatCount, formatPlural } from "../../base/quantities.ts";
import { type Html, html } from "./html.ts";
import type { PhotoNames } from "./photo-names.ts";
import { drawOverlay } from "./pictures/overlay.ts";
import type { ChosenPhoto } from "./pictures/picture-choice.ts";
import type { Thumbnail } from "./pictures/thumbnail.ts";
import { type PhotoSummary, type ReportData, reportLimits } from "./report-data.ts";
import { formatScore, photoName, sumUp } from "./report-tables.ts";

/** A chosen photo and the small copy of it that the page holds. */
export interface Shot extends ChosenPhoto {
  readonly thumbnail: Thumbnail;
}

/** What can be shown and hidden on the pictures. */
const layers = ["regions", "objects", "labels"];

/** From so many on they are smaller. */
const manyShots = 9;

/** Pictures with what was found on them; each opens large. */
export function gallery(
  { photoCount, regionCount }: ReportData,
  shots: readonly Shot[],
  names: PhotoNames,
): Html | false {
  if (shots.length === 0) return false;
  const isChoice = photoCount > reportLimits.pictures;
  const shown = regionCount === undefined ? layers.filter((layer) => layer !== "regions") : layers;
  return html`<section id="pictures"><h2>Pictures</h2>
<div class="bar"><p class="quiet">${isChoice ? `${shots.length} of ${formatCount(photoCount)}: those with the lowest scores, the most and the fewest objects, and some from all over. ` : ""}Open one to see it large.</p>${toggles(shown)}</div>
<div class="gallery${shots.length > manyShots && " many"}">${shots.map((shot, i) => card(shot, i, names))}</div>
</section>
${viewer(shown)}`;
}

/** Shown by the script, without which they do nothing. */
function toggles(shown: readonly string[]): Html {
  return html`<fieldset class="toggles" hidden><legend class="unseen">Show on the pictures</legend>${shown.map(
    (layer) => html`<label><input type="checkbox" checked data-layer="${layer}">${layer}</label>`,
  )}</fieldset>`;
}

function card({ facts, result, reason, thumbnail }: Shot, index: number, names: PhotoNames): Html {
  const name = names.nameOf(facts.source);
  const counted = describeCounts(facts);
  const id = `picture-${index + 1}`;
  const ratio = (facts.widthPx / facts.heightPx).toFixed(4);
  const shot =
    "webp" in thumbnail
      ? html`<a class="shot" href="#${id}" aria-label="Open ${name} large"><span class="frame" style="--ar:${ratio}"><img src="data:image/webp;base64,${Buffer.from(thumbnail.webp).toString("base64")}" width="${thumbnail.widthPx}" height="${thumbnail.heightPx}" alt="${name}: ${counted}">${drawOverlay(result)}</span></a>`
      : html`<div class="shot missing"><p>${thumbnail.missing}</p></div>`;
  return html`<article class="card" id="${id}">${shot}<div class="about"><h3>${photoName(facts.source, names)}</h3><p>${counted}</p><p class="quiet">${facts.meanScore !== undefined && `mean score ${formatScore(facts.meanScore)}, lowest ${formatScore(facts.lowestScore)}`}</p>${reason && html`<p class="chip">${reason}</p>`}</div></article>`;
}

function describeCounts({ objectCount, regions = [] }: PhotoSummary): string {
  const counted = formatPlural(objectCount, "object");
  if (regions.length === 0) return counted;
  return `${counted}; ${formatPlural(regions.length, "region")}: ${sumUp(regions)}`;
}

function viewer(shown: readonly string[]): Html {
  return html`<dialog id="viewer" aria-labelledby="viewer-name">
<header><div class="name"><h2 id="viewer-name" class="clamp"></h2><p id="viewer-about"></p></div><div class="tools">${toggles(shown)}<button type="button" data-do="zoom" aria-pressed="false">Zoom</button></div><button type="button" data-do="close" aria-label="Close">✕</button></header>
<div class="stage" tabindex="0" autofocus role="group" aria-label="Picture"></div>
<footer><button type="button" data-do="back" aria-label="Previous picture">←</button><span id="viewer-place"></span><button type="button" data-do="next" aria-label="Next picture">→</button></footer>
</dialog>`;
}
