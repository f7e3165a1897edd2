import { type RawBuilder, sql } from "kysely";
import { isSelected, type PhotoSelection } from "../photos/selection.ts";
import type { PhotoWarning } from "../results/result-rows.ts";
import type { EntryState } from "../schema/tables.ts";
import { scoreRounding } from "../scores/score-summary.ts";

/** Which photos of one recipe are looked for. All that is given has to fit. */
export interface EntryFilter extends Omit<PhotoSelection, "countDuplicatesOnce"> {
  /** A part of the source, in any case. */
  readonly nameContains?: string | undefined;
  readonly state?: EntryState | undefined;
  /** Photos that failed with this error code. */
  readonly code?: string | undefined;
  /** What {@link minCount} and {@link maxCount} count; default all objects. */
  readonly className?: string | undefined;
  /** Inclusive. Photos without a result have no count. */
  readonly minCount?: number | undefined;
  readonly maxCount?: number | undefined;
  /**
   * Photos with a recorded object, of {@link className}, that scores in this range, inclusive.
   */
  readonly minScore?: number | undefined;
  readonly maxScore?: number | undefined;
  readonly device?: string | undefined;
  /** What is strange about the photo; `any` for any warning. */
  readonly warning?: PhotoWarning | "any" | undefined;
}

/** The count of a photo that a filter and an order mean; null without a result. */
export function countOf({ className }: EntryFilter): RawBuilder<number | null> {
  if (className === undefined) return sql`result.object_count`;
  return sql`
    case when result.id is not null then coalesce(
      (select result_class.count from result_class
       where result_class.result_id = result.id and result_class.name = ${className}), 0) end`;
}

/** Whether only photos with an object of the class have the count that a filter asks for. */
export function needsObjects({ minCount = 0 }: EntryFilter): boolean {
  return minCount > 0;
}

/** Whether a count is in the filter's range. */
export function isCount(
  count: RawBuilder<number | null>,
  { minCount, maxCount }: EntryFilter,
): RawBuilder<boolean> {
  const ends = [sql`${count} is not null`];
  if (minCount !== undefined) ends.push(sql`${count} >= ${minCount}`);
  if (maxCount !== undefined) ends.push(sql`${count} <= ${maxCount}`);
  return sql`(${sql.join(ends, sql` and `)})`;
}

export interface FitOptions {
  /**
   * Whether one query asks a server about all photos, which it answers by joining tables. Default
   * false: it asks about some of them.
   */
  readonly ofAll?: boolean | undefined;
}

/** Whether a result has objects of a class that are as the condition on `result_class` says. */
function isOfClass(
  className: string,
  condition: RawBuilder<unknown>,
  { ofAll = false }: FitOptions,
): RawBuilder<boolean> {
  // The name is hidden from indexes. Without statistics, as just after many photos were recorded, a
  // server would choose an index that begins with the name, and read all rows of the class for each
  // result.
  return ofAll
    ? sql`exists (
        select 1 from result_class
        where result_class.result_id = result.id
          and coalesce(result_class.name = ${className}, false) and ${condition})`
    : sql`coalesce(
        (select ${condition} from result_class
         where result_class.result_id = result.id and result_class.name = ${className}), false)`;
}

/** Whether the count of a photo is in the filter's range. */
function hasCount(filter: EntryFilter, options: FitOptions): RawBuilder<boolean> {
  const { className, maxCount } = filter;
  if (className === undefined) return isCount(sql`result.object_count`, filter);
  if (needsObjects(filter)) {
    return isOfClass(className, isCount(sql.ref("result_class.count"), filter), options);
  }
  if (maxCount === undefined) return sql`result.id is not null`;
  // Results without an object of the class have no row.
  const hasMore = isOfClass(className, sql`result_class.count > ${maxCount}`, options);
  return sql`(result.id is not null and not ${hasMore})`;
}

/**
 * Whether the best and the worst score in a row of `table` let an object be in the filter's range.
 * Where the range has two ends, it may still be that all objects are on either side of it.
 */
export function hasScores({ minScore, maxScore }: EntryFilter, table: string): RawBuilder<boolean> {
  const edges: RawBuilder<unknown>[] = [];
  if (minScore !== undefined) {
    edges.push(sql`${sql.ref(`${table}.best_score`)} > ${minScore - scoreRounding}`);
  }
  if (maxScore !== undefined) {
    edges.push(sql`${sql.ref(`${table}.worst_score`)} <= ${maxScore + scoreRounding}`);
  }
  return sql`(${sql.join(edges, sql` and `)})`;
}

/** Whether a filter asks for scores. */
export function asksForScores({ minScore, maxScore }: EntryFilter): boolean {
  return minScore !== undefined || maxScore !== undefined;
}

/**
 * Whether a row of `photo`, `entry`, `result` and `placement` fits. The place is left out, since it
 * bounds the pages. Of scores the best and the worst decide, as {@link hasScores} says.
 */
export function fits(filter: EntryFilter, options: FitOptions = {}): RawBuilder<boolean> {
  const { nameContains, state, code, minCount, maxCount, device, warning, className } = filter;
  const { takenAfter, takenBefore } = filter;
  const conditions: RawBuilder<unknown>[] = [isSelected({ takenAfter, takenBefore })];
  if (nameContains !== undefined) {
    const pattern = `%${nameContains.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;
    conditions.push(sql`lower(photo.source) like ${pattern} escape '\\'`);
  }
  if (code !== undefined) conditions.push(sql`entry.reason_code = ${code}`);
  if (state !== undefined) conditions.push(sql`entry.state = ${state}`);
  if (minCount !== undefined || maxCount !== undefined) conditions.push(hasCount(filter, options));
  if (device !== undefined) conditions.push(sql`placement.device = ${device}`);
  if (warning === "any") conditions.push(sql`result.warnings <> '[]'`);
  else if (warning !== undefined) {
    conditions.push(sql`result.warnings like ${`%"${warning}"%`}`);
  }
  if (asksForScores(filter)) {
    conditions.push(
      className === undefined
        ? hasScores(filter, "result")
        : isOfClass(className, hasScores(filter, "result_class"), options),
    );
  }
  return sql`(${sql.join(conditions, sql` and `)})`;
}
