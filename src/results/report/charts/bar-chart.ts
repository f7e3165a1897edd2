import { formatValue } from "../../../base/quantities.ts";
import { type Html, html } from "../html.ts";
import { type Bin, niceCeiling } from "./histogram.ts";

export interface BarChartOptions {
  readonly title: string;
  /** One sentence that says what the chart shows. */
  readonly summary: string;
  /** The name of a bar in its tooltip and its row of the table. */
  readonly nameOf: (bin: Bin) => string;
  /** What the height of a bar counts or measures, for one and for several: `photo`, `photos`. */
  readonly unit: readonly [one: string, several: string];
  /** The text below the axis at a bin's start. */
  readonly tickOf: (value: number) => string;
  /** The height of a bar. Default: its count. */
  readonly heightOf?: ((bin: Bin) => number) | undefined;
  readonly axis: string;
  /** Whether a bin is one number, which is then written below its middle. Default false. */
  readonly isExact?: boolean | undefined;
  /** A colour of the page. Default the accent. */
  readonly tone?: "accent" | "leaf" | undefined;
}

const plotTop = 8;
const plotHeight = 150;
const chartHeight = plotTop + plotHeight + 24;
/** The width of a digit at the size of the labels, and the gap between labels and bars. */
const [digitPx, gapPx] = [7.5, 8];
/** The width of the bars on a phone, on which labels below them must fit side by side. */
const phonePx = 260;
const maxTicks = 7;

/**
 * Draws bars as SVG without a coordinate system of its own: lengths across are in per cent, so that
 * the chart is as wide as its place while letters and corners keep their size. The labels of the
 * levels are on the left, in a drawing of fixed width. A table of the numbers unfolds below, for
 * readers who cannot see bars or want to copy the numbers.
 */
export function barChart(bins: readonly Bin[], options: BarChartOptions): Html {
  const { title, summary, unit, axis, tone = "accent" } = options;
  const heightOf = options.heightOf ?? (({ count }) => count);
  const highest = Math.max(...bins.map(heightOf), 0);
  const top = highest > 0 ? niceCeiling(highest) : 1;
  // Counts have no fractional axis labels.
  const isWhole = options.heightOf === undefined;
  const levels = [0, top / 2, top].filter((level) => !isWhole || Number.isInteger(level));
  const yOf = (value: number) => plotTop + plotHeight * (1 - value / top);
  const gutter = gapPx + digitPx * Math.max(...levels.map((level) => formatValue(level).length));
  return html`
    <figure class="chart ${tone}" style="--gutter:${gutter}px">
      <figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
      <p class="unit" aria-hidden="true">${unit[1]}</p>
      <div class="plot">
        <svg width="${gutter}" height="${chartHeight}" aria-hidden="true">
          ${levels.map((level) => levelLabel(level, gutter - gapPx, yOf(level) + 4))}
        </svg>
        <svg width="100%" height="${chartHeight}" role="img" aria-label="${title}. ${summary}">
          <g class="bars">${bars(bins, { ...options, heightOf, yOf })}</g>
          ${levels.map((level) => gridLine(yOf(level)))}
          ${ticks(bins, options)}
        </svg>
      </div>
      <p class="axis">${axis}</p>
      ${numbers(bins, { ...options, heightOf })}
    </figure>`;
}

type WithHeights = BarChartOptions & { readonly heightOf: (bin: Bin) => number };

function bars(
  bins: readonly Bin[],
  { heightOf, yOf, nameOf, unit }: WithHeights & { readonly yOf: (value: number) => number },
): Html[] {
  const step = 100 / bins.length;
  const gap = Math.min(0.6, step * 0.16);
  return bins.map((bin, i) => {
    const value = heightOf(bin);
    // A bar that is not empty is visible, however small it is.
    const y = value > 0 ? Math.min(yOf(value), yOf(0) - 2) : yOf(0);
    const [x, width] = [percent(i * step + gap / 2), percent(step - gap)];
    const height = (yOf(0) - y).toFixed(1);
    return html`
      <rect x="${x}" y="${y.toFixed(1)}" width="${width}" height="${height}" rx="2">
        <title>${nameOf(bin)}: ${formatValue(value)} ${unit[value === 1 ? 0 : 1]}</title>
      </rect>`;
  });
}

function levelLabel(level: number, x: number, y: number): Html {
  return html`<text x="${x}" y="${y}" text-anchor="end">${formatValue(level)}</text>`;
}

function gridLine(y: number): Html {
  return html`<line class="grid" x1="0" x2="100%" y1="${y}" y2="${y}"/>`;
}

/** Labels a few of the bins' starts, and the end of the last. */
function ticks(bins: readonly Bin[], { tickOf, isExact = false }: BarChartOptions): Html[] {
  const starts = bins.map(({ from }) => from);
  const edges = isExact ? starts : [...starts, bins.at(-1)?.to ?? 0];
  const longestPx = digitPx * Math.max(...edges.map((edge) => tickOf(edge).length));
  // The first and the last label are wholly inside, half a label nearer to the next.
  const most = Math.floor(phonePx / (gapPx + (isExact ? 1 : 1.5) * longestPx));
  const every = Math.ceil(bins.length / Math.max(1, Math.min(maxTicks - 1, most)));
  const y = plotTop + plotHeight + 17;
  return edges.flatMap((edge, i) => {
    if (i % every !== 0) return [];
    const x = percent((100 * (isExact ? i + 0.5 : i)) / bins.length);
    const anchor = isExact ? "middle" : i === 0 ? "start" : i === bins.length ? "end" : "middle";
    const tick = tickOf(edge);
    return html`<text class="tick" x="${x}" y="${y}" text-anchor="${anchor}">${tick}</text>`;
  });
}

/** The numbers as a table that unfolds. */
function numbers(bins: readonly Bin[], { heightOf, nameOf, axis, unit }: WithHeights): Html {
  const rows = bins.filter((bin) => heightOf(bin) > 0);
  return html`
    <details>
      <summary>Numbers</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr><th scope="col">${axis}</th><th scope="col" class="number">${unit[1]}</th></tr>
          </thead>
          <tbody>${rows.map(
            (bin) => html`
              <tr>
                <th scope="row">${nameOf(bin)}</th>
                <td class="number">${formatValue(heightOf(bin))}</td>
              </tr>`,
          )}</tbody>
        </table>
      </div>
    </details>`;
}

function percent(value: number): string {
  return `${value.toFixed(3)}%`;
}
