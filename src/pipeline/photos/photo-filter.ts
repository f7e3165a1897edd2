import { posix } from "node:path";
import { checkOptions, type Expectation } from "../../base/check-options.ts";
import { hasPictureExtension } from "../../vision/photo/decode-picture.ts";

/**
 * Which files in folders are photos, by patterns as in `*.cr2` or `2026/**`. A pattern without a
 * leading slash fits at any depth, one with it fits from the folder on that was named. It fits a
 * folder with all that is in it. Upper and lower case are alike.
 */
export interface PhotoFilterOptions {
  /** Leave these out. */
  readonly exclude?: readonly string[] | undefined;
  /**
   * Take only these. A pattern that names a file extension, such as `*.dat`, takes files that do
   * not end like pictures; one that names a folder, such as `@eaDir`, takes one that is otherwise
   * left out. Default: all pictures.
   */
  readonly include?: readonly string[] | undefined;
}

/** `photo`; `other`: no picture by its name; `excluded`: hidden or not wanted. */
export type FileVerdict = "photo" | "other" | "excluded";

/** Formats of pictures that are not read: such a file is a photo that fails, not another file. */
const unreadExtensions = new Set(
  (
    ".gif .jp2 .j2k .jpx .jxl .psd .tga .ppm .pgm .pnm .exr .ecw .sid .dng .cr2 .cr3 " +
    ".crw .nef .nrw .arw .sr2 .raf .orf .rw2 .pef .srw .x3f .3fr .iiq .gpr"
  ).split(" "),
);

/** Folders of thumbnails, of deleted files and of the system: of macOS, Windows, Synology, QNAP. */
const skippedFolders = new Set([
  "@eadir",
  "#recycle",
  "#snapshot",
  "@recycle",
  "@recently-snapshot",
  "__macosx",
  "$recycle.bin",
  "recycler",
  "system volume information",
  "lost+found",
]);

const patterns: Expectation = {
  expected: "a list of patterns",
  holds: (value) => Array.isArray(value) && value.every((one) => typeof one === "string" && one),
};

/** Decides which files and folders below a named folder are photos or lead to some. */
export class PhotoFilter {
  readonly #exclude: readonly Pattern[];
  readonly #include: readonly Pattern[];

  /** @throws `INVALID_ARGUMENT` for what is no list of patterns. */
  constructor({ exclude = [], include = [] }: PhotoFilterOptions = {}) {
    checkOptions({ exclude, include }, patterns);
    this.#exclude = exclude.map(toPattern);
    this.#include = include.map(toPattern);
  }

  /** @param path Below the folder that was named, with slashes. */
  judgeFile(path: string): FileVerdict {
    if (fits(this.#exclude, path)) return "excluded";
    if (this.#include.length === 0) {
      if (/^(?:\.|~\$)/.test(posix.basename(path))) return "excluded";
      return isPhotoName(path) ? "photo" : "other";
    }
    // No wildcard matches the dot of a hidden file: a pattern has to name the dot.
    const included = this.#include.filter((pattern) => fitsWithin(pattern, path));
    if (included.length === 0) return "excluded";
    const isNamed = included.some(({ namesExtension }) => namesExtension);
    return isNamed || isPhotoName(path) ? "photo" : "other";
  }

  /** Whether to look for photos in a folder. @param path As of {@link judgeFile}. */
  takesFolder(path: string): boolean {
    if (fits(this.#exclude, path)) return false;
    const name = posix.basename(path).toLowerCase();
    // Safari downloads a photo into a folder with this ending.
    const isSkipped = skippedFolders.has(name) || name.endsWith(".download");
    if (!name.startsWith(".") && !isSkipped) return true;
    return this.#include.some(({ parts }) =>
      parts.some((part) => !/^\*+$/.test(part) && posix.matchesGlob(name, part)),
    );
  }

  /** The first folder on the way to a file that is not looked into; undefined for none. */
  skippedFolder(path: string): string | undefined {
    for (let end = path.indexOf("/"); end >= 0; end = path.indexOf("/", end + 1)) {
      if (!this.takesFolder(path.slice(0, end))) return path.slice(0, end);
    }
    return undefined;
  }

  /** Whether to take a photo that was named itself, whatever it is called. */
  takesNamed(name: string): boolean {
    const path = name.replaceAll("\\", "/");
    return !fits(this.#exclude, path) && !fits(this.#exclude, posix.basename(path));
  }
}

interface Pattern {
  readonly text: string;
  readonly glob: string;
  readonly parts: readonly string[];
  readonly namesExtension: boolean;
}

function toPattern(pattern: string): Pattern {
  const text = pattern.toLowerCase().replace(/^\.\//, "").replace(/\/+$/, "");
  const isAnchored = text.startsWith("/");
  const glob = isAnchored ? text.slice(1) : `**/${text}`;
  const parts = text.split("/").filter(Boolean);
  return { text, glob, parts, namesExtension: /[^.]\.[^.]+$/.test(parts.at(-1) ?? "") };
}

function fits(patterns: readonly Pattern[], path: string): boolean {
  const lower = path.toLowerCase();
  return patterns.some(
    // A name with brackets or braces is also taken as it is.
    ({ text, glob }) => posix.matchesGlob(lower, glob) || `/${lower}`.endsWith(`/${text}`),
  );
}

/** Whether a pattern fits a path or a folder that it lies in. */
function fitsWithin(pattern: Pattern, path: string): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (fits([pattern], path.slice(0, end))) return true;
  }
  return false;
}

/** Whether a file is a picture by its name, of a format that is read or not. */
export function isPhotoName(path: string): boolean {
  return hasPictureExtension(path) || unreadExtensions.has(posix.extname(path).toLowerCase());
}
