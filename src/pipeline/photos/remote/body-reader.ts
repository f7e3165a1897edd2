import { createHash } from "node:crypto";
import { OrangeryError } from "../../../errors.ts";
import type { PhotoBytes } from "../read-photo.ts";

export interface Body {
  /** What the photo is called in messages: nothing secret in it. */
  readonly label: string;
  readonly chunks: AsyncIterable<Uint8Array>;
  /** As the sender says, if it does. */
  readonly announcedBytes: number | undefined;
  /** When it was written, 0 where that is not known. */
  readonly mtimeUs: number;
  readonly maxBytes: number;
}

/**
 * Takes a photo as it comes in and hashes it meanwhile. One that is announced as too large is
 * refused before it is taken, one that turns out to be is refused at the limit.
 *
 * @throws `PHOTO_TOO_LARGE`; `PHOTO_FETCH_FAILED` when the body ends early.
 */
export async function readBody(body: Body): Promise<PhotoBytes> {
  const { label, chunks, announcedBytes, mtimeUs, maxBytes } = body;
  if (announcedBytes !== undefined && announcedBytes > maxBytes) {
    throw tooLarge(label, `${announcedBytes}`, maxBytes);
  }
  const hash = createHash("sha256");
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > maxBytes) throw tooLarge(label, "more", maxBytes);
    hash.update(chunk);
    parts.push(chunk);
  }
  if (announcedBytes !== undefined && sizeBytes !== announcedBytes) {
    throw new OrangeryError(
      "PHOTO_FETCH_FAILED",
      `Expected ${announcedBytes} bytes of ${label}, got ${sizeBytes} before the connection ended.`,
      { details: { photo: label, expected: announcedBytes, came: sizeBytes } },
    );
  }
  return {
    bytes: Buffer.concat(parts, sizeBytes),
    content: { sha256: hash.digest("hex"), sizeBytes, mtimeUs },
  };
}

function tooLarge(label: string, came: string, maxBytes: number): OrangeryError {
  return new OrangeryError(
    "PHOTO_TOO_LARGE",
    `Expected a photo file of at most ${maxBytes} bytes, got ${came} (${label}). ` +
      "Make the photo smaller, or raise the limit.",
    { details: { photo: label, expected: maxBytes } },
  );
}
