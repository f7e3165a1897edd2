import { hash } from "node:crypto";
import { basename } from "node:path";
import { formatPlural } from "../../base/quantities.ts";
import { isOrangeryError, type OrangeryError } from "../../errors.ts";

/** A photo that a trial does without. */
export interface UnusedPhoto {
  readonly photo: string;
  /** What is wrong with it. */
  readonly error?: OrangeryError | undefined;
  /** The photo with the same contents that is used in its place. */
  readonly sameAs?: string | undefined;
}

/** Photos that can be used, no two with the same contents. */
export interface UsablePhotos {
  /** In a pseudo-random order that does not depend on the folder. */
  readonly photos: readonly string[];
  /** How many were not looked at, since there were enough. */
  readonly leftCount: number;
  readonly unreadableCount: number;
  readonly sameCount: number;
}

export interface ChooseOptions {
  /** As many are wanted. */
  readonly most: number;
  /** Reads a photo. */
  readonly read: (photo: string) => Promise<Uint8Array>;
  /** Throws what is wrong with a photo. */
  readonly look: (bytes: Uint8Array, photo: string) => Promise<void>;
  /** Called before each photo. */
  readonly onLook?: ((usableCount: number) => void) | undefined;
  readonly onUnused?: ((photo: UnusedPhoto) => void) | undefined;
}

/** After this many unusable photos, two usable ones are enough: a list may have 20,000 copies. */
const patience = 256;

/**
 * Chooses photos of a list: the same ones of the same names and contents, so that neither a broken
 * photo nor a copy takes the place of another.
 */
export async function chooseUsable(
  names: readonly string[],
  { most, read, look, onLook, onUnused }: ChooseOptions,
): Promise<UsablePhotos> {
  const shuffled = shuffle(names);
  const byContents = new Map<string, string>();
  const photos: string[] = [];
  let [unreadableCount, sameCount] = [0, 0];
  for (const [index, photo] of shuffled.entries()) {
    const isLong = unreadableCount + sameCount >= patience && photos.length > 1;
    if (photos.length >= most || isLong) {
      return { photos, leftCount: shuffled.length - index, unreadableCount, sameCount };
    }
    onLook?.(photos.length);
    try {
      const bytes = await read(photo);
      const contents = hash("sha256", bytes);
      const sameAs = byContents.get(contents);
      if (sameAs !== undefined) {
        sameCount++;
        onUnused?.({ photo, sameAs });
        continue;
      }
      await look(bytes, photo);
      byContents.set(contents, photo);
      photos.push(photo);
    } catch (error) {
      if (!isOrangeryError(error) || error.blames !== "photo") throw error;
      unreadableCount++;
      onUnused?.({ photo, error });
    }
  }
  return { photos, leftCount: 0, unreadableCount, sameCount };
}

function shuffle(names: readonly string[]): readonly string[] {
  return [...new Set(names)]
    .map((photo) => ({ photo, key: `${hash("sha256", basename(photo))} ${photo}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ photo }) => photo);
}

/** Describes what a list had: `3, of which 1 can be used: 2 are copies of others`. */
export function describeUsable(usable: UsablePhotos): string {
  const { photos, leftCount, unreadableCount, sameCount } = usable;
  const all = photos.length + leftCount + unreadableCount + sameCount;
  if (unreadableCount + sameCount === 0) return `${all}`;
  const reasons = [
    ...(unreadableCount > 0 ? [`${unreadableCount} cannot be read`] : []),
    ...(sameCount > 0 ? [`${formatPlural(sameCount, "is a copy", "are copies")} of others`] : []),
  ];
  return `${all}, of which ${photos.length} can be used: ${reasons.join(", and ")}`;
}
