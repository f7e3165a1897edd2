import type { Kysely, Transaction } from "kysely";
import type { Detections } from "../vision/detections.ts";
import { fromStoredDetections, toStoredDetections } from "./stored-detections.ts";
import type { LedgerTables, Role } from "./tables.ts";

/** How many objects of one name there are on the whole photo (`bed` 0) or in one bed (1…n). */
export interface ObjectCount {
  readonly bed: number;
  readonly name: string;
  readonly count: number;
}

/** All that is recorded about one photo's content under one recipe. */
export interface PhotoResult {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Where it was inferred, as in `cpu` or `cuda:0`. */
  readonly device: string;
  /** Why it is not the device that was asked for. */
  readonly fallbackReason?: string | undefined;
  readonly timingsMs: { readonly [step: string]: number };
  readonly detect: Detections;
  /** In the order of their numbers: bed 1 first. */
  readonly segment?: Detections | undefined;
  /** Zeros may be left out. */
  readonly counts: readonly ObjectCount[];
}

export interface ResultKey {
  readonly contentSha256: string;
  readonly recipeId: number;
}

/** Inserts a result that does not exist yet and gives its id. */
export async function insertResult(
  transaction: Transaction<LedgerTables>,
  { contentSha256, recipeId }: ResultKey,
  result: PhotoResult,
): Promise<number> {
  const { detect, segment, counts } = result;
  const { id } = await transaction
    .insertInto("result")
    .values({
      content_sha256: contentSha256,
      recipe_id: recipeId,
      width_px: result.widthPx,
      height_px: result.heightPx,
      object_count: detect.length,
      bed_count: segment?.length ?? null,
      placement_id: await placementId(transaction, result),
      timings_ms: JSON.stringify(result.timingsMs, toTenths),
      created_at: new Date().toISOString(),
    })
    .returning("id")
    .executeTakeFirstOrThrow();

  const roles: [Role, Detections | undefined][] = [
    ["detect", detect],
    ["segment", segment],
  ];
  for (const [role, detections] of roles) {
    if (detections === undefined) continue;
    const row = { result_id: id, role, ...toStoredDetections(detections) };
    await transaction.insertInto("result_detections").values(row).execute();
  }
  if (counts.length > 0) {
    const rows = counts.map((count) => ({ result_id: id, ...count }));
    await transaction.insertInto("result_count").values(rows).execute();
  }
  return id;
}

async function placementId(
  transaction: Transaction<LedgerTables>,
  { device, fallbackReason = "" }: PhotoResult,
): Promise<number> {
  const placement = { device, fallback_reason: fallbackReason };
  await transaction
    .insertInto("placement")
    .values(placement)
    .onConflict((conflict) => conflict.columns(["device", "fallback_reason"]).doNothing())
    .execute();
  const { id } = await transaction
    .selectFrom("placement")
    .select("id")
    .where("device", "=", device)
    .where("fallback_reason", "=", fallbackReason)
    .executeTakeFirstOrThrow();
  return id;
}

/** The detections of a result as they were recorded. */
export async function readDetections(
  db: Kysely<LedgerTables>,
  resultId: number,
): Promise<{ readonly [role in Role]?: Detections }> {
  const rows = await db
    .selectFrom("result_detections")
    .selectAll()
    .where("result_id", "=", resultId)
    .execute();
  return Object.fromEntries(rows.map((row) => [row.role, fromStoredDetections(row)]));
}

function toTenths(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(10 * value) / 10 : value;
}
