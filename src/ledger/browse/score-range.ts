import type { AccessOptions, Ledger } from "../ledger.ts";
import { readPackedScores } from "../results/read-counts.ts";
import { PackedScores } from "../results/scores/packed-scores.ts";
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
      classIds: className === undefined ? undefined : await readClassIds(ids),
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

  /** The id of the class in the model of each result. */
  async function readClassIds(resultIds: readonly number[]): Promise<Map<number, number>> {
    const named = await ledger.read((db) =>
      db
        .selectFrom("result_objects")
        .innerJoin("class_names", "class_names.id", "result_objects.class_names_id")
        .select(["result_objects.result_id", "class_names.names"])
        .where("result_objects.result_id", "in", resultIds)
        .execute(),
    );
    const byNames = new Map<string, number>();
    return new Map(
      named.map(({ result_id, names }) => {
        const known = byNames.get(names) ?? (JSON.parse(names) as string[]).indexOf(className!);
        byNames.set(names, known);
        return [result_id, known];
      }),
    );
  }
}
