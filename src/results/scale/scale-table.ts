import { OrangeryError } from "../../errors.ts";
import { readCsvRows } from "../csv-rows.ts";

export interface ScaleTableOptions {
  /** The name of the file in messages and results. */
  readonly name: string;
  /** Returns the recorded source of a name of the table, which is a photo or a folder. */
  readonly sourceOf: (name: string) => string;
}

/** Scales by photo or folder, as a CSV states them. */
export class ScaleTable {
  /** The name of the file. */
  readonly name: string;
  readonly #bySource: ReadonlyMap<string, number>;

  private constructor(name: string, bySource: ReadonlyMap<string, number>) {
    this.name = name;
    this.#bySource = bySource;
  }

  /**
   * Reads a CSV with the columns `photo`, a photo or a folder, and `pixels_per_metre`; others are
   * left out.
   *
   * @throws `INVALID_ARGUMENT`
   */
  static parse(text: string, { name, sourceOf }: ScaleTableOptions): ScaleTable {
    const invalid = (expected: string) =>
      new OrangeryError("INVALID_ARGUMENT", `Expected ${expected} in ${name}.`, {
        details: { file: name },
      });
    const [head = [], ...rows] = readCsvRows(text, (at) =>
      invalid(`CSV, but it is none at character ${at},`),
    );
    const column = (title: string) => head.findIndex((cell) => cell.trim() === title);
    const [photo, scale] = [column("photo"), column("pixels_per_metre")];
    if (photo < 0 || scale < 0) {
      throw invalid(`the columns photo and pixels_per_metre, got ${head.join(", ")},`);
    }
    const bySource = new Map<string, number>();
    for (const [index, cells] of rows.entries()) {
      const [about = "", text = ""] = [cells[photo]?.trim(), cells[scale]?.trim()];
      if (text === "") continue;
      const pixelsPerMetre = Number(text);
      if (about === "" || !(pixelsPerMetre > 0 && Number.isFinite(pixelsPerMetre))) {
        throw invalid(`a photo or folder and a number above 0 in row ${2 + index}`);
      }
      bySource.set(withoutEnd(sourceOf(about)), pixelsPerMetre);
    }
    return new ScaleTable(name, bySource);
  }

  /** Returns the scale of a photo: its own, or that of the nearest folder above it. */
  pixelsPerMetreOf(source: string): number | undefined {
    for (let place = source; place !== ""; ) {
      const pixelsPerMetre = this.#bySource.get(withoutEnd(place));
      if (pixelsPerMetre !== undefined) return pixelsPerMetre;
      const trimmed = withoutEnd(place);
      place = trimmed.slice(0, 1 + Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\")));
    }
    return undefined;
  }
}

function withoutEnd(place: string): string {
  return place.replace(/[/\\]+$/, "");
}
