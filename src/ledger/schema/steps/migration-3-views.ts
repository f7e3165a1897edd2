import { type Kysely, sql } from "kysely";
import type { MigrationDialect } from "./migration.ts";

/** The first views. The present ones are in `views.ts`. */
export async function createFirstViews(
  db: Kysely<unknown>,
  { json, jsonItems }: MigrationDialect,
): Promise<void> {
  const recipe = json(sql`recipe.recipe`);
  await sql`
    create view photo_result as
    select photo.source, job.state, job.attempts, job.reason_code, job.reason_message,
           recipe.hash as recipe_hash,
           ${recipe} -> 'detect' ->> 'sha256' as detect_sha256,
           ${recipe} -> 'segment' ->> 'sha256' as segment_sha256,
           photo.content_sha256, result.id as result_id,
           result.width_px, result.height_px, result.object_count, result.region_count,
           result.slice_count, placement.device,
           nullif(placement.fallback_reason, '') as fallback_reason,
           result.timings_ms, result.created_at
    from job
    join photo on photo.id = job.photo_id
    join recipe on recipe.id = job.recipe_id
    left join result on result.id = job.result_id
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
           cast(item.value ->> 6 as integer) as region
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
    from job
    join recipe on recipe.id = job.recipe_id
    join result_count on result_count.result_id = job.result_id
    where result_count.region = 0 and result_count.count > 0
    group by recipe.hash, result_count.name`.execute(db);

  await sql`
    create view failure as
    select photo.source, recipe.hash as recipe_hash, job.reason_code, job.reason_message,
           job.attempts
    from job
    join photo on photo.id = job.photo_id
    join recipe on recipe.id = job.recipe_id
    where job.state = 'set-aside'`.execute(db);

  await sql`
    create view throughput_by_hour as
    select substr(result.created_at, 1, 13) || ':00:00Z' as hour,
           recipe.hash as recipe_hash, placement.device,
           count(*) as photos, sum(result.object_count) as objects
    from result
    join recipe on recipe.id = result.recipe_id
    join placement on placement.id = result.placement_id
    group by 1, 2, 3`.execute(db);
}
