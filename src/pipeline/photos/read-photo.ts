import { createHash } from "node:crypto";
import { open, readlink } from "node:fs/promises";
import { OrangeryError } from "../../errors.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";

export interface ReadPhotoOptions {
  /** Larger files are refused. Default 2 GiB. */
  readonly maxBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface PhotoBytes {
  readonly bytes: Uint8Array;
  readonly content: PhotoContent;
}

const chunkBytes = 1 << 20;

/** System errors that are not about the photo: the process is out of file handles or memory. */
const notThePhoto = new Set(["EMFILE", "ENFILE", "ENOMEM"]);

/**
 * Reads an encoded photo and hashes it piece by piece meanwhile: one pass over the disk, and the
 * hash is that of the very bytes that are decoded, whatever happens to the file. Size and time are
 * those from before reading, so that a file that is being written looks changed to the next run.
 *
 * @throws `PHOTO_NOT_FOUND`, `PHOTO_TOO_LARGE`, or the signal's reason.
 */
export async function readPhoto(
  path: string,
  { maxBytes = 2 ** 31, signal }: ReadPhotoOptions = {},
): Promise<PhotoBytes> {
  try {
    await using file = await open(path);
    const { size, mtimeNs } = await file.stat({ bigint: true });
    const sizeBytes = Number(size);
    if (sizeBytes > maxBytes) throw tooLarge(path, sizeBytes, maxBytes);

    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    const hash = createHash("sha256");
    let length = 0;
    while (length < sizeBytes) {
      signal?.throwIfAborted();
      const wanted = Math.min(chunkBytes, sizeBytes - length);
      const { bytesRead } = await file.read(bytes, length, wanted);
      if (bytesRead === 0) break;
      hash.update(bytes.subarray(length, length + bytesRead));
      length += bytesRead;
    }
    const content = { sha256: hash.digest("hex"), sizeBytes, mtimeUs: Number(mtimeNs / 1000n) };
    return { bytes: bytes.subarray(0, length), content };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof OrangeryError || code === undefined || notThePhoto.has(code)) throw cause;
    if (signal?.aborted) throw signal.reason;
    const target = code === "ENOENT" ? await readlink(path).catch(() => undefined) : undefined;
    const came = target === undefined ? code : `a link to ${target}, which is not there`;
    throw new OrangeryError(
      "PHOTO_NOT_FOUND",
      `Expected a photo at ${path} that can be opened and read, got ${came}. ` +
        "Check the path, the rights and the disk.",
      { cause, details: { photo: path, reason: code } },
    );
  }
}

function tooLarge(path: string, sizeBytes: number, maxBytes: number): OrangeryError {
  return new OrangeryError(
    "PHOTO_TOO_LARGE",
    `Expected a photo file of at most ${maxBytes} bytes, got ${sizeBytes} (${path}). ` +
      "Make the photo smaller.",
    { details: { photo: path, expected: maxBytes, came: sizeBytes } },
  );
}
