import type { Cell, Row } from "./table-row.ts";

/**
 * Writes rows as CSV of RFC 4180: a line of column names, then a line for each row, ended by CR LF;
 * a missing value is empty. Texts stay as they are, also those that a spreadsheet would take for a
 * formula: a prefix against that would be wrong for every other reader.
 *
 * @param options.byteOrderMark Whether to begin with U+FEFF, by which Excel knows UTF-8.
 */
export async function* toCsv(
  columns: readonly string[],
  rows: AsyncIterable<Row>,
  { byteOrderMark = false }: { readonly byteOrderMark?: boolean | undefined } = {},
): AsyncGenerator<string> {
  yield (byteOrderMark ? "\ufeff" : "") + csvLine(columns);
  for await (const row of rows) yield csvLine(columns.map((column) => row[column]));
}

/** Returns a line of such a CSV. */
export function csvLine(cells: readonly Cell[]): string {
  return `${cells.map(toField).join(",")}\r\n`;
}

function toField(cell: Cell): string {
  const text = cell === undefined ? "" : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
