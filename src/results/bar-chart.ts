import { type Bin, niceCeiling } from "./histogram.ts";
import { type Html, html } from "./html.ts";

export interface BarChartOptions {
  readonly title: string;
  /** One sentence that says what the chart shows. */
  readonly summary: string;
  /** What one bar is, as its tooltip and its row of the table say it. */
  readonly nameOf: (bin: Bin) => string;
  /** What a bar's height means, as in `photos`. */
  readonly unit: string;
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

const plotTop = 18;
const plotHeight = 150;
const chartHeight = plotTop + plotHeight + 24;
/** So many fit side by side on a phone. */
const maxTicks = 7;
const maxLongTicks = 4;

/**
 * Bars as SVG without a coordinate system of its own: lengths across are in per cent, so that the
 * chart is as wide as its place while letters and corners keep their size. The numbers follow as a
 * table that can be opened, for those who cannot see bars and those who want to copy them.
 */
export function barChart(bins: readonly Bin[], options: BarChartOptions): Html {
  const { title, summary, nameOf, unit, axis, tone = "accent" } = options;
  const heightOf = options.heightOf ?? (({ count }) => count);
  const highest = Math.max(...bins.map(heightOf), 0);
  const top = highest > 0 ? niceCeiling(highest) : 1;
  const step = 100 / bins.length;
  const gap = Math.min(0.6, step * 0.16);
  const bars = bins.map((bin, i) => {
    const value = heightOf(bin);
    // What is there is seen, however little it is.
    const height = value > 0 ? Math.max(2, (plotHeight * value) / top) : 0;
    const [x, y] = [percent(i * step + gap / 2), (plotTop + plotHeight - height).toFixed(1)];
    return html`<rect x="${x}" y="${y}" width="${percent(step - gap)}" height="${height.toFixed(1)}" rx="2"><title>${nameOf(bin)}: ${formatValue(value)} ${unit}</title></rect>`;
  });
  return html`<figure class="chart ${tone}">
<figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
<svg width="100%" height="${chartHeight}" role="img" aria-label="${title}. ${summary}">
<g class="bars">${bars}</g>
${gridLine(0, "")}${gridLine(0.5, formatValue(top / 2))}${gridLine(1, formatValue(top))}
${ticks(bins, options)}
</svg>
<p class="axis">${axis}</p>
<details><summary>Numbers</summary><div class="scroll"><table><thead><tr><th scope="col">${axis}</th><th scope="col" class="number">${unit}</th></tr></thead><tbody>${bins
    .filter((bin) => heightOf(bin) > 0)
    .map(
      (bin) =>
        html`<tr><th scope="row">${nameOf(bin)}</th><td class="number">${formatValue(heightOf(bin))}</td></tr>`,
    )}</tbody></table></div></details>
</figure>`;
}

function gridLine(share: number, label: string): Html {
  const y = plotTop + plotHeight * (1 - share);
  return html`<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}"/><text class="value" x="0" y="${y - 5}">${label}</text>`;
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

/** Whole numbers with separators, others to three digits. */
export function formatValue(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString("en-GB");
  return value.toLocaleString("en-GB", { maximumSignificantDigits: 3 });
}
