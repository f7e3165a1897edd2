import { open } from "node:fs/promises";
import { missingFiles } from "../missing-files.ts";
import type { ListedPhoto } from "../remote/remote-photo-reader.ts";

/** System errors for a file that another program locks while writing. */
const lockedCodes = new Set(["EBUSY", "ETXTBSY"]);

/**
 * Browsers create an empty file with the photo's name, and fill it when the download is complete.
 */
const mostEmptyMs = 60_000;

/**
 * What a photo is that was listed a while ago: `whole`, `gone`, still in use (`busy`), or as it is
 * now where its size or time have changed. Opening asks the disk itself where a list of a
 * network folder is some seconds old.
 */
export async function checkWhole(
  photo: ListedPhoto,
): Promise<"whole" | "gone" | "busy" | ListedPhoto> {
  try {
    await using file = await open(photo.name);
    const { size, mtimeNs } = await file.stat({ bigint: true });
    const now = { sizeBytes: Number(size), mtimeUs: Number(mtimeNs / 1000n) };
    const isReserved = size === 0n && now.mtimeUs / 1000 + mostEmptyMs > Date.now();
    if (isReserved) return "busy";
    const isSame = now.sizeBytes === photo.sizeBytes && now.mtimeUs === photo.mtimeUs;
    return isSame ? "whole" : { ...photo, ...now };
  } catch (error) {
    if (lockedCodes.has((error as NodeJS.ErrnoException).code ?? "")) return "busy";
    // Reading it later gives the reason why it cannot be opened.
    return (await missingFiles([photo.name])).length > 0 ? "gone" : "whole";
  }
}

/** Whether a photo can be opened, so that trying it again may help. */
export async function canBeOpened(photo: ListedPhoto): Promise<boolean> {
  try {
    await using _file = await open(photo.name);
    return true;
  } catch {
    return false;
  }
}
