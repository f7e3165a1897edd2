import type { AccessOptions, Ledger } from "../ledger.ts";
import { type Actor, beginAction, endAction } from "./action-log.ts";

/** Since when runs of a recipe take no photos. */
export interface Pause {
  readonly person: string;
  /** ISO 8601, UTC. */
  readonly since: string;
}

export interface PausedRecipe {
  readonly id: number;
  readonly hash: string;
}

/**
 * Pauses or resumes the runs of a recipe. What they have begun is finished. A pause survives
 * restarts.
 *
 * @returns false where it is so already
 */
export async function setPaused(
  ledger: Ledger,
  { id, hash }: PausedRecipe,
  {
    actor,
    isPaused,
    signal,
  }: AccessOptions & { readonly actor: Actor; readonly isPaused: boolean },
): Promise<boolean> {
  const access = { signal };
  const before = await readPause(ledger, id, access);
  if ((before !== undefined) === isPaused) return false;
  const kind = isPaused ? "pause" : "resume";
  const action = { ...actor, kind, recipeHash: hash, filter: {} } as const;
  const actionId = await beginAction(ledger, action, access);
  const since = new Date().toISOString();
  await ledger.write(
    (transaction) =>
      transaction
        .updateTable("recipe")
        .set({ paused_at: isPaused ? since : null, paused_by: isPaused ? actor.person : null })
        .where("id", "=", id)
        .execute(),
    access,
  );
  await endAction(ledger, actionId, access);
  return true;
}

/** Returns undefined unless the recipe is paused. */
export async function readPause(
  ledger: Ledger,
  recipeId: number,
  access: AccessOptions = {},
): Promise<Pause | undefined> {
  const row = await ledger.read(
    (db) =>
      db
        .selectFrom("recipe")
        .select(["paused_at", "paused_by"])
        .where("id", "=", recipeId)
        .executeTakeFirst(),
    access,
  );
  if (row === undefined || row.paused_at === null) return undefined;
  return { since: row.paused_at, person: row.paused_by ?? "" };
}
