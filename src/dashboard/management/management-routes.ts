import { readActions } from "../../ledger/actions/action-log.ts";
import { setPaused } from "../../ledger/actions/pause-recipe.ts";
import type { RecipeChoice } from "../../ledger/browse/progress.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import {
  changeableEntryStates,
  changePhotos,
  type PhotoChange,
} from "../../ledger/management/change-photos.ts";
import { countEntries, type EntrySelection } from "../../ledger/management/select-entries.ts";
import { Refusal } from "../server/answers.ts";
import { readFilter } from "../views/photo-list.ts";

/** What is asked, or is to be done: the parts of the path after `/api/management`. */
export interface ManagementQuestion {
  readonly parts: readonly string[];
  readonly recipe: RecipeChoice;
  readonly query: URLSearchParams;
  /** Ends when the client has gone. */
  readonly signal: AbortSignal;
}

export interface ManagementChange extends Pick<ManagementQuestion, "parts" | "recipe"> {
  readonly body: Readonly<Record<string, unknown>>;
}

const shownActions = 200;
const mostIds = 1000;

/** Answers what is asked before photos are changed, and who has changed what. @throws `Refusal` */
export async function answerManagement(
  ledger: Ledger,
  { parts, recipe, query, signal }: ManagementQuestion,
): Promise<object> {
  const [what] = parts;
  if (what === "actions") return { actions: await readActions(ledger, { limit: shownActions }) };
  if (what !== "count") throw new Refusal(404, "There is nothing here.");
  const states = changeableEntryStates[changeOf(query.get("change"))];
  const ids = query.get("ids")?.split(",").map(Number);
  const selection = selectionOf(recipe, { filter: query, ids });
  return { photos: await countEntries(ledger, { ...selection, states }, { signal }) };
}

/**
 * Does what a person has confirmed. It continues if the person's window is closed: the record has
 * what was done.
 *
 * @throws `Refusal`, `INVALID_ARGUMENT`, `LEDGER_…`
 */
export async function applyManagementChange(
  changes: Ledger,
  { parts, recipe, body }: ManagementChange,
): Promise<object> {
  const { by, query, ids, change, isPaused } = body;
  if (typeof by !== "string") throw new Refusal(400, "Expected the name of who does it.");
  const actor = { person: by, via: "control room" } as const;
  if (parts[0] === "pause" && typeof isPaused === "boolean") {
    return { hasChanged: await setPaused(changes, recipe, { actor, isPaused }) };
  }
  if (parts[0] !== "photos") throw new Refusal(404, "There is nothing here.");
  if (typeof query !== "string" && !Array.isArray(ids)) {
    throw new Refusal(400, "Expected a filter or the numbers of photos.");
  }
  const filter = new URLSearchParams(typeof query === "string" ? query : "");
  const chosen = Array.isArray(ids) ? (ids as unknown[]) : undefined;
  const selection = selectionOf(recipe, { filter, ids: chosen });
  filter.delete("order");
  const photos = await changePhotos(changes, changeOf(change), selection, {
    actor,
    recipeHash: recipe.hash,
    filter: chosen === undefined ? Object.fromEntries(filter) : { photos: chosen.join(" ") },
  });
  return { photos };
}

function changeOf(text: unknown): PhotoChange {
  if (typeof text === "string" && Object.hasOwn(changeableEntryStates, text))
    return text as PhotoChange;
  throw new Refusal(400, `Expected one of ${Object.keys(changeableEntryStates).join(", ")}.`);
}

function selectionOf(
  { id: recipeId }: RecipeChoice,
  {
    filter,
    ids,
  }: { readonly filter: URLSearchParams; readonly ids: readonly unknown[] | undefined },
): Omit<EntrySelection, "states"> {
  if (ids === undefined) return { recipeId, filter: readFilter(filter) };
  if (ids.length > 0 && ids.length <= mostIds && ids.every(isId)) {
    return { recipeId, photoIds: ids };
  }
  throw new Refusal(400, `Expected the numbers of 1 to ${mostIds} photos.`);
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
