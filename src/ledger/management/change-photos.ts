import { sql, type Transaction } from "kysely";
import {
  type ActionFilter,
  type Actor,
  beginAction,
  countAction,
  endAction,
} from "../actions/action-log.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { unleased, waitingAnew } from "../photos/entry-rows.ts";
import { removePhotos } from "../photos/forget-photos.ts";
import type { EntryState, LedgerTables } from "../schema/tables.ts";
import {
  chosenEntries,
  type EntrySelection,
  requireKnownClass,
  type SelectedEntry,
} from "./select-entries.ts";

/** What can be done with photos, and in which states. */
export const changeableEntryStates = {
  retry: ["failed"],
  exclude: ["waiting", "leased", "done", "failed"],
  include: ["excluded"],
  forget: ["waiting", "leased", "done", "failed", "excluded"],
} as const satisfies Record<string, readonly EntryState[]>;

export type PhotoChange = keyof typeof changeableEntryStates;

export interface ChangePhotosOptions extends AccessOptions {
  readonly actor: Actor;
  readonly recipeHash: string;
  /** What was meant, for the record. */
  readonly filter: ActionFilter;
  /** Called now and then with the number of photos that are changed so far. */
  readonly onChanged?: ((photos: number) => void) | undefined;
}

/** Photos that one transaction changes. */
const photosAtOnce = 500;

/**
 * Changes photos, in transactions of 500, and records who did so:
 *
 * - `retry`: photos that have failed wait again, with all their attempts.
 * - `exclude`: they count no more and are tried no more, also by runs to come. A run that is at
 *   work on one records nothing of it.
 * - `include`: excluded photos count again where their content has a result, and wait otherwise.
 * - `forget`: they are taken out of the results, under every recipe.
 *
 * What is done stays done where it is ended early, and the record has the number.
 *
 * @returns the number of photos
 * @throws `INVALID_ARGUMENT` for a class that the model does not have, with nothing changed
 */
export async function changePhotos(
  ledger: Ledger,
  change: PhotoChange,
  selection: Omit<EntrySelection, "states">,
  { actor, recipeHash, filter, onChanged = () => {}, signal }: ChangePhotosOptions,
): Promise<number> {
  const states: readonly EntryState[] = changeableEntryStates[change];
  await requireKnownClass(ledger, selection, { signal });
  const id = await beginAction(ledger, { ...actor, kind: change, recipeHash, filter }, { signal });
  let photos = 0;
  for await (const part of chosenEntries(ledger, { ...selection, states }, { signal })) {
    for (let first = 0; first < part.length; first += photosAtOnce) {
      signal?.throwIfAborted();
      const entries = part.slice(first, first + photosAtOnce);
      photos += await ledger.write(
        async (transaction) => {
          const changed = await apply[change](transaction, entries);
          await countAction(transaction, id, changed);
          return changed;
        },
        { signal },
      );
      onChanged(photos);
    }
  }
  await endAction(ledger, id, { signal });
  return photos;
}

type Apply = (
  transaction: Transaction<LedgerTables>,
  entries: readonly SelectedEntry[],
) => Promise<number>;

const reset = { ...waitingAnew, ...unleased };

const apply: Readonly<Record<PhotoChange, Apply>> = {
  retry: (transaction, entries) => update(transaction, "retry", entries, reset),
  exclude: (transaction, entries) =>
    update(transaction, "exclude", entries, { ...reset, state: "excluded" }),
  include: async (transaction, entries) => {
    const changed = await update(transaction, "include", entries, reset);
    await sql`
      update entry set state = 'done', result_id = (${knownResult})
      where id in (${sql.join(idsOf(entries))}) and state = 'waiting'
        and exists (${knownResult})`.execute(transaction);
    return changed;
  },
  forget: async (transaction, entries) => {
    const { photos } = await removePhotos(
      transaction,
      entries.map(({ photoId }) => photoId),
    );
    return photos;
  },
};

/** The result of the content that a photo had when it was last read. */
const knownResult = sql`
  select result.id from photo join result on result.content_sha256 = photo.content_sha256
  where photo.id = entry.photo_id and result.recipe_id = entry.recipe_id`;

function idsOf(entries: readonly SelectedEntry[]): number[] {
  return entries.map(({ entryId }) => entryId);
}

/** The states are checked again: a run may have been faster. */
async function update(
  transaction: Transaction<LedgerTables>,
  change: PhotoChange,
  entries: readonly SelectedEntry[],
  columns: Omit<typeof reset, "state"> & { readonly state: EntryState },
): Promise<number> {
  const { numUpdatedRows } = await transaction
    .updateTable("entry")
    .set(columns)
    .where("id", "in", idsOf(entries))
    .where("state", "in", changeableEntryStates[change])
    .executeTakeFirst();
  return Number(numUpdatedRows);
}
