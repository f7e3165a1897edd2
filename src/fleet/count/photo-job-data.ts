import { hash } from "node:crypto";
import type { PhotoIdentity } from "../../ledger/photos/photo-rows.ts";
import type { ListedPhoto } from "../../pipeline/photos/remote/remote-photo-reader.ts";

/** The data of a job of the fleet's own task: a photo to count on, by its name, never its bytes. */
export interface PhotoJobData {
  /**
   * A path, or a name that begins with `http://`, `https://` or `s3://`. It may have a signature.
   */
  readonly photo: string;
  /** The name to record and to log, if it is not `photo`: without password and signature. */
  readonly source?: string;
  /** As listed, where known. */
  readonly sizeBytes?: number;
  readonly mtimeUs?: number;
  /** The hash of the wanted recipe. */
  readonly recipe: string;
}

/** Makes the data of a job; short, because Redis holds them in memory. */
export function toPhotoJobData(
  { name, source, sizeBytes, mtimeUs }: ListedPhoto,
  recipe: string,
): PhotoJobData {
  return {
    photo: name,
    ...(source !== name && { source }),
    ...(sizeBytes > 0 && { sizeBytes }),
    ...(mtimeUs > 0 && { mtimeUs }),
    recipe,
  };
}

/** Returns the photo as the ledger names it. */
export function toPhotoIdentity({
  photo,
  source = photo,
  sizeBytes,
  mtimeUs,
}: PhotoJobData): PhotoIdentity {
  return { source, sizeBytes, mtimeUs };
}

/**
 * Returns the id of a photo's job: the same for the same source and recipe, so that the queue holds
 * a photo once, however often it is added. It begins with a letter, because BullMQ accepts no
 * numbers, and has no colon, its key separator.
 */
export function photoJobId(source: string, recipe: string): string {
  return `p${hash("sha256", `${source}\0${recipe}`, "base64url").slice(0, 22)}`;
}

/** Checks a job's data. Throws with what is wrong with them. */
export function parsePhotoJobData(data: unknown): PhotoJobData {
  const { photo, source, sizeBytes, mtimeUs, recipe } = (data ?? {}) as Record<string, unknown>;
  if (typeof photo !== "string" || photo === "") throw new Error("`photo` is not a photo's name");
  if (typeof recipe !== "string" || !/^[0-9a-f]{64}$/.test(recipe)) {
    throw new Error("`recipe` is not a recipe's hash");
  }
  if (source !== undefined && (typeof source !== "string" || source === "")) {
    throw new Error("`source` is not a photo's name");
  }
  return {
    photo,
    recipe,
    ...(source !== undefined && { source }),
    ...(isCount(sizeBytes) && { sizeBytes }),
    ...(isCount(mtimeUs) && { mtimeUs }),
  };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
