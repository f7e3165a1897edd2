import type { Canvas, Rgb } from "./canvas.ts";
import { letter } from "./lettering.ts";

/** A class and the number of its objects. */
export interface CaptionEntry {
  readonly name: string;
  readonly count: number;
  readonly colour: Rgb;
}

export interface CaptionOptions {
  readonly entries: readonly CaptionEntry[];
  /** The text at the right end; left out where there is no room. */
  readonly title: string;
  readonly widthPx: number;
  /** The size of everything; 1 makes capitals of 18 px. */
  readonly scale: number;
}

/** The layout of a strip that lists entries, in as many rows as they need. */
export interface CaptionPlan {
  readonly heightPx: number;
  readonly letterPx: number;
  readonly cells: readonly {
    readonly entry: CaptionEntry;
    readonly x: number;
    readonly row: number;
  }[];
  readonly title: { readonly text: string; readonly x: number; readonly row: number } | undefined;
}

const background: Rgb = [24, 28, 32];
const bright: Rgb = [255, 255, 255];
const faint: Rgb = [150, 158, 166];
// In heights of a capital letter.
const [rowHeight, margin, chipSize, chipGap, countGap, entryGap] = [2.6, 1.2, 0.9, 0.7, 0.8, 2];

/** Lays out the entries. */
export function planCaption({ entries, title, widthPx, scale }: CaptionOptions): CaptionPlan {
  const letterPx = Math.max(8, 18 * scale);
  const widthOf = (text: string) => letter(text, { x: 0, baseline: 0, heightPx: letterPx }).widthPx;
  const left = margin * letterPx;
  const right = widthPx - left;
  let [x, row] = [left, 0];
  const cells = entries.map((entry) => {
    const words = widthOf(entry.name) + widthOf(`${entry.count}`);
    const width = (chipSize + chipGap + countGap) * letterPx + words;
    if (x > left && x + width > right) [x, row] = [left, row + 1];
    const cell = { entry, x, row };
    x += width + entryGap * letterPx;
    return cell;
  });
  const titleX = right - widthOf(title);
  return {
    heightPx: Math.round((row + 1) * rowHeight * letterPx),
    letterPx,
    cells,
    title: title !== "" && x <= titleX ? { text: title, x: titleX, row } : undefined,
  };
}

/** Draws the strip, from `top` down and over the whole width. */
export function drawCaption(canvas: Canvas, plan: CaptionPlan, top: number): void {
  const { letterPx, cells, title } = plan;
  const middleOf = (row: number) => top + (row + 0.5) * rowHeight * letterPx;
  const write = (text: string, x: number, row: number, colour: Rgb, weight = 1) => {
    const baseline = middleOf(row) + letterPx / 2;
    const { lines, lineWidthPx, widthPx } = letter(text, { x, baseline, heightPx: letterPx });
    canvas.stroke(lines, { colour }, lineWidthPx * weight);
    return x + widthPx;
  };
  canvas.fillBox([0, top, canvas.widthPx, top + plan.heightPx], { colour: background });
  const chip = chipSize * letterPx;
  for (const { entry, x, row } of cells) {
    const y = middleOf(row) - chip / 2;
    canvas.fillBox([x, y, x + chip, y + chip], { colour: entry.colour }, chip / 5);
    const end = write(entry.name, x + chip + chipGap * letterPx, row, bright);
    write(`${entry.count}`, end + countGap * letterPx, row, bright, 1.5);
  }
  if (title !== undefined) write(title.text, title.x, title.row, faint);
}
