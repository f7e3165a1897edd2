import { randomUUID } from "node:crypto";
import { sql, type Transaction } from "kysely";
import { OrangeryError } from "../../errors.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { ActionKind, LedgerTables } from "../schema/tables.ts";

/** Who does something. */
export interface Actor {
  /** A name, as the person gave it or as the machine knows the account. */
  readonly person: string;
  /** From where: the control room, or a command. */
  readonly via: "control room" | "command line";
}

/** What somebody did. */
export interface Action extends Actor {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly beganAt: string;
  /** Undefined while it goes on, or where its process was killed: {@link number} is done. */
  readonly endedAt: string | undefined;
  readonly kind: ActionKind;
  /** Undefined where it is not about one recipe. */
  readonly recipeHash: string | undefined;
  /** What was meant, as names and values; empty for all. */
  readonly filter: ActionFilter;
  /** How many photos or jobs were changed. */
  readonly number: number;
}

export type ActionFilter = { readonly [name: string]: string | number | readonly string[] };

export type NewAction = Actor & Pick<Action, "kind" | "recipeHash" | "filter">;

const longestName = 100;

/**
 * Writes down that somebody begins something; returns its id, for {@link countAction} and
 * {@link endAction}.
 *
 * @throws `INVALID_ARGUMENT` for a person without a name, or with one of over 100 letters
 */
export async function beginAction(
  ledger: Ledger,
  { kind, person, via, recipeHash, filter }: NewAction,
  access: AccessOptions = {},
): Promise<string> {
  const id = randomUUID();
  const name = person.replaceAll(/\p{Cc}+/gu, " ").trim();
  if (name === "" || name.length > longestName) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the name of a person, of 1 to ${longestName} letters, got ` +
        `${JSON.stringify(person.slice(0, longestName))}. Give one.`,
    );
  }
  const row = {
    id,
    began_at: new Date().toISOString(),
    ended_at: null,
    kind,
    person: name,
    via,
    recipe_hash: recipeHash ?? null,
    filter: JSON.stringify(filter),
    number: 0,
  };
  await ledger.write(
    (transaction) =>
      transaction
        .insertInto("action")
        .values(row)
        .onConflict((conflict) => conflict.column("id").doNothing())
        .execute(),
    access,
  );
  return id;
}

/** Adds what a transaction changes to what the action has changed. */
export async function countAction(
  transaction: Transaction<LedgerTables>,
  id: string,
  number: number,
): Promise<void> {
  if (number === 0) return;
  await transaction
    .updateTable("action")
    .set({ number: sql`number + ${number}` })
    .where("id", "=", id)
    .execute();
}

/** @param number Of all that was changed, where it was not counted step by step. */
export async function endAction(
  ledger: Ledger,
  id: string,
  { number, ...access }: AccessOptions & { readonly number?: number | undefined } = {},
): Promise<void> {
  const ended_at = new Date().toISOString();
  await ledger.write(
    (transaction) =>
      transaction
        .updateTable("action")
        .set({ ended_at, ...(number !== undefined && { number }) })
        .where("id", "=", id)
        .execute(),
    access,
  );
}

/** Reads what people did, the newest first. */
export async function readActions(
  ledger: Ledger,
  { limit, signal }: AccessOptions & { readonly limit: number },
): Promise<Action[]> {
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("action")
        .selectAll()
        .orderBy("began_at", "desc")
        .orderBy("id", "desc")
        .limit(limit)
        .execute(),
    { signal },
  );
  return rows.map((row) => ({
    id: row.id,
    beganAt: row.began_at,
    endedAt: row.ended_at ?? undefined,
    kind: row.kind,
    person: row.person,
    via: row.via,
    recipeHash: row.recipe_hash ?? undefined,
    filter: JSON.parse(row.filter),
    number: row.number,
  }));
}
