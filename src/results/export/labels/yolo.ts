import { rename, rm, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { makeFolder } from "../../../base/files/whole-file.ts";
import { writeWholeFolder } from "../../../base/files/whole-folder.ts";
import { OrangeryError } from "../../../errors.ts";
import { toScore } from "../../../ledger/results/stored-objects.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { Mask } from "../../../vision/masks/mask.ts";
import { outlineMask, signedArea } from "../../../vision/masks/pixel-outline.ts";
import {
  divideContents,
  type ExportedResult,
  PhotoPlacer,
  type PhotoPlacing,
} from "./exported-photo.ts";
import { labelFileOf } from "./label-file.ts";

export interface YoloOptions {
  /** Absolute path of a folder that does not exist or is empty. */
  readonly folder: string;
  /** A sixth column with the score, as `save_conf` of Ultralytics writes it. Default false. */
  readonly scores?: boolean | undefined;
  /** Whether folders that all photos have in common are folders of labels, too. Default false. */
  readonly keepsFolders?: boolean | undefined;
  /** Outlines of masks in place of boxes, for networks that segment. Default false. */
  readonly polygons?: boolean | undefined;
  /** Put the photos into `images/`. Default: they are left to the user. */
  readonly photos?: PhotoPlacing | undefined;
  /** The share of the photos in `train`, the others being in `val`. Default: one folder of all. */
  readonly split?: number | undefined;
  /** Whose objects these are. Default predicted. */
  readonly counts?: CountsKind | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes the objects as a folder of YOLO labels, whole or not at all: `data.yaml` with the names of
 * the classes, and in `labels/` a text file for each photo; with `photos`, these are in `images/`.
 * The files lie in the same folders as the photos below the folder that all photos have in common,
 * so that photos of one name do not clash. With `split`, these folders are in `train/` and `val/`.
 *
 * @throws `INVALID_ARGUMENT` when the folder is not empty, or a photo cannot have labels that
 *   trainers find, because another photo differs from it only in the extension; `NO_SPACE`
 */
export async function writeYolo(
  results: AsyncIterable<ExportedResult>,
  { folder, ...options }: YoloOptions,
): Promise<void> {
  await writeWholeFolder(folder, (part) => writeLabels(results, part, options));
}

/** A folder of the export: labels, or images. */
type Kind = "labels" | "images";

/** A photo whose files are in the export, to be divided. */
interface WrittenPhoto {
  readonly contentSha256: string;
  readonly folders: readonly string[];
  /** By kind: the name of its file. */
  readonly files: ReadonlyMap<Kind, string>;
}

async function writeLabels(
  results: AsyncIterable<ExportedResult>,
  part: string,
  options: Omit<YoloOptions, "folder">,
): Promise<void> {
  const { keepsFolders = false, photos, split, signal } = options;
  using placer = photos && new PhotoPlacer(photos, signal);
  // The folder in common is known at the end.
  const all = join(part, "all");
  const kinds: readonly Kind[] = placer ? ["labels", "images"] : ["labels"];
  for (const kind of kinds) await makeFolder(join(all, kind));
  const made = new Set<string>();
  const names: string[] = [];
  const written: WrittenPhoto[] = [];
  let common: readonly string[] | undefined = keepsFolders ? [] : undefined;
  for await (const result of results) {
    const { folders, stem } = labelFileOf(result.source);
    common = common === undefined ? folders : commonStart(common, folders);
    const files = new Map(
      kinds.map((kind) => [kind, stem + (kind === "labels" ? ".txt" : extname(result.origin))]),
    );
    for (const [kind, file] of files) {
      const folder = join(all, kind, ...folders);
      try {
        if (!made.has(folder)) await makeFolder(folder);
        made.add(folder);
        if (kind === "images") await placer!.place(result, join(folder, file));
        else await writeFile(join(folder, file), toLabels(result, options), { flag: "wx" });
      } catch (cause) {
        throw explainRefusal(result, cause);
      }
    }
    if (split !== undefined) written.push({ contentSha256: result.contentSha256, folders, files });
    addNames(names, result);
  }
  if (split === undefined) {
    for (const kind of kinds) {
      await rename(join(all, kind, ...(common ?? [])), join(part, kind));
    }
  } else {
    await divide(written, { part, split, common: common ?? [] });
  }
  await rm(all, { recursive: true, force: true });
  await writeFile(join(part, "data.yaml"), toDataYaml(names, options));
}

/** Moves the files of photos into the folders of those to train and to validate with. */
async function divide(
  photos: readonly WrittenPhoto[],
  { part, split, common }: { part: string; split: number; common: readonly string[] },
): Promise<void> {
  const partOf = divideContents(
    photos.map(({ contentSha256 }) => contentSha256),
    split,
  );
  const made = new Set<string>();
  for (const { contentSha256, folders, files } of photos) {
    for (const [kind, file] of files) {
      const below = folders.slice(common.length);
      const folder = join(part, kind, partOf(contentSha256), ...below);
      if (!made.has(folder)) await makeFolder(folder);
      made.add(folder);
      await rename(join(part, "all", kind, ...folders, file), join(folder, file));
    }
  }
}

/** One line an object: class, then centre and size, or an outline, as shares of the photo's. */
function toLabels(
  { source, widthPx, heightPx, objects }: StoredResult,
  { scores = false, polygons = false }: Pick<YoloOptions, "scores" | "polygons">,
): string {
  if (polygons && objects.length > 0 && objects.masks === undefined) throw noMasks(source);
  const lines = Array.from(objects, ({ classId, score, boxXyxy, mask }) => {
    const shares = polygons
      ? outlineShares(mask!, [widthPx, heightPx])
      : boxShares(boxXyxy, [widthPx, heightPx]);
    if (shares.length === 0) return "";
    const cells = [classId, ...shares.map((share) => share.toFixed(6))];
    return `${[...cells, ...(scores ? [toScore(score)] : [])].join(" ")}\n`;
  });
  return lines.join("");
}

function boxShares(
  boxXyxy: readonly number[],
  [widthPx, heightPx]: readonly [number, number],
): number[] {
  const [x1, x2] = [boxXyxy[0]!, boxXyxy[2]!].map((x) => clamp(x / widthPx));
  const [y1, y2] = [boxXyxy[1]!, boxXyxy[3]!].map((y) => clamp(y / heightPx));
  return [(x1! + x2!) / 2, (y1! + y2!) / 2, x2! - x1!, y2! - y1!];
}

/** The outline of the largest part of a mask: a line of labels has one. */
function outlineShares(mask: Mask, [widthPx, heightPx]: readonly [number, number]): number[] {
  const outlines = outlineMask(mask).map(([outer]) => outer!);
  const [largest = []] = outlines.toSorted((a, b) => signedArea(b) - signedArea(a));
  return largest.slice(0, -1).flatMap(([x, y]) => [clamp(x / widthPx), clamp(y / heightPx)]);
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

function toDataYaml(
  names: readonly string[],
  { photos, split, counts = "predicted" }: Pick<YoloOptions, "photos" | "split" | "counts">,
): string {
  // A JSON string is a YAML string too.
  const lines = names.map((name, id) => `\n  ${id}: ${JSON.stringify(name)}`);
  const [train, val] = split === undefined ? ["images", "images"] : ["images/train", "images/val"];
  const advice =
    photos === undefined ? " Put the photos into images/, in the folders of labels/." : "";
  const whose = counts === "corrected" ? ", with the corrections that people made" : "";
  return `# Objects that Orangery found${whose}.${advice}
train: ${train}
val: ${val}
names:${lines.length > 0 ? lines.join("") : " {}"}
`;
}

function noMasks(source: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected objects with masks for --polygons, but those on ${source} have boxes only. ` +
      "Leave it out.",
    { details: { photo: source } },
  );
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
