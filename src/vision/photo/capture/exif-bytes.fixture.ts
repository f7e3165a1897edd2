/** A value of EXIF: a text, whole numbers, or fractions as pairs. */
export type ExifValue = string | readonly number[] | readonly (readonly [number, number])[];

export interface ExifDirectories {
  readonly image?: { readonly [tag: number]: ExifValue };
  readonly photo?: { readonly [tag: number]: ExifValue };
  readonly gps?: { readonly [tag: number]: ExifValue };
}

/** Writes EXIF of these fields, as it is in a file, in either order of bytes. */
export function exifBytes(
  { image = {}, photo, gps }: ExifDirectories,
  { isLittle = true }: { readonly isLittle?: boolean } = {},
): Buffer {
  const bytes = Buffer.alloc(4096);
  let free = 8;
  const put = (value: number, at: number, size: number) => {
    if (isLittle) bytes.writeUIntLE(value, at, size);
    else bytes.writeUIntBE(value, at, size);
  };
  const take = (size: number) => {
    free += size;
    return free - size;
  };
  const writeDirectory = (fields: { readonly [tag: number]: ExifValue }): number => {
    const entries = Object.entries(fields);
    const start = take(2 + 12 * entries.length + 4);
    put(entries.length, start, 2);
    for (const [i, [tag, value]] of entries.entries()) {
      const entry = start + 2 + 12 * i;
      put(Number(tag), entry, 2);
      const [type, size, count] =
        typeof value === "string"
          ? [2, 1, Buffer.byteLength(value) + 1]
          : Array.isArray(value[0])
            ? [5, 8, value.length]
            : [4, 4, value.length];
      put(type, entry + 2, 2);
      put(count, entry + 4, 4);
      const at = size * count <= 4 ? entry + 8 : take(size * count);
      if (at !== entry + 8) put(at, entry + 8, 4);
      if (typeof value === "string") bytes.write(value, at);
      else for (const [k, number] of value.flat().entries()) put(number, at + 4 * k, 4);
    }
    return start;
  };
  const below = {
    ...(photo && { 34665: [writeDirectory(photo)] }),
    ...(gps && { 34853: [writeDirectory(gps)] }),
  };
  bytes.write(isLittle ? "II" : "MM", 0);
  put(42, 2, 2);
  put(writeDirectory({ ...image, ...below }), 4, 4);
  return Buffer.concat([Buffer.from("Exif\0\0"), bytes.subarray(0, free)]);
}
