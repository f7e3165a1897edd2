import { readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { guardWriting } from "../../base/files/disk-full.ts";
import { makeFolder, partOf } from "../../base/files/whole-file.ts";
import { OrangeryError } from "../../errors.ts";
import { toScore } from "../../ledger/results/stored-objects.ts";
import type { StoredResult } from "../../ledger/results/stored-results.ts";
import { labelFileOf } from "./label-file.ts";

export interface YoloOptions {
  /** Absolute path of a folder that does not exist or is empty. */
  readonly folder: string;
  /** A sixth column with the score, as `save_conf` of Ultralytics writes it. Default false. */
  readonly scores?: boolean | undefined;
  /** Whether folders that all photos have in common are folders of labels, too. Default false. */
  readonly keepsFolders?: boolean | undefined;
}

/**
 * Writes the objects as a folder of YOLO labels, whole or not at all: `data.yaml` with the names of
 * the classes, and in `labels/` a text file for each photo. The files lie in the same folders as
 * the photos below the folder that all photos have in common, so that photos of one name do not
 * clash.
 *
 * @throws `INVALID_ARGUMENT` when the folder is not empty, or a photo cannot have labels that
 *   trainers find, because another photo differs from it only in the extension; `NO_SPACE`
 */
export async function writeYolo(
  results: AsyncIterable<StoredResult>,
  { folder, scores = false, keepsFolders = false }: YoloOptions,
): Promise<void> {
  await refuseToMix(folder);
  const part = partOf(folder);
  try {
    await guardWriting(folder, async () => {
      await writeLabels(results, { part, scores, keepsFolders });
      // Windows does not rename onto an empty folder. Files that appeared in it meanwhile stay.
      await rmdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== "ENOENT") throw error;
      });
      await rename(part, folder);
    });
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function refuseToMix(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (entries.length === 0) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a new or empty folder for labels, but ${folder} has ${entries[0]} in it. ` +
      "Name another folder or empty it.",
    { details: { folder } },
  );
}

interface WriteOptions {
  readonly part: string;
  readonly scores: boolean;
  readonly keepsFolders: boolean;
}

async function writeLabels(
  results: AsyncIterable<StoredResult>,
  { part, scores, keepsFolders }: WriteOptions,
): Promise<void> {
  // The folder in common is known at the end.
  const all = join(part, "all");
  await makeFolder(all);
  const made = new Set<string>();
  const names: string[] = [];
  let common: readonly string[] | undefined = keepsFolders ? [] : undefined;
  for await (const result of results) {
    const { folders, stem } = labelFileOf(result.source);
    common = common === undefined ? folders : commonStart(common, folders);
    const folder = join(all, ...folders);
    try {
      if (!made.has(folder)) await makeFolder(folder);
      made.add(folder);
      await writeFile(join(folder, `${stem}.txt`), toLabels(result, scores), { flag: "wx" });
    } catch (cause) {
      throw explainRefusal(result, cause);
    }
    addNames(names, result);
  }
  await rename(join(all, ...(common ?? [])), join(part, "labels"));
  await rm(all, { recursive: true, force: true });
  await writeFile(join(part, "data.yaml"), toDataYaml(names));
}

/** One line an object: class, centre and size as shares of the photo's. */
function toLabels({ widthPx, heightPx, objects }: StoredResult, scores: boolean): string {
  const lines = Array.from(objects, ({ classId, score, boxXyxy }) => {
    const [x1, x2] = [boxXyxy[0], boxXyxy[2]].map((x) => clamp(x / widthPx));
    const [y1, y2] = [boxXyxy[1], boxXyxy[3]].map((y) => clamp(y / heightPx));
    const shares = [(x1! + x2!) / 2, (y1! + y2!) / 2, x2! - x1!, y2! - y1!];
    const cells = [classId, ...shares.map((share) => share.toFixed(6))];
    return `${[...cells, ...(scores ? [toScore(score)] : [])].join(" ")}\n`;
  });
  return lines.join("");
}

/** Trainers refuse boxes that a rounding puts outside the photo. */
function clamp(share: number): number {
  return Math.max(0, Math.min(1, share));
}

function addNames(names: string[], { objects }: StoredResult): void {
  for (let id = names.length; id < objects.names.length; id++) names.push(objects.nameOf(id));
  for (const classId of objects.classIds) {
    for (let id = names.length; id <= classId; id++) names.push(objects.nameOf(id));
  }
}

function toDataYaml(names: readonly string[]): string {
  // A JSON string is a YAML string too.
  const lines = names.map((name, id) => `\n  ${id}: ${JSON.stringify(name)}`);
  return `# Objects that Orangery found. Put the photos into images/, in the folders of labels/.
train: images
val: images
names:${lines.length > 0 ? lines.join("") : " {}"}
`;
}

function commonStart(a: readonly string[], b: readonly string[]): readonly string[] {
  const end = a.findIndex((segment, i) => segment !== b[i]);
  return end < 0 ? a : a.slice(0, end);
}

/** Why a photo cannot have labels, by the error of the system. */
const refusals: { readonly [code in string]?: string } = {
  EEXIST:
    "another photo has its labels at the same place, since trainers look for them by the photo's " +
    "path without its extension",
  ENAMETOOLONG: "its name is too long for that of a file of labels",
};

/** Labels in another place would not be found, or would be taken for another photo's. */
function explainRefusal({ source }: StoredResult, cause: unknown): unknown {
  const refusal = refusals[(cause as NodeJS.ErrnoException).code ?? ""];
  if (refusal === undefined) return cause;
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected labels for ${source}, but ${refusal}. Rename the photo and run again, or export to ` +
      "another format.",
    { cause, details: { photo: source } },
  );
}
