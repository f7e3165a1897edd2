import type { Insertable, Kysely, Selectable } from "kysely";
import { toHundredths } from "../results/stored-objects.ts";
import type { LedgerTables } from "../schema/tables.ts";
import type { Change, Correction } from "./change.ts";

type Row = Selectable<LedgerTables["correction"]>;

/** Reads the corrections of results, in the order of their numbers, by result. */
export async function readManyCorrections(
  db: Kysely<LedgerTables>,
  resultIds: readonly number[],
): Promise<ReadonlyMap<number, readonly Correction[]>> {
  if (resultIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("correction")
    .selectAll()
    .where("result_id", "in", resultIds)
    .orderBy("result_id")
    .orderBy("number")
    .execute();
  const byResult = Map.groupBy(rows, ({ result_id }) => result_id);
  return new Map([...byResult].map(([id, corrections]) => [id, corrections.map(fromRow)]));
}

function fromRow(row: Row): Correction {
  return {
    ...changeOf(row),
    id: row.id,
    number: row.number,
    madeBy: row.made_by,
    madeAt: row.made_at,
  };
}

function changeOf(row: Row): Change {
  const boxXyxy = [row.left_px!, row.top_px!, row.right_px!, row.bottom_px!] as const;
  const kind = row.kind as Change["kind"];
  switch (kind) {
    case "add":
      return { kind, classId: row.class_id!, boxXyxy };
    case "remove":
      return { kind, object: row.object! };
    case "move":
      return { kind, object: row.object!, boxXyxy };
    case "reclassify":
      return { kind, object: row.object!, classId: row.class_id! };
    case "reject-region":
      return { kind, region: row.region! };
    case "review":
      return { kind };
    case "undo":
      return { kind, undoneNumber: row.undone_number! };
  }
}

/** Returns a correction as the table `correction` holds it. */
export function toCorrectionRow(
  correction: Correction,
  resultId: number,
): Insertable<LedgerTables["correction"]> {
  const box = "boxXyxy" in correction ? correction.boxXyxy.map(toHundredths) : [];
  const [left_px = null, top_px = null, right_px = null, bottom_px = null] = box;
  return {
    id: correction.id,
    result_id: resultId,
    number: correction.number,
    kind: correction.kind,
    object: "object" in correction ? correction.object : null,
    class_id: "classId" in correction ? correction.classId : null,
    left_px,
    top_px,
    right_px,
    bottom_px,
    region: "region" in correction ? correction.region : null,
    undone_number: "undoneNumber" in correction ? correction.undoneNumber : null,
    made_by: correction.madeBy,
    made_at: correction.madeAt,
  };
}
