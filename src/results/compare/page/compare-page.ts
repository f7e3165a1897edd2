import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { type Html, html } from "../../report/html.ts";
import { numberCell, photoName } from "../../report/page/cells.ts";
import { pageFrame } from "../../report/page/page-frame.ts";
import { PhotoNames } from "../../report/page/photo-names.ts";
import { brand, type Tile, tileOf } from "../../report/page/tiles.ts";
import { shot, toggles, viewer } from "../../report/page/viewer.ts";
import type { Thumbnail } from "../../report/pictures/thumbnail.ts";
import type { ClassComparison, Comparison, DifferentPhoto } from "../compare-results.ts";
import { formatError, formatErrorShare, formatRatio, formatSigned } from "../format-errors.ts";
import { drawDifference } from "./difference-overlay.ts";
import { scatterChart } from "./scatter-chart.ts";

/** A photo on which much differs, and the small copy of it that the page holds. */
export interface DifferentShot extends DifferentPhoto {
  readonly thumbnail: Thumbnail;
}

export interface ComparePageOptions {
  /** The results file and the truth as the page names them. */
  readonly files: readonly [results: string, truth: string];
  readonly comparison: Comparison;
  readonly shots: readonly DifferentShot[];
}

/** Photos in the table: those whose counts are furthest from the truth. */
const shownPhotos = 200;

/** Makes the page of a comparison. */
export function comparePage({ files, comparison, shots }: ComparePageOptions): string {
  const names = new PhotoNames(comparison.photos.map(({ source }) => source));
  return pageFrame({
    title: `${files[0]} – Orangery comparison`,
    top: overview(comparison, files),
    sections: [
      ["classes", "Classes", classesSection(comparison)],
      ["pictures", "Pictures", picturesSection(comparison, shots, names)],
      ["counts", "Photos", photosSection(comparison, names)],
    ],
    origin: "Made by Orangery from the results, the truth and the photos.",
  });
}

function overview(comparison: Comparison, [results, truth]: ComparePageOptions["files"]): Html {
  const { all, allByTotal, photos, hasBoxes } = comparison;
  const tiles: (Tile | false)[] = [
    { name: "Truth", value: formatCount(all.truth), note: formatPlural(photos.length, "photo") },
    {
      name: "Counted",
      value: formatCount(all.counted),
      note: `${formatError(all.error)} together`,
    },
    {
      name: "Mean error",
      value: all.meanAbsoluteError.toFixed(1),
      note: `a photo, bias ${formatSigned(all.bias)}`,
    },
    { name: "R²", value: formatRatio(all.rSquared), note: "1 is right on each photo" },
    hasBoxes && { name: "Precision", value: formatRatio(all.precision), note: "of what counts" },
    hasBoxes && { name: "Recall", value: formatRatio(all.recall), note: "of what is there" },
    allByTotal !== undefined && {
      name: "Best thresholds",
      value: formatErrorShare(allByTotal.errorShare),
      note: `${formatCount(allByTotal.counted)} counted`,
    },
  ];
  return html`
    <header class="top">
      ${brand("comparison")}
      <h1>${formatErrorShare(all.errorShare)} <span>in total</span></h1>
      <p class="quiet"><bdi>${results}</bdi>, compared with <bdi>${truth}</bdi></p>
    </header>
    ${notices(comparison)}
    <section aria-label="Totals">
      <dl class="tiles">${tiles.filter((tile) => tile !== false).map(tileOf)}</dl>
    </section>`;
}

function notices({ withoutTruth, withoutResult, classes }: Comparison): Html[] {
  const texts = [
    withoutTruth > 0 && `Without a truth: ${formatPlural(withoutTruth, "photo")} with a result.`,
    withoutResult > 0 && `Without a result: ${formatPlural(withoutResult, "photo")} of the truth.`,
    ...classes.map(
      ({ name, threshold }) => threshold === undefined && `The model has no class ${name}.`,
    ),
  ];
  return texts.flatMap((text) => (text === false ? [] : [html`<p class="notice">${text}</p>`]));
}

function classesSection({ classes, photos, hasBoxes }: Comparison): Html {
  const row = (comparison: ClassComparison) => html`
    <tr>
      <th scope="row"><bdi>${comparison.name}</bdi></th>
      <td class="number">${comparison.threshold ?? "–"}</td>
      ${numberCell(comparison.truth)}
      ${numberCell(comparison.counted)}
      ${errorCell(comparison.error, comparison.errorShare)}
      <td class="number">${formatRatio(comparison.rSquared)}</td>
      ${
        hasBoxes &&
        [comparison.precision, comparison.recall].map(
          (share) => html`<td class="number">${formatRatio(share)}</td>`,
        )
      }
      <td class="number"><b>${comparison.byTotal?.threshold ?? "–"}</b></td>
      ${errorCell(comparison.byTotal?.error ?? 0, comparison.byTotal?.errorShare)}
      ${hasBoxes && html`<td class="number">${comparison.byF1?.threshold ?? "–"}</td>`}
    </tr>`;
  const lacking = classes.filter(({ lacksObjects }) => lacksObjects).map(({ name }) => name);
  return html`
    <section id="classes">
      <h2>Classes</h2>
      <div class="scroll card-table">
        <table>
          <thead>
            <tr>
              <th scope="col">Class</th>
              <th scope="col" class="number">Above</th>
              <th scope="col" class="number">Truth</th>
              <th scope="col" class="number">Counted</th>
              <th scope="col" class="number">Error</th>
              <th scope="col" class="number">R²</th>
              ${
                hasBoxes &&
                html`
                  <th scope="col" class="number">Precision</th>
                  <th scope="col" class="number">Recall</th>`
              }
              <th scope="col" class="number">Total is right above</th>
              <th scope="col" class="number">Error then</th>
              ${hasBoxes && html`<th scope="col" class="number">Best F1 above</th>`}
            </tr>
          </thead>
          <tbody>${classes.map(row)}</tbody>
        </table>
      </div>
      ${
        lacking.length > 0 &&
        html`
          <p class="quiet below">
            Of ${lacking.join(", ")} there are more than were recorded at any score. Another run
            with a lower <code>--record-from</code> shows whether a lower threshold helps.
          </p>`
      }
      <div class="scatters below">
        ${charts(classes, photos)}
      </div>
    </section>`;
}

