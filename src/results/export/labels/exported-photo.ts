import { hash } from "node:crypto";
import { copyFile, symlink, writeFile } from "node:fs/promises";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";

/** A result whose photo may be named relative to a folder, and where the photo is. */
export interface ExportedResult extends StoredResult {
  /** The photo's path, URL or key, as it was recorded. */
  readonly origin: string;
}

/** How photos come into an export: as links to them, or copied. */
export type PhotoPlacing = "link" | "copy";

/** Puts photos into the folders of an export. */
export class PhotoPlacer implements Disposable {
  readonly #placing: PhotoPlacing;
  readonly #signal: AbortSignal | undefined;
  readonly #photos = new PhotoReader();

  constructor(placing: PhotoPlacing, signal?: AbortSignal) {
    this.#placing = placing;
    this.#signal = signal;
  }

  /**
   * Puts the photo of a result at a path.
   *
   * @throws `INVALID_ARGUMENT` for a photo that has changed since, or a link to a URL; `PHOTO_*`
   */
  async place({ origin, contentSha256 }: ExportedResult, path: string): Promise<void> {
    const isFile = urlScheme(origin) === undefined;
    if (this.#placing === "link" && !isFile) throw noLinkTo(origin);
    const { content, bytes } = await this.#photos.read(origin, { signal: this.#signal });
    if (content.sha256 !== contentSha256) throw changed(origin);
    if (this.#placing === "link") await symlink(origin, path);
    else if (isFile) await copyFile(origin, path);
    else await writeFile(path, bytes);
  }

  [Symbol.dispose](): void {
    this.#photos[Symbol.dispose]();
  }
}

/** The parts of a data set. */
export type DataSetPart = "train" | "val";

/**
 * Divides photos by their contents: copies of a photo are never in both parts, and more photos move
 * few. Each part has one at least.
 *
 * @param share Of the photos that are to be trained with, 0 to 1.
 * @returns The part of a photo of these contents.
 * @throws `INVALID_ARGUMENT` for photos of one content
 */
export function divideContents(
  contents: readonly string[],
  share: number,
): (contentSha256: string) => DataSetPart {
  const ranked = [...new Set(contents)]
    .map((content) => [hash("sha256", `split ${content}`), content] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const count = ranked.length;
  if (count < 2) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected two different photos or more to divide, got ${count}. Leave out --split.`,
    );
  }
  const trained = Math.max(1, Math.min(count - 1, Math.round(share * count)));
  const train = new Set(ranked.slice(0, trained).map(([, content]) => content));
  return (contentSha256) => (train.has(contentSha256) ? "train" : "val");
}

/** Makes the error for a photo of other contents than were counted. */
export function changed(origin: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${origin} as it was when it was counted, but it has changed since. Run again, or ` +
      "leave it out with --under.",
    { details: { photo: origin } },
  );
}

function noLinkTo(origin: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected files to link to, got ${origin}. Use --photos copy.`,
    { details: { photo: origin } },
  );
}
