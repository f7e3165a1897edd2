import { basename } from "node:path";
import { OrangeryError } from "../../errors.ts";
import { nameBelow } from "../../ledger/photos/selection.ts";
import type { StoredResult } from "../../ledger/results/stored-results.ts";

type Named = Pick<StoredResult, "source"> & Partial<Pick<StoredResult, "duplicateOf">>;

/**
 * Names a photo as it is below a folder or URL, with `/` between folders.
 *
 * @throws `INVALID_ARGUMENT` for a photo that is elsewhere
 */
export function nameRelativeTo<Photo extends Named>(
  photo: Photo,
  place: string | undefined,
): Photo {
  if (place === undefined) return photo;
  const { source, duplicateOf } = photo;
  const nameOf = (name: string) => nameBelow(place, name) ?? refuse(name, place);
  if (duplicateOf === undefined) return { ...photo, source: nameOf(source) };
  return { ...photo, source: nameOf(source), duplicateOf: nameOf(duplicateOf) };
}

/** Names a folder as the photos in it are named; the place itself by its last part. */
export function nameFolder(folder: string, place: string | undefined): string {
  if (place === undefined) return folder;
  return nameBelow(place, folder) ?? basename(folder);
}

function refuse(source: string, place: string): never {
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected all photos below ${place}, to name them relative to it, but ${source} is not. ` +
      "Name a folder that holds all, or leave the others out with --under.",
    { details: { photo: source, place } },
  );
}
