/** The type of a column; any value may be missing in a row. */
export type ColumnType = "text" | "integer" | "number" | "time";

export type Cell = string | number | undefined;
export type Row = { readonly [column: string]: Cell };
