import { hideCredentials } from "../../base/url.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { type ReviewList, readReviewLists } from "../../ledger/review/review-list.ts";
import {
  type QueuedPhoto,
  readQueuePage,
  readQueueProgress,
} from "../../ledger/review/review-queue.ts";

/** A page of a list; few enough that their pictures come at once. */
const photosPerPage = 60;
/** The newest list of each kind, and one that is asked for, each with how far it is. */
export async function viewLists(
  ledger: Ledger,
  { recipeId, listId }: { readonly recipeId: number; readonly listId: number },
): Promise<object> {
  const lists = await readReviewLists(ledger, { recipeId });
  const newest = Map.groupBy(lists, ({ kind }) => kind)
    .values()
    .map(([list]) => list);
  const shown = new Set([...newest, lists.find(({ id }) => id === listId)]);
  const views = [];
  for (const list of shown) {
    if (list === undefined) continue;
    views.push({ ...viewList(list), progress: await readQueueProgress(ledger, list.id) });
  }
  return { lists: views, identity: await ledger.identity() };
}

export function viewList({ id, kind, size, photos, madeBy, madeAt }: ReviewList) {
  return { id, kind, size, photos, madeBy, madeAt };
}

/** Photos of a list from a position on. */
export async function viewQueuePage(
  ledger: Ledger,
  list: ReviewList,
  options: {
    readonly after: number;
    readonly isOpenOnly: boolean;
    readonly limit?: number;
  },
): Promise<object> {
  const { photos, next } = await readQueuePage(ledger, {
    listId: list.id,
    limit: photosPerPage,
    ...options,
  });
  return { kind: list.kind, photos: photos.map(viewQueued), next };
}

/** A photo of a list as the page shows it: without what a URL must not show. */
export function viewQueued({ source, photoId, resultId, hold, ...rest }: QueuedPhoto) {
  const name = source === undefined ? "forgotten" : hideCredentials(source);
  const at = Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\"));
  return {
    id: photoId,
    result: { id: resultId },
    name: name.slice(at + 1),
    folder: name.slice(0, Math.max(0, at)),
    heldBy: hold?.by,
    ...rest,
  };
}
