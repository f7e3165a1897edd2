/** Which objects of a photo two recipes both found. */

/** As much of two boxes has to overlap for them to be of one object. */
const leastOverlap = 0.5;

/**
 * Matches objects of the same class, those that overlap most first. Returns, for each list, whether
 * each object has one in the other.
 */
export function matchObjects(first, second) {
  const pairs = [];
  const byClass = Map.groupBy(
    second.map((object, j) => ({ object, j })),
    ({ object }) => object.name,
  );
  for (const [i, { name, boxXyxy }] of first.entries()) {
    for (const { object, j } of byClass.get(name) ?? []) {
      const overlap = overlapOf(boxXyxy, object.boxXyxy);
      if (overlap >= leastOverlap) pairs.push([overlap, i, j]);
    }
  }
  pairs.sort(([a], [b]) => b - a);
  const [inFirst, inSecond] = [first, second].map(({ length }) => new Array(length).fill(false));
  for (const [, i, j] of pairs) {
    if (inFirst[i] || inSecond[j]) continue;
    [inFirst[i], inSecond[j]] = [true, true];
  }
  return [inFirst, inSecond];
}

/** Intersection over union. */
function overlapOf([a1, b1, a2, b2], [c1, d1, c2, d2]) {
  const width = Math.min(a2, c2) - Math.max(a1, c1);
  const height = Math.min(b2, d2) - Math.max(b1, d1);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / ((a2 - a1) * (b2 - b1) + (c2 - c1) * (d2 - d1) - both);
}
