import { type Kysely, sql } from "kysely";
import { RecordedScores } from "../../scores/count-question.ts";
import { packScores } from "../../scores/packed-scores.ts";
import { summarizeScores } from "../../scores/score-summary.ts";
import type { MigrationDialect, ReportShare } from "./migration.ts";

/**
 * Results have their best and their worst score, in all and by class, and how many of their objects
 * are doubtful. By these, their counts and their warnings they are found and ordered without
 * looking at all of them.
 */
export async function addScoreSummaries(
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  report: ReportShare,
): Promise<void> {
  const { schema } = db;
  const { keyTextType, rowKeyType } = dialect;
  for (const column of ["best_score", "worst_score"]) {
    await schema.alterTable("result").addColumn(column, "double precision").execute();
  }
  await schema
    .alterTable("result")
    .addColumn("doubtful_count", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await schema
    .createTable("result_class")
    .addColumn("result_id", rowKeyType, (column) => column.notNull().references("result.id"))
    .addColumn("name", keyTextType, (column) => column.notNull())
    .addColumn("recipe_id", rowKeyType, (column) => column.notNull().references("recipe.id"))
    .addColumn("best_score", "double precision", (column) => column.notNull())
    .addColumn("worst_score", "double precision", (column) => column.notNull())
    .addPrimaryKeyConstraint("result_class_key", ["result_id", "name"])
    .modifyEnd(dialect.keptByKey)
    .execute();
  await summarizeOldResults(db, dialect, report);
  // The recipe comes last: SQLite would take an index that begins with it to be selective, and use
  // it in unrelated queries.
  for (const order of ["best_score", "worst_score", "object_count"]) {
    await schema
      .createIndex(`result_${order}`)
      .on("result")
      .columns([order, "id", "recipe_id"])
      .execute();
  }
  for (const order of ["best_score", "worst_score"]) {
    await schema
      .createIndex(`result_class_${order}`)
      .on("result_class")
      .columns(["name", order, "result_id", "recipe_id"])
      .execute();
  }
}

interface OldResult {
  readonly id: number;
  readonly recipe_id: number;
  /** JSON: by class id. */
  readonly names: string;
  readonly scores: Uint8Array | null;
  /** Where no scores are packed. */
  readonly objects: string | null;
}

/** Results that are read and written at a time: packed, some 400 bytes each. */
const resultsAtOnce = 2000;

async function summarizeOldResults(
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  report: ReportShare,
): Promise<void> {
  const recipes = await sql<{ id: number; recipe: string }>`
    select id, recipe from recipe`.execute(db);
  const recorded = new Map(
    recipes.rows.map(({ id, recipe }) => [id, new RecordedScores(JSON.parse(recipe))]),
  );
  const end = await sql<{ last: number | null }>`select max(id) as last from result`.execute(db);
  const last = end.rows[0]?.last ?? 0;
  for (let after = 0; ; ) {
    report(after / Math.max(1, last));
    const { rows } = await sql<OldResult>`
      select result.id, result.recipe_id, class_names.names, result_scores.scores,
             case when result_scores.scores is null then result_objects.objects end as objects
      from result
      join result_objects on result_objects.result_id = result.id
      join class_names on class_names.id = result_objects.class_names_id
      left join result_scores on result_scores.result_id = result.id
      where result.id > ${after}
      order by result.id limit ${resultsAtOnce}`.execute(db);
    if (rows.length === 0) return;
    const summaries = rows.map(({ id, recipe_id, ...row }) => {
      const names: string[] = JSON.parse(row.names);
      const packed = row.scores ?? packObjects(row.objects!);
      return {
        id,
        recipe_id,
        ...summarizeScores(packed, { names, recorded: recorded.get(recipe_id)! }),
      };
    });
    const results = summaries.map(({ id, all, doubtfulCount }) => [
      id,
      all?.best ?? null,
      all?.worst ?? null,
      doubtfulCount,
    ]);
    const classes = summaries.flatMap(({ id, recipe_id, byName }) =>
      Array.from(byName, ([name, { best, worst }]) => [id, name, recipe_id, best, worst]),
    );
    // As JSON: one parameter, and columns with the same types in both databases.
    await sql`
      update result set best_score = cast(item.value ->> 1 as double precision),
        worst_score = cast(item.value ->> 2 as double precision),
        doubtful_count = cast(item.value ->> 3 as integer)
      from ${dialect.jsonItems(sql`${JSON.stringify(results)}`, sql`item`)}
      where result.id = cast(item.value ->> 0 as bigint)`.execute(db);
    await sql`
      insert into result_class (result_id, name, recipe_id, best_score, worst_score)
      select cast(item.value ->> 0 as bigint), item.value ->> 1,
             cast(item.value ->> 2 as bigint), cast(item.value ->> 3 as double precision),
             cast(item.value ->> 4 as double precision)
      from ${dialect.jsonItems(sql`${JSON.stringify(classes)}`, sql`item`)}`.execute(db);
    after = rows.at(-1)!.id;
  }
}

/** Packs the scores of objects as `result_objects` has them. */
function packObjects(objects: string): Uint8Array {
  const rows: [classId: number, score: number][] = JSON.parse(objects);
  return packScores({
    classIds: rows.map(([classId]) => classId),
    scores: rows.map(([, score]) => score),
  });
}
