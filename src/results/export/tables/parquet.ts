import { type BasicType, ByteWriter, parquetWriteRows } from "hyparquet-writer";
import type { OutputSink } from "../output-file.ts";
import type { ExportedTable } from "./result-tables.ts";
import type { Cell, ColumnType, Row } from "./table-row.ts";

const parquetTypes: { readonly [type in ColumnType]: BasicType } = {
  text: "STRING",
  integer: "INT32",
  number: "DOUBLE",
  time: "TIMESTAMP",
};

/** Rows held in memory at a time. */
const rowGroupSize = 50_000;

/** Writes rows as a Parquet file of row groups, compressed with Snappy. */
export async function writeParquet(
  sink: OutputSink,
  columns: ExportedTable["columns"],
  rows: AsyncIterable<Row>,
): Promise<void> {
  const entries = Object.entries(columns);
  const writer = new ByteWriter();
  /** Called after each row group, and awaited. */
  const flush = async () => {
    await sink.write(writer.getBytes().slice());
    writer.index = 0;
  };
  await parquetWriteRows({
    writer: Object.assign(writer, { flush, finish: flush }),
    columns: entries.map(([name, type]) => ({ name, type: parquetTypes[type], nullable: true })),
    rows: withTimes(columns, rows),
    rowGroupSize,
    createdBy: "Orangery",
  });
}

async function* withTimes(columns: ExportedTable["columns"], rows: AsyncIterable<Row>) {
  const entries = Object.entries(columns);
  for await (const row of rows) {
    yield Object.fromEntries(entries.map(([name, type]) => [name, toValue(type, row[name])]));
  }
}

function toValue(type: ColumnType, cell: Cell): Cell | Date {
  return type === "time" && cell !== undefined ? new Date(cell) : cell;
}
