import type { Rgb } from "./canvas.ts";

/**
 * Okabe and Ito's colours, which people with any common colour blindness can distinguish (without
 * black), starting with those that stand out from green and brown.
 */
const colours: readonly Rgb[] = [
  [240, 228, 66],
  [86, 180, 233],
  [213, 94, 0],
  [204, 121, 167],
  [0, 158, 115],
  [230, 159, 0],
  [0, 114, 178],
];

/** Returns the colour of a class, always the same for the same number; after seven they repeat. */
export function colourOf(classNumber: number): Rgb {
  return colours[((classNumber % colours.length) + colours.length) % colours.length]!;
}

/**
 * Assigns colours to the classes of each layer, which are what different models found on a photo.
 * All classes are numbered together, so that no two share a colour without need. The numbering
 * starts with the last layer: what is counted has the same colours with and without regions, and
 * the colours of regions depend only on the number of counted classes.
 */
export function layerColours(
  layers: readonly { readonly names: readonly string[] }[],
): ((classId: number) => Rgb)[] {
  return layers.map((_, i) => {
    const above = layers.slice(i + 1);
    const first = above.reduce((sum, { names }) => sum + Math.max(1, names.length), 0);
    return (classId) => colourOf(first + classId);
  });
}
