import { type RawBuilder, sql } from "kysely";
import { separatorOf, withoutEnd } from "./place.ts";

/** The photos that are meant. */
export interface PhotoSelection {
  /** A file, a folder or a URL: photos there and below. Default: all. */
  readonly under?: string | undefined;
  /**
   * Whether photos of identical bytes count once, as the first of them by source. Default false.
   */
  readonly countDuplicatesOnce?: boolean | undefined;
}

/** Whether the source in `column` is at or below a place; the index on sources serves it. */
export function isUnder(column: string, place: string): RawBuilder<boolean> {
  const source = sql.ref(column);
  const at = withoutEnd(place);
  const separator = separatorOf(place);
  const afterSeparator = String.fromCharCode(separator.charCodeAt(0) + 1);
  return sql`
    (${source} = ${at} or ${source} >= ${at + separator} and ${source} < ${at + afterSeparator})`;
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
export function duplicateOf({ under }: PhotoSelection): RawBuilder<string | null> {
  const isSelected = under === undefined ? sql`true` : isUnder("other.source", under);
  return sql`
    (select min(other.source)
     from photo as other
     join entry as other_entry on other_entry.photo_id = other.id
       and other_entry.result_id = entry.result_id
     where other.content_sha256 = photo.content_sha256 and other.source < photo.source
       and ${isSelected})`;
}
