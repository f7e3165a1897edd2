import type { Rgb } from "./canvas.ts";

/**
 * Okabe and Ito's colours, which people with any common colour blindness can tell apart (without
 * black), in an order that starts with those that stand out from green and brown.
 */
const colours: readonly Rgb[] = [
  [86, 180, 233],
  [240, 228, 66],
  [213, 94, 0],
  [204, 121, 167],
  [0, 158, 115],
  [230, 159, 0],
  [0, 114, 178],
];

/** The colour of a class: always the same for the same number; after seven they repeat. */
export function colourOf(classNumber: number): Rgb {
  return colours[((classNumber % colours.length) + colours.length) % colours.length];
}
