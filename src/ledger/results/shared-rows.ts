import { hash } from "node:crypto";
import type { Kysely, Transaction } from "kysely";
import type { LedgerTables } from "../schema/tables.ts";

/** Where a photo was inferred, and why there. */
export interface Placement {
  readonly device: string;
  readonly fallbackReason?: string | undefined;
}

/** Reasons are long and few; what would not fit into a key of PostgreSQL is cut. */
const maxReasonLength = 600;

/**
 * Finds the ids of rows that many results share, and inserts those that are missing. Such rows are
 * never changed or deleted, so the ids of committed ones are remembered, and the database is rarely
 * asked.
 */
export class SharedRows {
  readonly #placements = new Map<string, number>();
  readonly #classNames = new Map<string, number>();

  /** Returns the ids of placements in the table `placement`. */
  async placementIds<P extends Placement>(
    transaction: Transaction<LedgerTables>,
    placements: readonly P[],
  ): Promise<ReadonlyMap<P, number>> {
    return await findAll(placements, this.#placements, {
      keyOf: (placement) => JSON.stringify(toPlacementRow(placement)),
      find: (placement) => {
        const { device, fallback_reason } = toPlacementRow(placement);
        return transaction
          .selectFrom("placement")
          .select("id")
          .where("device", "=", device)
          .where("fallback_reason", "=", fallback_reason);
      },
      insert: (placement) =>
        transaction
          .insertInto("placement")
          .values(toPlacementRow(placement))
          .onConflict((conflict) => conflict.columns(["device", "fallback_reason"]).doNothing()),
    });
  }

  /** Returns the ids of lists of class names, in JSON, in the table `class_names`. */
  async classNamesIds(
    transaction: Transaction<LedgerTables>,
    lists: readonly string[],
  ): Promise<ReadonlyMap<string, number>> {
    return await findAll(lists, this.#classNames, {
      keyOf: (names) => names,
      find: (names) =>
        transaction.selectFrom("class_names").select("id").where("hash", "=", hashOf(names)),
      insert: (names) =>
        transaction
          .insertInto("class_names")
          .values({ hash: hashOf(names), names })
          .onConflict((conflict) => conflict.column("hash").doNothing()),
    });
  }
}

/**
 * Reads the class names of a recipe's results, by class id: all are of one model. Undefined before
 * the first result.
 */
export async function readClassNames(
  db: Kysely<LedgerTables>,
  recipeId: number,
): Promise<readonly string[] | undefined> {
  const first = await db
    .selectFrom("result")
    .innerJoin("result_objects", "result_objects.result_id", "result.id")
    .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
    .select("class_names.names")
    .where("result.recipe_id", "=", recipeId)
    .limit(1)
    .executeTakeFirst();
  return first && JSON.parse(first.names);
}

function toPlacementRow({ device, fallbackReason = "" }: Placement) {
  const isLong = fallbackReason.length > maxReasonLength;
  const reason = isLong ? `${fallbackReason.slice(0, maxReasonLength)}…` : fallbackReason;
  return { device, fallback_reason: reason };
}

function hashOf(names: string): string {
  return hash("sha256", names);
}

interface RowQueries<Row> {
  keyOf(row: Row): string;
  find(row: Row): { executeTakeFirst(): Promise<{ id: number } | undefined> };
  insert(row: Row): { execute(): Promise<unknown> };
}

/** @param committed ids by key: those that are known, and those that are found to be there */
async function findAll<Row>(
  rows: readonly Row[],
  committed: Map<string, number>,
  { keyOf, find, insert }: RowQueries<Row>,
): Promise<ReadonlyMap<Row, number>> {
  const ids = new Map<Row, number>();
  const idsByKey = new Map<string, number>();
  for (const row of rows) {
    const key = keyOf(row);
    let id = committed.get(key) ?? idsByKey.get(key);
    if (id === undefined) {
      id = (await find(row).executeTakeFirst())?.id;
      // An insert may be rolled back: remember the row only once it is found again.
      if (id !== undefined) committed.set(key, id);
    }
    while (id === undefined) {
      // Another transaction may insert it at the same moment.
      await insert(row).execute();
      id = (await find(row).executeTakeFirst())?.id;
    }
    idsByKey.set(key, id);
    ids.set(row, id);
  }
  return ids;
}
