import { LeftOut } from "../../../pipeline/photos/left-out.ts";
import type { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import type { ListedPhoto } from "../../../pipeline/photos/remote/remote-photo-reader.ts";
import { displayPath, photoFromCaller } from "../../options/caller-paths.ts";
import { formatLeftOut } from "../../output/left-out-lines.ts";
import { noteUnreadableFolders } from "../../output/problem-notes.ts";
import type { ProgressDisplay } from "../../output/progress-display.ts";

export interface NamedPhoto extends ListedPhoto {
  /** As it was named; the path of a photo in a folder that was named. */
  readonly shown: string;
}

/** Lists the photos that are named and those of folders; names what folders lack. */
export async function listNamedPhotos(
  reader: PhotoReader,
  images: readonly string[],
  { signal, progress }: { signal: AbortSignal; progress: ProgressDisplay },
) {
  const given = new Map(images.map((image) => [photoFromCaller(image), image]));
  const leftOut = new LeftOut();
  const unreadable: string[] = [];
  const onUnreadable = noteUnreadableFolders(progress, unreadable);
  const photos: NamedPhoto[] = [];
  const names = images.map(photoFromCaller);
  for await (const photo of reader.listEach(names, { leftOut, signal, onUnreadable })) {
    photos.push({ ...photo, shown: given.get(photo.name) ?? displayPath(photo.source) });
  }
  for (const line of formatLeftOut(leftOut.counts)) progress.note(line);
  if (photos.length === 0) progress.note("Found no photos.");
  return { photos, isComplete: photos.length > 0 && unreadable.length === 0 };
}
