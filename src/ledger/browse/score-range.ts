import type { Kysely } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { readPackedScores } from "../results/read-counts.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { PackedScores } from "../scores/packed-scores.ts";
import type { EntryFilter } from "./entry-filter.ts";

/** Scores are float32, and a filter's are decimals. */
const rounding = 1e-6;

/** Whether a filter asks for scores. */
export function asksForScores({ minScore, maxScore }: EntryFilter): boolean {
  return minScore !== undefined || maxScore !== undefined;
}

/**
 * Leaves out the rows whose result has no recorded object, of the filter's class, with a score in
 * the filter's range. Scores are packed, so no query of the database can.
 */
export async function withScoresInRange<Row extends { readonly id: number | null }>(
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
  if (!asksForScores(filter) || ids.length === 0) return asksForScores(filter) ? [] : rows;
  const { minScore = 0, maxScore = 1, className } = filter;
  const { packed, classIds } = await ledger.read(
    async (db) => ({
      packed: await readPackedScores(db, ids),
      classIds: className === undefined ? undefined : await readClassIds(db, { ids, className }),
    }),
    { signal },
  );
  const fits = (id: number) => {
    const scores = new PackedScores(packed.get(id) ?? new Uint8Array());
    while (scores.next()) {
      if (classIds !== undefined && scores.classId !== classIds.get(id)) continue;
      if (scores.countAbove(minScore - rounding) > scores.countAbove(maxScore + rounding)) {
        return true;
      }
    }
    return false;
  };
  const kept = new Set(ids.filter(fits));
  return rows.filter(({ id }) => id !== null && kept.has(id));
}

/** Which results: by their ids, or from one to behind another. */
type Results =
  | { readonly ids: readonly number[]; readonly begin?: undefined; readonly end?: undefined }
  | { readonly ids?: undefined; readonly begin: number; readonly end: number };

/** Reads the id of a class in the model of each result; −1 where the model has no such class. */
export async function readClassIds(
  db: Kysely<LedgerTables>,
  { ids, begin, end, className }: Results & { readonly className: string },
): Promise<Map<number, number>> {
  const named = await db
    .selectFrom("result_objects")
    .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
    .select(["result_objects.result_id", "class_names.names"])
    .$if(ids !== undefined, (query) => query.where("result_objects.result_id", "in", ids!))
    .$if(begin !== undefined, (query) => query.where("result_objects.result_id", ">=", begin!))
    .$if(end !== undefined, (query) => query.where("result_objects.result_id", "<", end!))
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
