import {
  formatCount,
  formatPlural,
  formatShare,
  formatValue,
} from "../../../../base/quantities.ts";
import { barChart } from "../../charts/bar-chart.ts";
import { binCounts } from "../../charts/histogram.ts";
import { type ReportData, reportLimits, scoreBins } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";

const maxCountBins = 24;

/** Charts of counts, scores and classes. */
export function distributionSection(data: ReportData): Html | false {
  const pair = [countsChart(data), scoresChart(data)];
  if (pair.every((chart) => chart === false)) return false;
  return html`
    <section id="distribution">
      <h2>Distribution</h2>
      <div class="pair">${pair}</div>
      ${classBars(data)}
    </section>`;
}

function countsChart({ photosByCount, photoCount, objectCount }: ReportData): Html | false {
  if (photoCount < 2) return false;
  const bins = binCounts(photosByCount, maxCountBins);
  const counts = [...photosByCount.keys()];
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const mean = Math.round((10 * objectCount) / photoCount) / 10;
  return barChart(bins, {
    title: "Objects on a photo",
    summary:
      least === most
        ? `${formatCount(most)} on each.`
        : `From ${formatCount(least)} to ${formatCount(most)}, ${formatValue(mean)} on average.`,
    nameOf: ({ from, to }) =>
      to - from === 1 ? formatCount(from) : `${formatCount(from)}–${formatCount(to - 1)}`,
    unit: ["photo", "photos"],
    tickOf: formatCount,
    isExact: bins.every(({ from, to }) => to - from === 1),
    axis: "Objects",
  });
}

function scoresChart({ objectsByScore, objectCount }: ReportData): Html | false {
  if (objectCount === 0) return false;
  const all = objectsByScore.map((count, i) => ({
    from: i / scoreBins,
    to: (i + 1) / scoreBins,
    count,
  }));
  // Bins below the lowest score are left out, but a few bars would be as wide as the chart.
  const lowest = all.findIndex(({ count }) => count > 0);
  const bins = all.slice(Math.min(lowest, scoreBins / 2));
  const sure = bins.filter(({ from }) => from >= 0.5).reduce((sum, { count }) => sum + count, 0);
  const name = (value: number) => value.toFixed(2);
  return barChart(bins, {
    title: "Scores of the objects",
    summary: `${formatShare(sure, objectCount)} have a score of 0.5 or more.`,
    nameOf: ({ from, to }) => `${name(from)}–${name(to)}`,
    unit: ["object", "objects"],
    tickOf: name,
    axis: "Score",
    tone: "leaf",
  });
}

/** Horizontal bars, one for each class: names are long. */
function classBars({ countByName, objectCount }: ReportData): Html | false {
  if (countByName.length < 2) return false;
  const most = countByName[0]![1];
  const shown = countByName.slice(0, reportLimits.classes);
  const rest = countByName.slice(shown.length);
  const classes = formatPlural(countByName.length, "class", "classes");
  return html`
    <figure class="chart">
      <figcaption>
        <h3>Objects by class</h3>
        <p>${classes} among ${formatPlural(objectCount, "object")}.</p>
      </figcaption>
      <table class="across">
        <thead class="unseen">
          <tr><th scope="col">Class</th><th scope="col">Share</th><th scope="col">Objects</th></tr>
        </thead>
        <tbody>
          ${shown.map(([name, count]) => classBar(name, count, (100 * count) / most))}
          ${rest.length > 0 && restRow(rest.map(([, count]) => count))}
        </tbody>
      </table>
    </figure>`;
}

function classBar(name: string, count: number, widthPercent: number): Html {
  return html`
    <tr>
      <th scope="row"><bdi title="${name}">${name}</bdi></th>
      <td aria-hidden="true"><i style="width:${widthPercent.toFixed(2)}%"></i></td>
      <td class="number">${formatCount(count)}</td>
    </tr>`;
}

function restRow(counts: readonly number[]): Html {
  const sum = counts.reduce((sum, count) => sum + count, 0);
  return html`
    <tr>
      <th scope="row">${formatPlural(counts.length, "other class", "other classes")}</th>
      <td></td>
      <td class="number">${formatCount(sum)}</td>
    </tr>`;
}
