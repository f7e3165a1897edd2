import type { Kysely } from "kysely";
import type { AccessOptions, Ledger } from "../ledger.ts";
import { type Reason, reasonOf } from "../photos/entry-rows.ts";
import { readManyCounts } from "../results/read-findings.ts";
import type { ObjectCount, PhotoWarning } from "../results/result-rows.ts";
import type { EntryState, LedgerTables } from "../schema/tables.ts";

/** A photo of a list and what became of it under one recipe. */
export interface ListedEntry {
  readonly photoId: number;
  readonly source: string;
  readonly state: EntryState;
  /** Why it has failed. */
  readonly reason: Reason | undefined;
  /** By the camera's clock. */
  readonly takenAt: string | undefined;
  readonly result: ListedResult | undefined;
}

/** What was found on a photo of a list. */
export interface ListedResult {
  readonly id: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly objectCount: number;
  readonly regionCount: number | undefined;
  /** On the whole photo. */
  readonly counts: readonly ObjectCount[];
  readonly warnings: readonly PhotoWarning[];
  readonly device: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** Reads photos by id, in any order. */
export async function readListedPhotos(
  ledger: Ledger,
  {
    recipeId,
    photoIds,
    signal,
  }: AccessOptions & { readonly recipeId: number; readonly photoIds: readonly number[] },
): Promise<ListedEntry[]> {
  if (photoIds.length === 0) return [];
  const rows = await ledger.read(
    (db) => selectEntries(db, recipeId).where("photo.id", "in", photoIds).execute(),
    { signal },
  );
  return await toEntries(ledger, rows, { signal });
}

/** The results of a recipe with their photos, for any columns. */
export function fromResults(db: Kysely<LedgerTables>, recipeId: number) {
  return (
    db
      .selectFrom("result")
      // By their contents, since entries are not found by their results.
      .innerJoin("photo", "photo.content_sha256", "result.content_sha256")
      .innerJoin("entry", (join) =>
        join
          .onRef("entry.photo_id", "=", "photo.id")
          .onRef("entry.recipe_id", "=", "result.recipe_id")
          .onRef("entry.result_id", "=", "result.id"),
      )
      .innerJoin("placement", "placement.id", "result.placement_id")
      .where("result.recipe_id", "=", recipeId)
  );
}

const columns = [
  "photo.id as photo_id",
  "photo.source",
  "photo.taken_at",
  "entry.state",
  "entry.reason_code",
  "entry.reason_message",
  "result.id",
  "result.width_px",
  "result.height_px",
  "result.object_count",
  "result.region_count",
  "result.warnings",
  "result.created_at",
  "placement.device",
] as const;

export function selectResults(db: Kysely<LedgerTables>, recipeId: number) {
  return fromResults(db, recipeId).select(columns);
}

export function selectEntries(db: Kysely<LedgerTables>, recipeId: number) {
  return db
    .selectFrom("photo")
    .innerJoin("entry", (join) =>
      join.onRef("entry.photo_id", "=", "photo.id").on("entry.recipe_id", "=", recipeId),
    )
    .leftJoin("result", "result.id", "entry.result_id")
    .leftJoin("placement", "placement.id", "result.placement_id")
    .select(columns);
}

export type EntryRow = Awaited<ReturnType<ReturnType<typeof selectEntries>["execute"]>>[number];

export async function toEntries(
  ledger: Ledger,
  rows: readonly EntryRow[],
  access: AccessOptions,
): Promise<ListedEntry[]> {
  const ids = rows.flatMap(({ id }) => id ?? []);
  const counts =
    ids.length === 0
      ? new Map<number, ObjectCount[]>()
      : await ledger.read((db) => readManyCounts(db, ids), access);
  return rows.map((row) => ({
    photoId: row.photo_id,
    source: row.source,
    state: row.state,
    reason: reasonOf(row),
    takenAt: row.taken_at ?? undefined,
    result:
      row.id === null
        ? undefined
        : {
            id: row.id,
            widthPx: row.width_px!,
            heightPx: row.height_px!,
            objectCount: row.object_count!,
            regionCount: row.region_count ?? undefined,
            counts: (counts.get(row.id) ?? []).filter(({ region }) => region === 0),
            warnings: JSON.parse(row.warnings!),
            device: row.device!,
            createdAt: row.created_at!,
          },
  }));
}
