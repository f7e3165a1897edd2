import type { Ledger } from "../ledger.ts";
import { readPackedScores } from "../results/read-counts.ts";
import { readFindings, readManyUncounted } from "../results/read-findings.ts";
import type { Findings } from "../results/result-rows.ts";
import type { PlacedObjects } from "../results/stored-objects.ts";
import { exactScores } from "../scores/select-counted.ts";
import { type ListedEntry, readListedPhotos } from "./listed-entries.ts";

/** All that is recorded of one photo under one recipe. */
export interface PhotoDetails extends ListedEntry {
  readonly findings: Findings | undefined;
  /** Objects that are recorded and do not count; undefined where there are none. */
  readonly uncounted: PlacedObjects | undefined;
  /** Of the objects and then of the uncounted ones, as the network returned them. */
  readonly scores: Float32Array;
}

/** Reads one photo; undefined where the recipe has none of this id. */
export async function readPhotoDetails(
  ledger: Ledger,
  { recipeId, photoId }: { readonly recipeId: number; readonly photoId: number },
): Promise<PhotoDetails | undefined> {
  const [entry] = await readListedPhotos(ledger, { recipeId, photoIds: [photoId] });
  if (entry === undefined) return undefined;
  const { result } = entry;
  if (result === undefined) {
    return { ...entry, findings: undefined, uncounted: undefined, scores: new Float32Array() };
  }
  return await ledger.read(async (db) => {
    const ids = [result.id];
    const findings = await readFindings(db, result.id);
    const uncounted = (await readManyUncounted(db, ids)).get(result.id);
    const packed = (await readPackedScores(db, ids)).get(result.id)!;
    const scores = exactScores({ ...findings, uncounted, packed });
    return { ...entry, findings, uncounted, scores };
  });
}

/** Where a photo is read from, and what it has to be. */
export interface PhotoPlace {
  readonly source: string;
  /**
   * Of the bytes as they were last read, where they have a result: one that has none may be what
   * ended a process. Else undefined.
   */
  readonly contentSha256: string | undefined;
}

/** Reads where a photo lies by its id; undefined where the results have none of this id. */
export async function readPhotoPlace(
  ledger: Ledger,
  photoId: number,
): Promise<PhotoPlace | undefined> {
  const row = await ledger.read((db) =>
    db
      .selectFrom("photo")
      .leftJoin("result", "result.content_sha256", "photo.content_sha256")
      .select(["photo.source", "result.content_sha256"])
      .where("photo.id", "=", photoId)
      .limit(1)
      .executeTakeFirst(),
  );
  return row && { source: row.source, contentSha256: row.content_sha256 ?? undefined };
}
