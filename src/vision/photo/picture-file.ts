import { rename, rm, writeFile } from "node:fs/promises";
import { extname } from "node:path";
import sharp from "sharp";
import { OrangeryError } from "../../errors.ts";
import { assertPicture, type Picture } from "./picture.ts";

export interface EncodeOptions {
  readonly format?: "jpeg" | "png";
  /** Of a JPEG, 1…100. Default 85. */
  readonly quality?: number;
}

const formatByExtension: Readonly<Record<string, "jpeg" | "png">> = {
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
  ".png": "png",
};

/** Encodes a picture as JPEG (the default) or PNG. */
export async function encodePicture(
  picture: Picture,
  { format = "jpeg", quality = 85 }: EncodeOptions = {},
): Promise<Uint8Array> {
  assertPicture(picture);
  const { data, widthPx: width, heightPx: height } = picture;
  const image = sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false });
  return (format === "png" ? image.png() : image.jpeg({ quality })).toBuffer();
}

/**
 * Writes a picture as JPEG or PNG, by the path's extension. The file appears whole or not at all: it
 * is written beside its place and then moved.
 *
 * @throws `INVALID_ARGUMENT` for another extension, or a place where no file can be written;
 *   `NO_SPACE` when the disk is full.
 */
export async function savePicture(
  picture: Picture,
  path: string,
  { quality = 85 }: { readonly quality?: number } = {},
): Promise<void> {
  const format = formatByExtension[extname(path).toLowerCase()];
  if (format === undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a path that ends in ${Object.keys(formatByExtension).join(", ")}, got ${path}.`,
    );
  }
  const bytes = await encodePicture(picture, { format, quality });
  const partial = `${path}.${process.pid}.partial`;
  try {
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => {});
    const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
    // EFBIG is a limit on the size of files, as `ulimit -f` sets.
    const isFull = ["ENOSPC", "EDQUOT", "EFBIG"].includes(reason);
    throw new OrangeryError(
      isFull ? "NO_SPACE" : "INVALID_ARGUMENT",
      `Expected to write a picture to ${path}, got ${reason}. ` +
        (isFull ? "Free some space and go on." : "Check that the folder exists and the rights."),
      { cause, details: { path, reason } },
    );
  }
}
