import type { Kysely } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { readPackedScores } from "../results/read-counts.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { PackedScores } from "../scores/packed-scores.ts";
import { scoreRounding } from "../scores/score-summary.ts";
import type { EntryFilter } from "./entry-filter.ts";

/** Whether packed scores have to be looked at: `fits` answers for a range with one end. */
export function asksForScoresBetween({ minScore, maxScore }: EntryFilter): boolean {
  return minScore !== undefined && maxScore !== undefined;
}

/**
 * Leaves out the rows whose result has no recorded object, of the filter's class, with a score
 * between the filter's. The rows are of those that fit.
 */
export async function withScoresBetween<Row extends { readonly id: number | null }>(
  ledger: Ledger,
  {
    rows,
    filter,
    signal,
  }: AccessOptions & {
    readonly rows: readonly Row[];
    readonly filter: EntryFilter;
  },
): Promise<readonly Row[]> {
  const ids = [...new Set(rows.flatMap(({ id }) => id ?? []))];
  if (!asksForScoresBetween(filter) || ids.length === 0) return rows;
  const { minScore = 0, maxScore = 1, className } = filter;
  const { packed, classIds } = await ledger.read(
    async (db) => ({
      packed: await readPackedScores(db, ids),
      classIds: className === undefined ? undefined : await readClassIds(db, { ids, className }),
    }),
    { signal },
  );
  const isBetween = (id: number) => {
    const scores = new PackedScores(packed.get(id) ?? new Uint8Array());
    while (scores.next()) {
      if (classIds !== undefined && scores.classId !== classIds.get(id)) continue;
      const above = scores.countAbove(minScore - scoreRounding);
      if (above > scores.countAbove(maxScore + scoreRounding)) return true;
    }
    return false;
  };
  const kept = new Set(ids.filter(isBetween));
  return rows.filter(({ id }) => id !== null && kept.has(id));
}

/** Reads the id of a class in the model of each result; −1 where the model has no such class. */
async function readClassIds(
  db: Kysely<LedgerTables>,
  { ids, className }: { readonly ids: readonly number[]; readonly className: string },
): Promise<Map<number, number>> {
  const named = await db
    .selectFrom("result_objects")
    .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
    .select(["result_objects.result_id", "class_names.names"])
    .where("result_objects.result_id", "in", ids)
    .execute();
  const byNames = new Map<string, number>();
  return new Map(
    named.map(({ result_id, names }) => {
      const known = byNames.get(names) ?? (JSON.parse(names) as string[]).indexOf(className);
      byNames.set(names, known);
      return [result_id, known];
    }),
  );
}
