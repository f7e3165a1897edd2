import { type Kysely, sql } from "kysely";
import type { MigrationDialect, ReportShare } from "./migration.ts";

/** Results that are read and written at a time. */
const resultsAtOnce = 10_000;

/**
 * The count of each class is beside its scores: results are found and ordered by it. The table is
 * recreated, since an added column would have a default: an older version that is still running
 * must fail instead of recording with it.
 */
export async function addClassCounts(
  db: Kysely<unknown>,
  { keyTextType, rowKeyType, keptByKey }: MigrationDialect,
  report: ReportShare,
): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("result_class_new")
    .addColumn("result_id", rowKeyType, (column) => column.notNull().references("result.id"))
    .addColumn("name", keyTextType, (column) => column.notNull())
    .addColumn("recipe_id", rowKeyType, (column) => column.notNull().references("recipe.id"))
    .addColumn("best_score", "double precision", (column) => column.notNull())
    .addColumn("worst_score", "double precision", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("result_class_name", ["result_id", "name"])
    .modifyEnd(keptByKey)
    .execute();
  const { rows } = await sql<{ last: number | null }>`
    select max(id) as last from result`.execute(db);
  const last = rows[0]?.last ?? 0;
  for (let done = 0; done < last; done += resultsAtOnce) {
    report(done / last);
    await sql`
      insert into result_class_new (result_id, name, recipe_id, best_score, worst_score, count)
      select result_class.result_id, result_class.name, recipe_id, best_score, worst_score,
             coalesce(result_count.count, 0)
      from result_class
      left join result_count on result_count.result_id = result_class.result_id
        and result_count.region = 0 and result_count.name = result_class.name
      where result_class.result_id > ${done} and result_class.result_id <= ${done + resultsAtOnce}
      order by result_class.result_id, result_class.name`.execute(db);
  }
  await schema.dropTable("result_class").execute();
  await schema.alterTable("result_class_new").renameTo("result_class").execute();
  for (const order of ["best_score", "worst_score", "count"]) {
    await schema
      .createIndex(`result_class_${order}`)
      .on("result_class")
      .columns(["name", order, "result_id", "recipe_id"])
      .execute();
  }
}
