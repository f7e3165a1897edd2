import { type Kysely, sql } from "kysely";
import type { MigrationDialect, ReportShare } from "./migration.ts";

/** Results that are changed at a time. */
const resultsAtOnce = 10_000;

/** The count of each class is beside its scores: results are found and ordered by it. */
export async function addClassCounts(
  db: Kysely<unknown>,
  _dialect: MigrationDialect,
  report: ReportShare,
): Promise<void> {
  const { schema } = db;
  await schema
    .alterTable("result_class")
    .addColumn("count", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  const { rows } = await sql<{ last: number | null }>`
    select max(id) as last from result`.execute(db);
  const last = rows[0]?.last ?? 0;
  for (let done = 0; done < last; done += resultsAtOnce) {
    report(done / last);
    await sql`
      update result_class set count = result_count.count
      from result_count
      where result_class.result_id > ${done} and result_class.result_id <= ${done + resultsAtOnce}
        and result_count.result_id = result_class.result_id
        and result_count.region = 0 and result_count.name = result_class.name`.execute(db);
  }
  await schema
    .createIndex("result_class_count")
    .on("result_class")
    .columns(["name", "count", "result_id", "recipe_id"])
    .execute();
}
