import { formatDuration, formatValue } from "../../../../base/quantities.ts";
import { barChart } from "../../charts/bar-chart.ts";
import type { Bin } from "../../charts/histogram.ts";
import { binMoments, ratePerSecond, slowPerSecond, workingMs } from "../../charts/time-bins.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";

const maxBars = 40;
/** As many as step-colours.css has: one for each step. */
const stepColours = 7;
const dayMs = 864e5;

/** Charts of photos over time and of the time of each step. */
export function speedSection(data: ReportData): Html | false {
  const pair = [throughputChart(data), stepBars(data)];
  if (pair.every((chart) => chart === false)) return false;
  return html`<section id="speed"><h2>Speed</h2><div class="pair">${pair}</div></section>`;
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
  const most = Math.max(...bins.map(({ count }) => count));
  const worked = formatDuration(workingMs(momentsMs));
  const rate = (count: number) => Number(((count * unitMs) / widthMs).toPrecision(3));
  const clock = clockFor(bins, widthMs);
  return barChart(bins, {
    title: "Photos over time",
    summary:
      `In ${worked} of work, up to ${formatValue(rate(most))} ${time}; ` +
      `each bar is ${formatDuration(widthMs)}.`,
    nameOf: ({ from }) => clock(from),
    unit: [`photo ${time}`, `photos ${time}`],
    tickOf: clock,
    heightOf: ({ count }) => rate(count),
    axis: "UTC",
    tone: "leaf",
  });
}

/** Formats a time with as much of the date and the clock as distinguishes the bins. */
function clockFor(bins: readonly Bin[], widthMs: number): (ms: number) => string {
  const spansDays = bins.at(-1)!.to - bins[0]!.from > 2 * dayMs;
  return (ms) => {
    const iso = new Date(ms).toISOString();
    if (widthMs >= dayMs) return iso.slice(0, 10);
    if (spansDays) return `${iso.slice(5, 10)} ${iso.slice(11, 16)}`;
    return iso.slice(11, widthMs >= 6e4 ? 16 : widthMs >= 1e3 ? 19 : 21);
  };
}

/** The time of each step, side by side in one bar, and as a table. */
function stepBars({ meanMsByStep }: ReportData): Html | false {
  const steps = [...meanMsByStep].filter(([, ms]) => ms > 0);
  const total = steps.reduce((sum, [, ms]) => sum + ms, 0);
  if (total === 0) return false;
  const part = ([step, ms]: readonly [string, number], i: number) => {
    const [share, title] = [ms.toFixed(3), `${step}: ${formatMs(ms)}`];
    return html`<i class="s${i % stepColours}" style="flex-grow:${share}" title="${title}"></i>`;
  };
  const row = ([step, ms]: readonly [string, number], i: number) => html`
    <tr>
      <th scope="row"><i class="s${i % stepColours}"></i>${step}</th>
      <td class="number">${formatMs(ms)}</td>
      <td class="number">${ms < total / 100 ? "<1" : Math.round((100 * ms) / total)} %</td>
    </tr>`;
  return html`
    <figure class="chart">
      <figcaption>
        <h3>Time for a photo</h3>
        <p>${formatMs(total)} of work on average; steps of several photos overlap.</p>
      </figcaption>
      <div class="stack" aria-hidden="true">${steps.map(part)}</div>
      <table class="steps">
        <thead class="unseen">
          <tr><th scope="col">Step</th><th scope="col">Mean</th><th scope="col">Share</th></tr>
        </thead>
        <tbody>${steps.map(row)}</tbody>
      </table>
    </figure>`;
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : formatDuration(ms);
}
