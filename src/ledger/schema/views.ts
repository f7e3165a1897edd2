import { type Kysely, sql } from "kysely";
import type { MigrationDialect } from "./steps/migration.ts";

/** Those that others read come last. */
const views = [
  "corrected_count",
  "throughput_by_hour",
  "failure",
  "count_by_class",
  "count_by_region",
  "count_by_photo",
  "photo_object",
  "photo_result",
];

/**
 * Makes room for a step that changes tables: {@link createViews} puts the views back. Older
 * versions lack some.
 */
export async function dropViews(db: Kysely<unknown>): Promise<void> {
  for (const view of views) await db.schema.dropView(view).ifExists().execute();
}

/** Creates the views by which users read results. `docs/ledger.md` describes each. */
export async function createViews(
  db: Kysely<unknown>,
  { json, jsonItems }: MigrationDialect,
): Promise<void> {
  const recipe = json(sql`recipe.recipe`);
  await sql`
    create view photo_result as
    select photo.source, entry.state, entry.attempts, entry.reason_code, entry.reason_message,
           recipe.hash as recipe_hash,
           ${recipe} -> 'detect' ->> 'sha256' as detect_sha256,
           ${recipe} -> 'segment' ->> 'sha256' as segment_sha256,
           photo.content_sha256, result.id as result_id,
           result.width_px, result.height_px, result.object_count, result.region_count,
           result.slice_count, placement.device,
           nullif(placement.fallback_reason, '') as fallback_reason,
           result.timings_ms, result.created_at, result.warnings,
           result.best_score, result.worst_score, result.doubtful_count,
           photo.taken_at, photo.latitude, photo.longitude, photo.altitude_m, photo.height_m,
           photo.camera, photo.camera_id, photo.focal_length_mm, photo.focal_length_35mm,
           photo.sensor_width_mm,
           (select min(other.source)
            from photo as other
            join entry as other_entry on other_entry.photo_id = other.id
              and other_entry.result_id = entry.result_id
            where other.content_sha256 = photo.content_sha256 and other.source < photo.source
           ) as duplicate_of
    from entry
    join photo on photo.id = entry.photo_id
    join recipe on recipe.id = entry.recipe_id
    left join result on result.id = entry.result_id
    left join placement on placement.id = result.placement_id`.execute(db);

  await sql`
    create view photo_object as
    select photo_result.source, photo_result.recipe_hash, photo_result.result_id,
           cast(item.value ->> 0 as integer) as class_id,
           coalesce(
             ${json(sql`class_names.names`)} ->> cast(item.value ->> 0 as integer),
             cast(item.value ->> 0 as text)
           ) as name,
           cast(item.value ->> 1 as double precision) as score,
           cast(item.value ->> 2 as double precision) as left_px,
           cast(item.value ->> 3 as double precision) as top_px,
           cast(item.value ->> 4 as double precision) as right_px,
           cast(item.value ->> 5 as double precision) as bottom_px,
           cast(item.value ->> 6 as integer) as region,
           cast(item.value ->> 7 as integer) as area_px,
           cast(
             1.0 * cast(item.value ->> 7 as integer) / photo_result.width_px
             / photo_result.height_px as double precision
           ) as photo_share
    from photo_result
    join result_objects on result_objects.result_id = photo_result.result_id
    join class_names on class_names.id = result_objects.class_names_id
    cross join ${jsonItems(sql`result_objects.objects`, sql`item`)}`.execute(db);

  await sql`
    create view count_by_photo as
    select photo_result.source, photo_result.recipe_hash, photo_result.result_id,
           result_count.name, result_count.count,
           cast(
             1e6 * result_count.count / photo_result.width_px / photo_result.height_px
             as double precision
           ) as per_megapixel
    from photo_result
    join result_count on result_count.result_id = photo_result.result_id
    where result_count.region = 0`.execute(db);

  await sql`
    create view count_by_region as
    select photo_result.source, photo_result.recipe_hash, photo_result.result_id,
           result_region.region, result_region.name as region_name,
           result_region.score as region_score, result_region.area_px,
           result_count.name, coalesce(result_count.count, 0) as count,
           cast(
             1e6 * coalesce(result_count.count, 0) / nullif(result_region.area_px, 0)
             as double precision
           ) as per_megapixel
    from photo_result
    join result_region on result_region.result_id = photo_result.result_id
    left join result_count on result_count.result_id = result_region.result_id
      and result_count.region = result_region.region`.execute(db);

  await sql`
    create view count_by_class as
    select recipe.hash as recipe_hash, result_count.name,
           count(*) as photos, sum(result_count.count) as count
    from entry
    join recipe on recipe.id = entry.recipe_id
    join result_count on result_count.result_id = entry.result_id
    where result_count.region = 0 and result_count.count > 0
    group by recipe.hash, result_count.name`.execute(db);

  await sql`
    create view failure as
    select photo.source, recipe.hash as recipe_hash, entry.reason_code, entry.reason_message,
           entry.attempts
    from entry
    join photo on photo.id = entry.photo_id
    join recipe on recipe.id = entry.recipe_id
    where entry.state = 'failed'`.execute(db);

  await sql`
    create view throughput_by_hour as
    select substr(result.created_at, 1, 13) || ':00:00Z' as hour,
           recipe.hash as recipe_hash, placement.device,
           count(*) as photos, sum(result.object_count) as objects
    from result
    join recipe on recipe.id = result.recipe_id
    join placement on placement.id = result.placement_id
    group by 1, 2, 3`.execute(db);

  await sql`
    create view corrected_count as
    select photo_result.source, photo_result.recipe_hash, photo_result.result_id,
           review_count.region, review_count.name, review_count.predicted,
           review_count.confirmed, review_count.count,
           review.reviewed_by, review.reviewed_at
    from photo_result
    join review on review.result_id = photo_result.result_id
    join review_count on review_count.result_id = photo_result.result_id`.execute(db);
}
