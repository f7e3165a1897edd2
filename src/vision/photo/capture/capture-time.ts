/** The zone of a time: `+02:00` */
type Zone = string;

const quarterMs = 15 * 60_000;
/** A receiver's last fix may be some seconds old. */
const fixToleranceMs = 90_000;

/** Reads a time as EXIF writes it, `2026:05:12 06:30:00`, or XMP, with the zone if it has one. */
export function readTime(text: string | undefined, zone?: Zone | undefined): string | undefined {
  const match = /^(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(.*)$/.exec(
    text ?? "",
  );
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second = "00", rest = ""] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  // `Date` would turn the 30th of February into a day of March.
  const ms = Date.parse(`${local}Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== local) return undefined;
  if (Number(year) < 1826) return undefined;
  return local + (readZone(rest) ?? readZone(zone) ?? "");
}

/** Reads a zone: `+02:00`, `+0200`, `Z`. Returns undefined for what is none. */
function readZone(text: string | undefined): Zone | undefined {
  const trimmed = text?.trim() ?? "";
  if (trimmed === "Z") return "+00:00";
  const [, sign, hours = "", minutes = ""] = /^([+-])(\d\d):?(\d\d)$/.exec(trimmed) ?? [];
  if (sign === undefined || Number(hours) > 14 || Number(minutes) > 59) return undefined;
  return `${sign}${hours}:${minutes}`;
}

/**
 * Returns the zone by which a camera's clock differs from the UTC of its satellite receiver; zones
 * differ by quarters of an hour. Undefined if the difference is not a possible zone, as with an old
 * fix.
 */
export function zoneBetween(local: string, utc: string): Zone | undefined {
  const differenceMs = Date.parse(`${local}Z`) - Date.parse(`${utc}Z`);
  const zoneMs = Math.round(differenceMs / quarterMs) * quarterMs;
  if (!(Math.abs(differenceMs - zoneMs) <= fixToleranceMs)) return undefined;
  const minutes = Math.abs(zoneMs) / 60_000;
  const digits = (value: number) => String(value).padStart(2, "0");
  const sign = zoneMs < 0 ? "-" : "+";
  return readZone(`${sign}${digits(Math.floor(minutes / 60))}:${digits(minutes % 60)}`);
}
