import { OrangeryError } from "../errors.ts";

/**
 * Returns run lengths as the text of COCO's compressed RLE, which `pycocotools` decodes. From the
 * fourth run on it holds the difference to the run two before, since neighbouring columns of a mask
 * are alike; then five bits a character, low bits first, 0x20 for "more follows", offset 48. On our
 * masks it is about a third as long as the same numbers in JSON.
 */
export function toCocoCounts(counts: ArrayLike<number>): string {
  const codes: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    let rest = counts[i]! - (i > 2 ? counts[i - 2]! : 0);
    for (let more = true; more; ) {
      const bits = rest & 0x1f;
      rest >>= 5;
      // Done when only copies of the sign bit are left.
      more = bits & 0x10 ? rest !== -1 : rest !== 0;
      codes.push(48 + (more ? bits | 0x20 : bits));
    }
  }
  const chunkSize = 8192;
  let text = "";
  for (let i = 0; i < codes.length; i += chunkSize) {
    text += String.fromCharCode(...codes.slice(i, i + chunkSize));
  }
  return text;
}

/**
 * Returns the run lengths that {@link toCocoCounts} wrote.
 *
 * @throws `LEDGER_UNREADABLE` on any other text
 */
export function fromCocoCounts(text: string): Uint32Array {
  const counts: number[] = [];
  let value = 0;
  let shift = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i) - 48;
    if (code < 0 || code > 0x3f || shift > 30) throw damaged(text);
    value |= (code & 0x1f) << shift;
    shift += 5;
    if (code & 0x20) continue;
    if (code & 0x10 && shift < 32) value |= -1 << shift;
    const count = value + (counts.length > 2 ? counts[counts.length - 2]! : 0);
    if (count < 0) throw damaged(text);
    counts.push(count);
    value = 0;
    shift = 0;
  }
  if (shift !== 0) throw damaged(text);
  return Uint32Array.from(counts);
}

function damaged(text: string): OrangeryError {
  const start = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return new OrangeryError(
    "LEDGER_UNREADABLE",
    `Expected COCO run lengths in the results file, got "${start}". The file is damaged.`,
  );
}
