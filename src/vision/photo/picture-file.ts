import { extname } from "node:path";
import sharp from "sharp";
import {
  checkOptions,
  type Expectation,
  oneOf,
  optionsOf,
  refuseUnknown,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { guardWriting } from "../../base/files/disk-full.ts";
import { writeWhole } from "../../base/files/whole-file.ts";
import { OrangeryError } from "../../errors.ts";
import { assertPicture, type Picture, steadyBytes } from "./picture.ts";

/** How a picture is encoded. */
export interface EncodeOptions {
  readonly format?: "jpeg" | "png" | undefined;
  /** Of a JPEG, 1…100. Default 85. */
  readonly quality?: number | undefined;
}

const jpegQuality: Expectation = {
  expected: "a whole number from 1 to 100",
  holds: (value) => wholeNumberFrom(1).holds(value) && (value as number) <= 100,
};

const formatByExtension: Readonly<Record<string, "jpeg" | "png">> = {
  ".jpg": "jpeg",
  ".jpeg": "jpeg",
  ".png": "png",
};

/** Encodes a picture as JPEG (the default) or PNG. @throws `INVALID_ARGUMENT` */
export async function encodePicture(
  picture: Picture,
  options: EncodeOptions = {},
): Promise<Uint8Array> {
  const { format = "jpeg", quality = 85, ...rest } = optionsOf("EncodeOptions", options);
  refuseUnknown("EncodeOptions", options, rest);
  checkOptions({ format }, oneOf("jpeg", "png"));
  checkOptions({ quality }, jpegQuality);
  assertPicture(picture);
  const { data, widthPx: width, heightPx: height } = picture;
  const image = sharp(steadyBytes(data), {
    raw: { width, height, channels: 3 },
    limitInputPixels: false,
  });
  return (format === "png" ? image.png() : image.jpeg({ quality })).toBuffer();
}

/**
 * Writes a picture as JPEG or PNG, by the path's extension. The file appears whole or not at all,
 * and its folder is made where it is missing.
 *
 * @throws `INVALID_ARGUMENT` for another extension, `NOT_WRITABLE`, `NO_SPACE`
 *   when the disk is full.
 */
export async function savePicture(
  picture: Picture,
  path: string,
  { quality = 85 }: { readonly quality?: number | undefined } = {},
): Promise<void> {
  const format = formatByExtension[extname(path).toLowerCase()];
  if (format === undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected a path that ends in ${Object.keys(formatByExtension).join(", ")}, got ${path}.`,
    );
  }
  const bytes = await encodePicture(picture, { format, quality });
  await guardWriting(path, () => writeWhole(path, bytes));
}
