import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join, relative, sep } from "node:path";
import { countNames, invalidTruth, Truth } from "./truth.ts";

/** Folders of the parts of a data set, which photos need not be in. */
const parts = new Set(["train", "val", "valid", "test"]);

/**
 * Reads boxes from a folder of YOLO labels, a text file for each photo: class, then centre and size
 * or the corners of a polygon as shares of the photo's. Class names are in `data.yaml` or
 * `classes.txt` in the folder or above; without them they are the model's. A photo without a file
 * is not part of the truth.
 *
 * @param names Class names of the model, by class id.
 * @throws `TRUTH_INVALID`
 */
export async function readTruthYolo(folder: string, names: readonly string[]): Promise<Truth> {
  const entries = await readdir(folder, { recursive: true });
  const files = entries
    .map((entry) => join(folder, entry))
    .filter((file) => file.endsWith(".txt") && basename(file) !== "classes.txt")
    .sort();
  if (files.length === 0) throw invalidTruth(`text files of labels in ${folder}`);
  const classNames = (await readNames(folder)) ?? names;
  const truth = new Truth({ hasClasses: true, hasBoxes: true });
  for (const file of files) {
    const lines = (await readFile(file, "utf8"))
      .split(/\r?\n/)
      .filter((line) => line.trim() !== "");
    const found = lines.map((line) => readLine(line, file));
    const namesOfBoxes = found.map(([classId]) => classNames[classId] ?? String(classId));
    truth.add(nameOf(relative(folder, file)), {
      countByName: countNames(namesOfBoxes),
      boxes: {
        classNames: namesOfBoxes,
        boxesXyxy: Float32Array.from(found.flatMap(([, box]) => box)),
        areShares: true,
      },
    });
  }
  return truth;
}

function readLine(line: string, file: string): [classId: number, box: number[]] {
  const [classId, ...cells] = line.trim().split(/\s+/).map(Number);
  if (![classId, ...cells].every(Number.isFinite) || cells.length < 4) {
    throw invalidTruth(`lines of a class and a box in ${file}, got "${line}"`);
  }
  // Five columns, or six with a score, are a box; more are the corners of an outline.
  if (cells.length <= 5) {
    const [x, y, width, height] = cells as [number, number, number, number];
    return [classId!, [x - width / 2, y - height / 2, x + width / 2, y + height / 2]];
  }
  const [xs, ys] = [cells.filter((_, i) => i % 2 === 0), cells.filter((_, i) => i % 2 === 1)];
  return [classId!, [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)]];
}

/** A photo's path without its extension, below `labels/` and the parts of a data set. */
function nameOf(path: string): string {
  const segments = path.replace(/\.txt$/, "").split(sep);
  const labels = segments.lastIndexOf("labels");
  const below = segments.slice(labels + 1);
  return (below.length > 1 && parts.has(below[0]!) ? below.slice(1) : below).join("/");
}

async function readNames(folder: string): Promise<string[] | undefined> {
  for (const place of [folder, dirname(folder), dirname(dirname(folder))]) {
    const yaml = await readFile(join(place, "data.yaml"), "utf8").catch(() => undefined);
    if (yaml !== undefined) return namesOfYaml(yaml);
    const text = await readFile(join(place, "classes.txt"), "utf8").catch(() => undefined);
    if (text !== undefined) return text.split(/\r?\n/).filter((line) => line !== "");
  }
  return undefined;
}

/** Reads `names` of a `data.yaml`: a list or a map, in a block or on a line. */
function namesOfYaml(yaml: string): string[] {
  const [, inline = "", block = ""] =
    /^names:[ \t]*([^\n#]*)(?:#[^\n]*)?\n?((?:(?:[ \t]+|- )[^\n]*(?:\n|$)|[ \t]*\n)*)/m.exec(
      yaml,
    ) ?? [];
  const names: string[] = [];
  const isFlow = /^[[{]/.test(inline.trim());
  const items = isFlow
    ? inline
        .trim()
        .slice(1, -1)
        .match(/(?:"[^"]*"|'[^']*'|[^,"'])+/g)
    : block.split("\n").filter((line) => line.trim() !== "");
  for (const item of items ?? []) {
    const [, id, text = ""] = /^\s*(?:-\s+|(\d+)\s*:\s*)?(.*?)\s*$/.exec(item)!;
    names[id === undefined ? names.length : Number(id)] = unquote(text);
  }
  return names;
}

function unquote(text: string): string {
  if (/^".*"$/.test(text)) return JSON.parse(text);
  return /^'.*'$/.test(text) ? text.slice(1, -1).replaceAll("''", "'") : text;
}
