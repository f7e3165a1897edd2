import { formatCount, formatPlural } from "../../../../base/quantities.ts";
import { layerColours } from "../../../../vision/drawing/palette.ts";
import type { PhotoSummary } from "../../data/photo-summary.ts";
import type { ChosenPhoto } from "../../data/picture-choice.ts";
import { type ReportData, reportLimits } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";
import { cssColour, drawOverlay } from "../../pictures/overlay.ts";
import type { Thumbnail } from "../../pictures/thumbnail.ts";
import { formatScore, listCounts, photoName } from "../cells.ts";
import type { PhotoNames } from "../photo-names.ts";
import { shot, toggles, viewer } from "../viewer.ts";

/** A chosen photo and the small copy of it that the page holds. */
export interface Shot extends ChosenPhoto {
  readonly thumbnail: Thumbnail;
}

/** What can be shown and hidden on the pictures. */
const layers = ["regions", "objects", "labels"];

/** More pictures than this are shown smaller. */
const manyShots = 9;

/** Pictures with what was found on them; each opens large. */
export function gallerySection(
  { photoCount, regionCount }: ReportData,
  shots: readonly Shot[],
  names: PhotoNames,
): Html | false {
  if (shots.length === 0) return false;
  const shown = regionCount === undefined ? layers.filter((layer) => layer !== "regions") : layers;
  const choice = whichOf(shots.length, photoCount);
  return html`
    <section id="pictures">
      <h2>Pictures</h2>
      <div class="bar">
        <p class="quiet">
          ${choice}Open one to see it large.
        </p>
        ${toggles(shown)}
      </div>
      ${legend(shots)}
      <div class="gallery${shots.length > manyShots && " many"}">
        ${shots.map((shot, i) => card(shot, `picture-${i + 1}`, names))}
      </div>
    </section>
    ${viewer(shown)}`;
}

/** Which photos have a picture, where not all have one. */
function whichOf(shown: number, photoCount: number): string | false {
  const numbers = `${formatCount(shown)} of ${formatPlural(photoCount, "photo")}`;
  if (photoCount > reportLimits.pictures) {
    return (
      `${numbers}: those with the lowest scores, the most and the fewest objects, and a sample ` +
      "of the others. "
    );
  }
  return shown < photoCount && `${numbers}: copies of a photo share a picture. `;
}

/** Classes in the legend; the colours repeat after seven. */
const maxLegend = 14;

/** The colours of the classes on the pictures, where there are several. */
function legend(shots: readonly Shot[]): Html | false {
  const counts = new Map<number, { name: string; count: number; colour: string }>();
  for (const { result } of shots) {
    const [, colourOf] = layerColours([{ names: [] }, result.objects]);
    for (const { classId, name } of result.objects) {
      const known = counts.get(classId);
      if (known === undefined) {
        counts.set(classId, { name, count: 1, colour: cssColour(colourOf!(classId)) });
      } else known.count++;
    }
  }
  if (counts.size < 2) return false;
  const classes = [...counts.values()].sort((a, b) => b.count - a.count);
  const more = classes.length - maxLegend;
  const moreClasses = formatPlural(more, "more class", "more classes");
  return html`
    <ul class="legend" aria-label="Classes on the pictures">
      ${classes
        .slice(0, maxLegend)
        .map(({ name, colour }) => html`<li><i style="--c:${colour}"></i><bdi>${name}</bdi></li>`)}
      ${more > 0 && html`<li class="quiet">and ${moreClasses}</li>`}
    </ul>`;
}

function card(shot: Shot, id: string, names: PhotoNames): Html {
  const { summary, reason } = shot;
  const { source, meanScore, lowestScore } = summary;
  const scores = `mean score ${formatScore(meanScore)}, lowest ${formatScore(lowestScore)}`;
  return html`
    <article class="card" id="${id}">
      ${picture(shot, id, names.nameOf(source))}
      <div class="about">
        <h3>${photoName(source, names)}</h3>
        <p>${describeCounts(summary)}</p>
        <p class="quiet">${meanScore !== undefined && scores}</p>
        ${reason && html`<p class="chip">${reason}</p>`}
      </div>
    </article>`;
}

function picture({ summary, result, thumbnail }: Shot, id: string, name: string): Html {
  const { widthPx, heightPx } = summary;
  return shot({
    id,
    name,
    summary: describeCounts(summary),
    sizeWh: [widthPx, heightPx],
    thumbnail,
    overlay: drawOverlay(result),
  });
}

function describeCounts({ objectCount, regions = [] }: PhotoSummary): string {
  const counted = formatPlural(objectCount, "object");
  if (regions.length === 0) return counted;
  return `${counted}; ${formatPlural(regions.length, "region")}: ${listCounts(regions)}`;
}
