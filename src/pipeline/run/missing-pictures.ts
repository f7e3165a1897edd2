import { access } from "node:fs/promises";
import type { Worklist } from "../../ledger/worklist/worklist.ts";
import type { WorklistPhoto } from "../../ledger/worklist/worklist-view.ts";
import { type OpenPhotoOptions, openPhoto } from "../../vision/photo/open-photo.ts";
import { photoFailureOf } from "../photos/photo-failure.ts";
import type { PhotoReader } from "../photos/photo-reader.ts";
import type { AnnotatedPictures } from "./annotated-pictures.ts";

export interface DrawMissingOptions {
  readonly worklist: Worklist;
  readonly pictures: AnnotatedPictures;
  readonly photos: Pick<PhotoReader, "read">;
  /** How photos are opened, as when they were counted. */
  readonly openOptions: OpenPhotoOptions;
  /** Stops after the picture that is being drawn. */
  readonly stop?: AbortSignal | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onPicture?: ((file: string) => void) | undefined;
  /** Only those of these photos, 500 at most. Default: of all on the list. */
  readonly sources?: readonly string[] | undefined;
}

const pageSize = 200;

/**
 * Draws the pictures that finished photos lack, from the results that are recorded and without any
 * inference: of photos whose result came from identical bytes or from a run without pictures, and
 * where a picture was removed or shows another recipe's result. A photo that is gone or changed
 * meanwhile is left out.
 */
export async function drawMissingPictures(options: DrawMissingOptions): Promise<void> {
  const { worklist, sources } = options;
  let page: WorklistPhoto[] = [];
  for await (const photo of worklist.view.photos({ state: "done", ...(sources && { sources }) })) {
    page.push(photo);
    if (page.length < pageSize) continue;
    if (!(await drawPage(page, options))) return;
    page = [];
  }
  await drawPage(page, options);
}

/** False when stopped. */
async function drawPage(
  photos: readonly WorklistPhoto[],
  options: DrawMissingOptions,
): Promise<boolean> {
  const { worklist, pictures, stop, signal } = options;
  const drawn = await worklist.view.pictures(photos.map(({ source }) => pictures.fileOf(source)));
  for (const photo of photos) {
    signal?.throwIfAborted();
    if (stop?.aborted) return false;
    const file = pictures.fileOf(photo.source);
    if (drawn.get(file) === photo.result?.id && (await exists(file))) continue;
    try {
      await draw(photo, options);
    } catch (error) {
      // The result stands; only its picture cannot be drawn any more.
      if (!photoFailureOf(error)?.isCertain) throw error;
    }
  }
  return true;
}

async function draw(
  { source, result }: WorklistPhoto,
  { worklist, pictures, photos, openOptions, signal, onPicture }: DrawMissingOptions,
): Promise<void> {
  if (result === undefined) return;
  const { bytes, content } = await photos.read(source, { signal });
  if (content.sha256 !== result.contentSha256) return;
  const found = await worklist.view.findings(result.id);
  await using photo = await openPhoto(bytes, { ...openOptions, signal });
  const file = await pictures.write(source, photo.pixels, {
    ...found,
    counts: result.counts,
  });
  await worklist.recordPicture(file, result.id);
  onPicture?.(file);
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
