import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { OrangeryError } from "../../../errors.ts";
import { invalidTruth, type Truth } from "./truth.ts";
import { readTruthCoco } from "./truth-coco.ts";
import { readTruthCsv } from "./truth-csv.ts";
import { readTruthYolo } from "./truth-yolo.ts";

/**
 * Reads a truth that people made: a CSV of counts, a COCO file, or a folder of YOLO labels.
 *
 * @param names Class names of the model, for labels that have numbers only.
 * @throws `TRUTH_INVALID`
 */
export async function readTruth(path: string, names: readonly string[]): Promise<Truth> {
  try {
    if ((await stat(path)).isDirectory()) return await readTruthYolo(path, names);
    const text = (await readFile(path, "utf8")).replace(/^\uFEFF/, "");
    return text.trimStart().startsWith("{") ? readTruthCoco(parse(text)) : readTruthCsv(text);
  } catch (cause) {
    if (cause instanceof OrangeryError) {
      const message = `${basename(path)}: ${cause.message}`;
      throw new OrangeryError(cause.code, message, { cause, details: { path } });
    }
    const { code, message } = cause as NodeJS.ErrnoException;
    throw invalidTruth(
      `hand counts or labels at ${path}, but they cannot be read (${code ?? message})`,
      cause,
    );
  }
}

function parse(text: string): object {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalidTruth("COCO, or a CSV of counts", cause);
  }
}
