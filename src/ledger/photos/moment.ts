import { OrangeryError } from "../../errors.ts";

/**
 * Returns a date or time by a camera's clock as the first 19 letters of recorded times are.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function momentOf(text: string): string {
  const [, date, hours, minutes = "00", seconds = "00"] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text) ?? [];
  const moment = `${date}T${hours ?? "00"}:${minutes}:${seconds}`;
  const ms = Date.parse(`${moment}Z`);
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(moment)) return moment;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a date or time by the camera's clock, such as 2026-05-12 or 2026-05-12T06:30, got ` +
      `"${text}".`,
  );
}
