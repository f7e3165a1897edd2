import {
  formatCount,
  formatDuration,
  formatPlural,
  formatShare,
  formatValue,
} from "../../base/quantities.ts";
import { barChart } from "./charts/bar-chart.ts";
import { type Bin, binCounts } from "./charts/histogram.ts";
import { binMoments, ratePerSecond, slowPerSecond } from "./charts/time-bins.ts";
import { type Html, html } from "./html.ts";
import { type ReportData, reportLimits, scoreBins } from "./report-data.ts";

const maxBars = 40;
/** How many the style has: one for each step that there is. */
const stepColours = 7;

/** How counts, scores and classes are spread. */
export function distribution(facts: ReportData): Html | false {
  const pair = [countsChart(facts), scoresChart(facts)];
  if (pair.every((chart) => chart === false)) return false;
  return html`<section id="distribution"><h2>Distribution</h2>
<div class="pair">${pair}</div>
${classBars(facts)}
</section>`;
}

/** How work and time are spread. */
export function speed(facts: ReportData): Html | false {
  const pair = [throughputChart(facts), stepBars(facts)];
  if (pair.every((chart) => chart === false)) return false;
  return html`<section id="speed"><h2>Speed</h2>
<div class="pair">${pair}</div>
</section>`;
}

function countsChart({ photosByCount, photoCount, objectCount }: ReportData): Html | false {
  if (photoCount < 2) return false;
  const bins = binCounts(photosByCount, 24);
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
  // Those below the lowest say nothing; a few bars would be as wide as the chart.
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

/** A class is a bar across: names are long. */
function classBars({ countByName, objectCount }: ReportData): Html | false {
  if (countByName.length < 2) return false;
  const most = countByName[0]![1];
  const shown = countByName.slice(0, reportLimits.classes);
  const rest = countByName.slice(shown.length);
  const restCount = rest.reduce((sum, [, count]) => sum + count, 0);
  return html`<figure class="chart"><figcaption><h3>Objects by class</h3><p>${formatPlural(countByName.length, "class", "classes")} among ${formatPlural(objectCount, "object")}.</p></figcaption>
<table class="across"><thead class="unseen"><tr><th scope="col">Class</th><th scope="col">Share</th><th scope="col">Objects</th></tr></thead><tbody>${shown.map(
    ([name, count]) =>
      html`<tr><th scope="row"><bdi title="${name}">${name}</bdi></th><td aria-hidden="true"><i style="width:${((100 * count) / most).toFixed(2)}%"></i></td><td class="number">${formatCount(count)}</td></tr>`,
  )}${
    rest.length > 0 &&
    html`<tr><th scope="row">${formatPlural(rest.length, "other class", "other classes")}</th><td></td><td class="number">${formatCount(restCount)}</td></tr>`
  }</tbody></table></figure>`;
}

function throughputChart({ momentsMs }: ReportData): Html | false {
  const perSecond = ratePerSecond(momentsMs);
  if (perSecond === undefined) return false;
  const [time, unitMs] =
    perSecond >= slowPerSecond
      ? ["a second", 1e3]
      : perSecond >= slowPerSecond / 60
        ? ["a minute", 6e4]
        : ["an hour", 36e5];
  const bins = binMoments(momentsMs, maxBars);
  const widthMs = bins[0]!.to - bins[0]!.from;
  const best = Math.max(...bins.map(({ count }) => count));
  const rate = (count: number) => Number(((count * unitMs) / widthMs).toPrecision(3));
  const clock = clockFor(bins, widthMs);
  return barChart(bins, {
    title: "Photos over time",
    summary: `Up to ${formatValue(rate(best))} ${time}; a bar is ${formatDuration(widthMs)}.`,
    nameOf: ({ from }) => clock(from),
    unit: [`photo ${time}`, `photos ${time}`],
    tickOf: clock,
    heightOf: ({ count }) => rate(count),
    axis: "UTC",
    tone: "leaf",
  });
}

/** As much of date and time as tells the bins apart. */
function clockFor(bins: readonly Bin[], widthMs: number): (ms: number) => string {
  const day = 864e5;
  const spansDays = bins.at(-1)!.to - bins[0]!.from > 2 * day;
  return (ms) => {
    const iso = new Date(ms).toISOString();
    if (widthMs >= day) return iso.slice(0, 10);
    if (spansDays) return `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
    return iso.slice(11, widthMs >= 6e4 ? 16 : widthMs >= 1e3 ? 19 : 21);
  };
}

/** How long each step takes, one beside the other. */
function stepBars({ meanMsByStep }: ReportData): Html | false {
  const steps = [...meanMsByStep].filter(([, ms]) => ms > 0);
  const total = steps.reduce((sum, [, ms]) => sum + ms, 0);
  if (total === 0) return false;
  return html`<figure class="chart"><figcaption><h3>Time for a photo</h3><p>${formatMs(total)} of work on average; steps of several photos overlap.</p></figcaption>
<div class="stack" aria-hidden="true">${steps.map(
    ([step, ms], i) =>
      html`<i class="s${i % stepColours}" style="flex-grow:${ms.toFixed(3)}" title="${step}: ${formatMs(ms)}"></i>`,
  )}</div>
<table class="steps"><thead class="unseen"><tr><th scope="col">Step</th><th scope="col">Mean</th><th scope="col">Share</th></tr></thead><tbody>${steps.map(
    ([step, ms], i) =>
      html`<tr><th scope="row"><i class="s${i % stepColours}"></i>${step}</th><td class="number">${formatMs(ms)}</td><td class="number">${ms < total / 100 ? "<1" : Math.round((100 * ms) / total)} %</td></tr>`,
  )}</tbody></table></figure>`;
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : formatDuration(ms);
}
