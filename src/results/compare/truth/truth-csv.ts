import { readCsvRows } from "../../csv-rows.ts";
import { allClasses, invalidTruth, Truth } from "./truth.ts";

/**
 * Reads hand counts: a CSV with the columns `photo`, `count` and, where classes were counted,
 * `class`, in any order, with commas or semicolons. What `export-results --format csv` writes is
 * read as it was: its rows of whole photos. A class that has no row on a photo is not on it.
 *
 * @throws `TRUTH_INVALID`
 */
export function readTruthCsv(text: string): Truth {
  const [head = [], ...rows] = readCsvRows(text, (at) =>
    invalidTruth(`CSV, but it is not at character ${at}`),
  );
  const column = (...names: readonly string[]) =>
    head.findIndex((title) => names.includes(title.trim().toLowerCase()));
  const [photo, count, name, region] = [
    column("photo", "image", "file_name", "filename"),
    column("count"),
    column("class"),
    column("region"),
  ];
  if (photo < 0 || count < 0) {
    throw invalidTruth(`a CSV with the columns photo and count, got ${head.join(", ")}`);
  }
  const photos = new Map<string, Map<string, number>>();
  const regionsOnly = new Set<string>();
  for (const [index, cells] of rows.entries()) {
    const source = cells[photo]?.trim() ?? "";
    const counted = cells[count]?.trim() ?? "";
    if (source === "" || !/^\d+$/.test(counted)) {
      throw invalidTruth(`a photo and a whole number in row ${2 + index}, got "${cells.join()}"`);
    }
    if (region >= 0 && cells[region]?.trim() !== "0") {
      if (!photos.has(source)) regionsOnly.add(source);
      continue;
    }
    regionsOnly.delete(source);
    const counts = photos.get(source) ?? new Map<string, number>();
    photos.set(source, counts);
    const className = name < 0 ? allClasses : (cells[name]?.trim() ?? "");
    // A photo without objects has a row without a class.
    if (className === "" && counted === "0") continue;
    if (className === "") throw invalidTruth(`a class in row ${2 + index}`);
    counts.set(className, (counts.get(className) ?? 0) + Number(counted));
  }
  const [without] = regionsOnly;
  if (without !== undefined) {
    throw invalidTruth(`counts of the whole photo ${without}, region 0, got some of regions only`);
  }
  const truth = new Truth({ hasClasses: name >= 0, hasBoxes: false });
  for (const [source, countByName] of photos) truth.add(source, { countByName });
  return truth;
}
