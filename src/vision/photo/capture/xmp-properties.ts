/** The properties of XMP that are read. Makers of drones differ in the prefixes. */
const names = [
  "RelativeAltitude",
  "AboveGroundAltitude",
  "AbsoluteAltitude",
  "GpsLatitude",
  "GpsLongitude",
  // So it is spelt by some drones.
  "GpsLongtitude",
  "GPSLatitude",
  "GPSLongitude",
  "DateTimeOriginal",
  "CreateDate",
  "DateCreated",
  "Make",
  "Model",
  "SerialNumber",
  "DroneSerialNumber",
] as const;

export type XmpName = (typeof names)[number];

/** More is not looked at. */
const maxBytes = 1 << 20;

/**
 * Both forms of a property: `prefix:Name="value"` and `<prefix:Name …>value</…>`. Every repetition
 * has a limit, so that the time is linear in the length of the text whatever it holds.
 */
const property = new RegExp(
  `:(${names.join("|")})(?:\\s{0,9}=\\s{0,9}(?:"([^"<]{0,80})"|'([^'<]{0,80})')|` +
    "(?:\\s[^<>]{0,200})?>([^<]{0,80})<)",
  "g",
);

/** Reads properties of XMP, the first of each name. Entities are left as they are. */
export function readXmpProperties(xmp: Uint8Array): ReadonlyMap<XmpName, string> {
  const text = new TextDecoder().decode(xmp.subarray(0, maxBytes));
  const found = new Map<XmpName, string>();
  for (const [, name, inDouble, inSingle, inElement] of text.matchAll(property)) {
    const value = (inDouble ?? inSingle ?? inElement ?? "").trim();
    if (value !== "" && !found.has(name as XmpName)) found.set(name as XmpName, value);
  }
  return found;
}
