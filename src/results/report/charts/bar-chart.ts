import { formatValue } from "../../../base/quantities.ts";
import { type Html, html } from "../html.ts";
import { type Bin, niceCeiling } from "./histogram.ts";

export interface BarChartOptions {
  readonly title: string;
  /** One sentence that says what the chart shows. */
  readonly summary: string;
  /** What one bar is, as its tooltip and its row of the table say it. */
  readonly nameOf: (bin: Bin) => string;
  /** What a bar's height counts or measures, of one and of several: `photo`, `photos`. */
  readonly unit: readonly [one: string, several: string];
  /** What stands below the axis at a bin's start. */
  readonly tickOf: (value: number) => string;
  /** The height of a bar; default its count. */
  readonly heightOf?: (bin: Bin) => number;
  readonly axis: string;
  /** Whether a bin is one number, which then stands below its middle. Default false. */
  readonly isExact?: boolean;
  /** A colour of the page. Default the accent. */
  readonly tone?: "accent" | "leaf";
}

const plotTop = 8;
const plotHeight = 150;
const chartHeight = plotTop + plotHeight + 24;
/** Of a digit at the size of the labels, and what parts them from the bars. */
const [digitPx, gapPx] = [7.5, 8];
/** So many fit side by side on a phone. */
const maxTicks = 7;
const maxLongTicks = 4;

/**
 * Bars as SVG without a coordinate system of its own: lengths across are in per cent, so that the
 * chart is as wide as its place while letters and corners keep their size. What the bars are measured
 * by stands to the left of them, in a drawing of fixed width. The numbers follow as a table that can
 * be opened, for those who cannot see bars and those who want to copy them.
 */
export function barChart(bins: readonly Bin[], options: BarChartOptions): Html {
  const { title, summary, nameOf, unit, axis, tone = "accent" } = options;
  const heightOf = options.heightOf ?? (({ count }) => count);
  const highest = Math.max(...bins.map(heightOf), 0);
  const top = highest > 0 ? niceCeiling(highest) : 1;
  // Half a photo is none.
  const isWhole = options.heightOf === undefined;
  const levels = [0, top / 2, top].filter((level) => !isWhole || Number.isInteger(level));
  const yOf = (value: number) => plotTop + plotHeight * (1 - value / top);
  const gutter = gapPx + digitPx * Math.max(...levels.map((level) => formatValue(level).length));
  const step = 100 / bins.length;
  const gap = Math.min(0.6, step * 0.16);
  const bars = bins.map((bin, i) => {
    const value = heightOf(bin);
    // What is there is seen, however little it is.
    const y = value > 0 ? Math.min(yOf(value), yOf(0) - 2) : yOf(0);
    return html`<rect x="${percent(i * step + gap / 2)}" y="${y.toFixed(1)}" width="${percent(step - gap)}" height="${(yOf(0) - y).toFixed(1)}" rx="2"><title>${nameOf(bin)}: ${formatValue(value)} ${unit[value === 1 ? 0 : 1]}</title></rect>`;
  });
  return html`<figure class="chart ${tone}" style="--gutter:${gutter}px">
<figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
<p class="unit" aria-hidden="true">${unit[1]}</p>
<div class="plot"><svg width="${gutter}" height="${chartHeight}" aria-hidden="true">${levels.map(
    (level) =>
      html`<text x="${gutter - gapPx}" y="${yOf(level) + 4}" text-anchor="end">${formatValue(level)}</text>`,
  )}</svg><svg width="100%" height="${chartHeight}" role="img" aria-label="${title}. ${summary}">
<g class="bars">${bars}</g>
${levels.map((level) => html`<line class="grid" x1="0" x2="100%" y1="${yOf(level)}" y2="${yOf(level)}"/>`)}
${ticks(bins, options)}
</svg></div>
<p class="axis">${axis}</p>
<details><summary>Numbers</summary><div class="scroll"><table><thead><tr><th scope="col">${axis}</th><th scope="col" class="number">${unit[1]}</th></tr></thead><tbody>${bins
    .filter((bin) => heightOf(bin) > 0)
    .map(
      (bin) =>
        html`<tr><th scope="row">${nameOf(bin)}</th><td class="number">${formatValue(heightOf(bin))}</td></tr>`,
    )}</tbody></table></div></details>
</figure>`;
}

/** A few of the bins' starts, and the end of the last. */
function ticks(bins: readonly Bin[], { tickOf, isExact = false }: BarChartOptions): Html[] {
  const isLong = tickOf(bins[0]?.from ?? 0).length > 6;
  const every = Math.ceil(bins.length / ((isLong ? maxLongTicks : maxTicks) - 1));
  const starts = bins.map(({ from }) => from);
  const edges = isExact ? starts : [...starts, bins.at(-1)?.to ?? 0];
  const y = plotTop + plotHeight + 17;
  return edges.flatMap((edge, i) => {
    if (i % every !== 0) return [];
    const x = percent((100 * (isExact ? i + 0.5 : i)) / bins.length);
    const anchor = isExact ? "middle" : i === 0 ? "start" : i === bins.length ? "end" : "middle";
    return html`<text class="tick" x="${x}" y="${y}" text-anchor="${anchor}">${tickOf(edge)}</text>`;
  });
}

function percent(value: number): string {
  return `${value.toFixed(3)}%`;
}
