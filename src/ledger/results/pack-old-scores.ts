import type { Kysely } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { packStoredObjects } from "./stored-objects.ts";

/** Results in one transaction; they may have thousands of objects each. */
const batchSize = 200;

/** Whether all results have packed scores, by their version or by {@link packOldScores}. */
export async function areScoresPacked(
  ledger: Ledger,
  options: AccessOptions = {},
): Promise<boolean> {
  // They are packed from the newest to the oldest.
  const oldest = await ledger.read(
    (db) =>
      db
        .selectFrom("result_objects")
        .leftJoin("result_scores", "result_scores.result_id", "result_objects.result_id")
        .select("result_scores.result_id")
        .orderBy("result_objects.result_id")
        .limit(1)
        .executeTakeFirst(),
    options,
  );
  return oldest === undefined || oldest.result_id !== null;
}

/**
 * Packs the scores of results of older versions, so that questions about them are as fast as about
 * others. If it is interrupted, what was packed stays packed.
 */
export async function packOldScores(
  ledger: Ledger,
  { onPacked, signal }: AccessOptions & { readonly onPacked?: (results: number) => void } = {},
): Promise<void> {
  let packed = 0;
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    signal?.throwIfAborted();
    const rows = await ledger.read((db) => unpacked(db, before), { signal });
    if (rows.length === 0) return;
    const scores = rows.map(({ result_id, objects }) => {
      return { result_id, scores: packStoredObjects(objects) };
    });
    await ledger.write(
      (transaction) =>
        transaction
          .insertInto("result_scores")
          .values(scores)
          .onConflict((conflict) => conflict.column("result_id").doNothing())
          .execute(),
      { signal },
    );
    packed += rows.length;
    onPacked?.(packed);
    before = rows.at(-1)!.result_id;
  }
}

async function unpacked(db: Kysely<LedgerTables>, before: number) {
  return await db
    .selectFrom("result_objects")
    .leftJoin("result_scores", "result_scores.result_id", "result_objects.result_id")
    .select(["result_objects.result_id", "result_objects.objects"])
    .where("result_scores.result_id", "is", null)
    .where("result_objects.result_id", "<", before)
    .orderBy("result_objects.result_id", "desc")
    .limit(batchSize)
    .execute();
}
