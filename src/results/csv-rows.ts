/**
 * Reads CSV of RFC 4180, with commas or, where the first line has more of them, semicolons or tabs.
 * Lines that are empty are left out.
 *
 * @param invalid Makes the error for text that is no CSV at a character, counted from 1.
 */
export function readCsvRows(text: string, invalid: (at: number) => Error): string[][] {
  // Some programs begin files with U+FEFF, and Excel accepts a first line that names the separator.
  const [start, stated] = /^\uFEFF?(?:sep=([;,\t])\r?\n)?/i.exec(text)!;
  const [firstLine] = /^[^\r\n]*/.exec(text.slice(start.length))!;
  const columnsOf = (candidate: string) => firstLine.split(candidate).length;
  const separator =
    stated ?? [",", ";", "\t"].reduce((a, b) => (columnsOf(b) > columnsOf(a) ? b : a));
  const plainCell = `(?:[^"${separator}\\r\\n][^${separator}\\r\\n]*)?`;
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|(${plainCell}))(${separator}|\\r?\\n|$)`, "y");
  const rows: string[][] = [];
  let row: string[] = [];
  cell.lastIndex = start.length;
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const [, quoted, plain = "", end] = cell.exec(text) ?? [];
    if (end === undefined) throw invalid(1 + at);
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === separator && cell.lastIndex < text.length) continue;
    if (end === separator) row.push("");
    if (row.some((value) => value !== "")) rows.push(row);
    row = [];
  }
  return rows;
}
