import { OrangeryError } from "../errors.ts";
import { readCsvRows } from "./csv-rows.ts";
import { folderOf } from "./source-folders.ts";

export interface SourceTableOptions<Column extends string> {
  /** The name of the file in messages and results. */
  readonly name: string;
  /** The columns of numbers that are needed, and which numbers they take. */
  readonly columns: { readonly [column in Column]: (value: number) => boolean };
  /** Returns the recorded source of a name of the table, which is a photo or a folder. */
  readonly sourceOf: (name: string) => string;
}

/** What a table says about a photo. */
export interface SourceRow<Column extends string> {
  /** The photo or the folder that it says it about. */
  readonly place: string;
  readonly values: { readonly [column in Column]: number };
}

/** Numbers by photo or folder, as a CSV states them. */
export class SourceTable<Column extends string> {
  /** The name of the file. */
  readonly name: string;
  readonly #rows: ReadonlyMap<string, SourceRow<Column>>;
  #missing = 0;

  private constructor(name: string, rows: ReadonlyMap<string, SourceRow<Column>>) {
    this.name = name;
    this.#rows = rows;
  }

  /**
   * Reads a CSV with the column `photo`, a photo or a folder, and those that are needed; others are
   * left out, and so are rows without numbers.
   *
   * @throws `INVALID_ARGUMENT`
   */
  static parse<Column extends string>(
    text: string,
    { name, columns, sourceOf }: SourceTableOptions<Column>,
  ): SourceTable<Column> {
    const invalid = (expected: string) =>
      new OrangeryError("INVALID_ARGUMENT", `Expected ${expected} in ${name}.`, {
        details: { file: name },
      });
    const [head = [], ...rows] = readCsvRows(text, (at) =>
      invalid(`CSV, but it is none at character ${at},`),
    );
    const titles = head.map((cell) => cell.trim());
    const needed = Object.keys(columns) as Column[];
    const missing = ["photo", ...needed].filter((title) => !titles.includes(title));
    if (missing.length > 0) throw invalid(`the column ${missing[0]}, got ${titles.join(", ")},`);
    const cellOf = (cells: readonly string[], title: string) =>
      cells[titles.indexOf(title)]?.trim() ?? "";
    const found = new Map<string, SourceRow<Column>>();
    for (const [index, cells] of rows.entries()) {
      const texts = needed.map((title) => cellOf(cells, title));
      if (texts.every((cell) => cell === "")) continue;
      const values = Object.fromEntries(needed.map((title, i) => [title, Number(texts[i])]));
      const isWrong = needed.find((title, i) => texts[i] === "" || !columns[title](values[title]!));
      const about = cellOf(cells, "photo");
      if (about === "" || isWrong !== undefined) {
        throw invalid(`a photo or folder and a valid ${isWrong ?? "row"} in row ${2 + index}`);
      }
      const place = withoutEnd(sourceOf(about));
      found.set(place, { place, values: values as SourceRow<Column>["values"] });
    }
    return new SourceTable(name, found);
  }

  /** How often a photo was asked for that has no row. */
  get missing(): number {
    return this.#missing;
  }

  /** Returns the row of a photo: its own, or that of the nearest folder above it. */
  rowOf(source: string): SourceRow<Column> | undefined {
    for (let place = source; place !== ""; ) {
      const row = this.#rows.get(withoutEnd(place));
      if (row !== undefined) return row;
      place = folderOf(withoutEnd(place));
    }
    this.#missing++;
    return undefined;
  }
}

function withoutEnd(place: string): string {
  return place.replace(/[/\\]+$/, "");
}
