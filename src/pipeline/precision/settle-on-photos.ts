import type { FindPhotosOptions } from "../photos/photo-files.ts";
import { PhotoReader, type PhotoReaderOptions } from "../photos/photo-reader.ts";
import type { MadeRecipe } from "../recipe/count-recipe.ts";
import { firstNames, peekNames } from "./photo-sample.ts";
import { type SettledPrecision, type SettleOptions, settlePrecision } from "./settle-precision.ts";

export interface SettleOnPhotosOptions
  extends Omit<SettleOptions, "made" | "listPhotos" | "read">,
    Pick<PhotoReaderOptions, "allowPrivateAddresses"> {
  readonly made: MadeRecipe;
  /** Photos, folders and places, as a job has them. */
  readonly paths: readonly string[];
  /** More of them, one by one. It may be one that can be read only once. */
  readonly list?: AsyncIterable<string> | Iterable<string> | undefined;
  readonly find?: FindPhotosOptions | undefined;
}

export interface SettledOnPhotos extends SettledPrecision {
  /** The list, to be read once more. */
  readonly list: AsyncIterable<string> | Iterable<string> | undefined;
}

/**
 * Settles the precision of a job on its own photos: {@link settlePrecision} with those that the job
 * lists and reads.
 *
 * @throws what `settlePrecision` and `PhotoReader` throw
 */
export async function settleOnPhotos(options: SettleOnPhotosOptions): Promise<SettledOnPhotos> {
  const { paths, list, find = {}, allowPrivateAddresses, ...trial } = options;
  const { precision, signal } = trial;
  using photos = new PhotoReader({ allowPrivateAddresses, remembersNames: true });
  const mayTry = precision !== "float32";
  const peeked = list && mayTry ? await peekNames(list) : undefined;
  const listAll = async function* () {
    yield* photos.list(paths, { ...find, signal });
    yield* photos.listEach(peeked?.names ?? [], { ...find, signal });
  };
  const settled = await settlePrecision({
    ...trial,
    listPhotos: () => firstNames(listAll()),
    read: async (name) => (await photos.read(name, { signal })).bytes,
  });
  return { ...settled, list: peeked?.all ?? list };
}
