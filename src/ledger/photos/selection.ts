import { type RawBuilder, sql } from "kysely";
import {
  checkOptions,
  optionsOf,
  refuseUnknown,
  text,
  trueOrFalse,
} from "../../base/check-options.ts";
import { momentOf } from "./moment.ts";
import { separatorOf, withoutEnd } from "./place.ts";

/** The photos that are meant. */
export interface PhotoSelection {
  /** A file, a folder or a URL: photos there and below. Default: all. */
  readonly under?: string | undefined;
  /**
   * Whether photos of identical bytes count once, as the first of them by source. Default false.
   */
  readonly countDuplicatesOnce?: boolean | undefined;
  /**
   * Photos that were taken then or later, by the camera's clock: a date, which is its midnight, or
   * a time, `2026-05-12T06:30`. Photos whose time is not known are left out. Default: all.
   */
  readonly takenAfter?: string | undefined;
  /** Photos that were taken earlier than that, as with {@link takenAfter}. Default: all. */
  readonly takenBefore?: string | undefined;
}

/**
 * Refuses names that a selection does not have: one that is misspelt would select all photos.
 *
 * @param type The name of the options' type.
 * @throws `INVALID_ARGUMENT`
 */
export function checkSelection(type: string, selection: PhotoSelection): void {
  const { under, countDuplicatesOnce, takenAfter, takenBefore, ...rest } = optionsOf(
    type,
    selection,
  );
  refuseUnknown(type, selection, rest);
  checkOptions({ under }, text("a place"));
  checkOptions({ takenAfter, takenBefore }, text("a date or a time"));
  checkOptions({ countDuplicatesOnce }, trueOrFalse);
}

/** Whether a selection leaves out any photo by its place or its time. */
export function isPart({ under, takenAfter, takenBefore }: PhotoSelection): boolean {
  return under !== undefined || takenAfter !== undefined || takenBefore !== undefined;
}

/** Whether a row of photos, called `photo` or otherwise, is selected by its place and its time. */
export function isSelected(
  { under, takenAfter, takenBefore }: PhotoSelection,
  table = "photo",
): RawBuilder<boolean> {
  // Only the camera's clock time is compared, not the zone after it.
  const takenAt = sql`substr(${sql.ref(`${table}.taken_at`)}, 1, 19)`;
  const conditions = [
    ...(under === undefined ? [] : [isUnder(`${table}.source`, under)]),
    ...(takenAfter === undefined ? [] : [sql`${takenAt} >= ${momentOf(takenAfter)}`]),
    ...(takenBefore === undefined ? [] : [sql`${takenAt} < ${momentOf(takenBefore)}`]),
  ];
  return conditions.length === 0 ? sql`true` : sql`(${sql.join(conditions, sql` and `)})`;
}

/** Whether the source in `column` is at or below a place; the index on sources serves it. */
export function isUnder(column: string, place: string): RawBuilder<boolean> {
  const source = sql.ref(column);
  const [at, behind] = boundsOf(place);
  const below = at + separatorOf(place);
  return sql`(${source} = ${at} or ${source} >= ${below} and ${source} < ${behind})`;
}

/** The least source that may be at or below a place, and one that is behind all of them. */
export function boundsOf(place: string): readonly [least: string, behind: string] {
  const at = withoutEnd(place);
  return [at, at + String.fromCharCode(separatorOf(place).charCodeAt(0) + 1)];
}

/** Returns the name of a source below a place, with `/` between folders; undefined elsewhere. */
export function nameBelow(place: string, source: string): string | undefined {
  const separator = separatorOf(place);
  const start = withoutEnd(place) + separator;
  if (!source.startsWith(start)) return undefined;
  return source.slice(start.length).replaceAll(separator, "/");
}

/**
 * The source of the first photo, of those selected, that has the same result as the row of `entry`
 * and `photo`; null for that one itself.
 */
export function duplicateOf(selection: PhotoSelection): RawBuilder<string | null> {
  return sql`
    (select min(other.source)
     from photo as other
     join entry as other_entry on other_entry.photo_id = other.id
       and other_entry.result_id = entry.result_id
     where other.content_sha256 = photo.content_sha256 and other.source < photo.source
       and ${isSelected(selection, "other")})`;
}
