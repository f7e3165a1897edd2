import type { OutputSink } from "../output-file.ts";
import type { Cell, ColumnType, Row } from "./table-row.ts";

/** As much text as a cell of Excel takes. */
const mostLetters = 32_767;

/** Columns of numbers are narrower than those of paths. */
const widths: { readonly [type in ColumnType]: number } = {
  text: 24,
  integer: 12,
  number: 14,
  time: 20,
};

/**
 * Writes rows as a workbook of Excel, with a head that stays in view. Texts are texts, also those
 * that begin with `=`: no cell is a formula. After 1,048,576 rows, another sheet begins.
 */
export async function writeXlsx(
  sink: OutputSink,
  table: { readonly name: string; readonly columns: { readonly [name: string]: ColumnType } },
  rows: AsyncIterable<Row>,
): Promise<void> {
  // Other formats need not wait for it.
  const { writeXlsxStream } = await import("hucre/xlsx");
  const columns = Object.entries(table.columns);
  const bytes = writeXlsxStream(toCells(rows, columns), {
    name: table.name,
    columns: columns.map(([header, type], i) => ({
      header,
      width: i === 0 ? 2 * widths[type] : widths[type],
      ...(type === "time" && { numFmt: "yyyy-mm-dd hh:mm:ss" }),
    })),
    freezePane: { rows: 1 },
  });
  for await (const piece of bytes) await sink.write(piece);
}

type XlsxCell = string | number | Date | null;

async function* toCells(
  rows: AsyncIterable<Row>,
  columns: readonly (readonly [string, ColumnType])[],
): AsyncGenerator<XlsxCell[]> {
  for await (const row of rows) yield columns.map(([name, type]) => toCell(row[name], type));
}

function toCell(cell: Cell, type: ColumnType): XlsxCell {
  if (cell === undefined) return null;
  if (type === "time") return new Date(cell);
  return typeof cell === "string" ? cell.slice(0, mostLetters) : cell;
}
