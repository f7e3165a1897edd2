import type { AccessOptions, Ledger } from "../../ledger.ts";

/** How many objects of one name are on a photo of a sample. */
export interface SampledCount {
  readonly name: string;
  /** As it was counted without people. */
  readonly predicted: number;
  /** Predicted ones that a person left in, under this name. */
  readonly confirmed: number;
  readonly count: number;
}

/**
 * Reads the photos of a list that are reviewed: what is on each, by name. Photos whose bytes are
 * others now are left out, and copies are there each.
 */
export async function readReviewedPhotos(
  ledger: Ledger,
  listId: number,
  access: AccessOptions = {},
): Promise<readonly (readonly SampledCount[])[]> {
  const rows = await ledger.read(
    (db) =>
      db
        .selectFrom("review_list_photo as queued")
        .innerJoin("review_list", "review_list.id", "queued.list_id")
        .innerJoin("entry", (join) =>
          join
            .onRef("entry.photo_id", "=", "queued.photo_id")
            .onRef("entry.recipe_id", "=", "review_list.recipe_id")
            .onRef("entry.result_id", "=", "queued.result_id")
            .on("entry.state", "=", "done"),
        )
        .innerJoin("review", "review.result_id", "queued.result_id")
        .leftJoin("review_count", (join) =>
          join
            .onRef("review_count.result_id", "=", "queued.result_id")
            .on("review_count.region", "=", 0),
        )
        .select(["queued.position", "review_count.name", "review_count.predicted"])
        .select(["review_count.confirmed", "review_count.count"])
        .where("queued.list_id", "=", listId)
        .where("review.reviewed_at", "is not", null)
        .orderBy("queued.position")
        .execute(),
    access,
  );
  const byPhoto = Map.groupBy(rows, ({ position }) => position);
  return Array.from(byPhoto.values(), (counts) =>
    counts.flatMap(({ name, predicted, confirmed, count }) =>
      name === null ? [] : [{ name, predicted: predicted!, confirmed: confirmed!, count: count! }],
    ),
  );
}