/** Classes that have a chart of their own. */
const shownCharts = 6;

function charts(classes: readonly ClassComparison[], photos: Comparison["photos"]): Html[] {
  const names = new PhotoNames(photos.map(({ source }) => source));
  return classes.slice(0, shownCharts).map(({ name, threshold, rSquared }) => {
    const ofClass = photos.map((photo) => ({
      ...photo,
      ...photo.classes.find((row) => row.name === name),
    }));
    const above = threshold === undefined ? "" : ` above ${threshold}`;
    const ratio = rSquared === undefined ? "" : `, R² ${formatRatio(rSquared)}`;
    return scatterChart(ofClass, {
      title: name,
      summary: `Counted${above} against the truth, by photo${ratio}.`,
      nameOf: (source) => names.nameOf(source),
    });
  });
}

function picturesSection(
  { hasBoxes, photos }: Comparison,
  shots: readonly DifferentShot[],
  names: PhotoNames,
): Html | false {
  if (shots.length === 0) return false;
  const layers = hasBoxes ? ["right", "extra", "missed"] : ["counted"];
  const meanings: { readonly [layer: string]: string } = {
    right: "counted, and there",
    extra: "counted, but not there",
    missed: "there, but not counted",
    counted: "counted",
  };
  return html`
    <section id="pictures">
      <h2>Pictures</h2>
      <div class="bar">
        <p class="quiet">
          ${shots.length} of ${formatCount(photos.length)}: those that differ most. Open one to see
          it large.
        </p>
        ${toggles(layers)}
      </div>
      <ul class="legend" aria-label="Boxes on the pictures">
        ${layers.map((layer) => html`<li><i class="${layer}"></i>${meanings[layer]}</li>`)}
      </ul>
      <div class="gallery${shots.length > 9 && " many"}">
        ${shots.map((shot, i) => card(shot, `picture-${i + 1}`, names))}
      </div>
    </section>
    ${viewer(layers)}`;
}

function card(different: DifferentShot, id: string, names: PhotoNames): Html {
  const { photo, result, thumbnail } = different;
  const { source, truth, counted, matched, classes } = photo;
  const summary = `${formatCount(counted)} counted, ${formatCount(truth)} there`;
  const extra = matched !== undefined && `${counted - matched} too many, ${truth - matched} missed`;
  const wrong = classes
    .filter((row) => row.truth !== row.counted)
    .map((row) => `${row.name} ${formatError(row.counted - row.truth)}`);
  return html`
    <article class="card" id="${id}">
      ${shot({
        id,
        name: names.nameOf(source),
        summary,
        sizeWh: [result.widthPx, result.heightPx],
        thumbnail,
        overlay: drawDifference(different),
      })}
      <div class="about">
        <h3>${photoName(source, names)}</h3>
        <p>${summary}</p>
        <p class="quiet">${[extra, ...wrong].filter(Boolean).join("; ")}</p>
      </div>
    </article>`;
}

function photosSection({ photos, hasBoxes }: Comparison, names: PhotoNames): Html {
  const shown = photos
    .toSorted((a, b) => Math.abs(b.counted - b.truth) - Math.abs(a.counted - a.truth))
    .slice(0, shownPhotos);
  return html`
    <section id="counts">
      <h2>Photos</h2>
      ${
        shown.length < photos.length &&
        html`
          <p class="quiet">
            ${formatCount(shown.length)} of ${formatCount(photos.length)} photos: those with the
            largest errors. <code>orangery compare --json</code> has all of them.
          </p>`
      }
      <div class="scroll">
        <table class="sortable">
          <thead>
            <tr>
              <th scope="col">Photo</th>
              <th scope="col" class="number">Truth</th>
              <th scope="col" class="number">Counted</th>
              <th scope="col" class="number">Error</th>
              ${
                hasBoxes &&
                html`
                  <th scope="col" class="number">Too many</th>
                  <th scope="col" class="number">Missed</th>`
              }
            </tr>
          </thead>
          <tbody>
            ${shown.map(
              ({ source, truth, counted, matched }) => html`
                <tr>
                  <th scope="row">${photoName(source, names)}</th>
                  ${numberCell(truth)}
                  ${numberCell(counted)}
                  <td class="number" data-value="${counted - truth}">
                    ${formatError(counted - truth)}
                  </td>
                  ${
                    matched !== undefined && [
                      numberCell(counted - matched),
                      numberCell(truth - matched),
                    ]
                  }
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </section>`;
}

function errorCell(error: number, share: number | undefined): Html {
  const percent = share === undefined ? "" : ` (${formatErrorShare(share)})`;
  return html`<td class="number" data-value="${error}">${formatError(error)}${percent}</td>`;
}
