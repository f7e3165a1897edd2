import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Formats rows under titles, as wide as they need, with two spaces between columns. */
export function formatTable(columns: readonly Column[], rows: readonly string[][]): string {
  const widths = columns.map(({ title }, i) =>
    Math.max(...[title, ...rows.map((row) => row[i]!)].map(textWidth)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => {
        const padding = " ".repeat(widths[i]! - textWidth(cell));
        return columns[i]!.align === "right" ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  return [columns.map(({ title }) => title), ...rows].map((cells) => `${line(cells)}\n`).join("");
}

/** Shortens a text in its middle; of a path the end says more than the beginning. */
export function shortenMiddle(text: string, maxWidth: number): string {
  const letters = [...text];
  if (letters.length <= maxWidth) return text;
  const start = Math.floor((maxWidth - 1) / 3);
  return [...letters.slice(0, start), "…", ...letters.slice(start + 1 - maxWidth)].join("");
}

/** The width in cells of a terminal, for letters of single width. */
function textWidth(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}
