import type { Ring, Vertex } from "./pixel-outline.ts";

/**
 * Simplifies a ring so that no point that is left out is further than `tolerance` from it: Douglas
 * and Peucker, "Algorithms for the reduction of the number of points required to represent a
 * digitized line or its caricature" (1973), on the two halves between a point and the one furthest
 * from it.
 */
export function simplifyRing(ring: Ring, tolerance: number): Ring {
  const last = ring.length - 1;
  if (last < 4) return ring;
  let furthest = 0;
  for (let i = 1; i < last; i++) {
    if (distance2(ring[i]!, ring[0]!) > distance2(ring[furthest]!, ring[0]!)) furthest = i;
  }
  const kept = new Set([0, furthest, last]);
  const open: [number, number][] = [
    [0, furthest],
    [furthest, last],
  ];
  for (let part = open.pop(); part !== undefined; part = open.pop()) {
    const [from, to] = part;
    let [worst, index] = [tolerance * tolerance, -1];
    for (let i = from + 1; i < to; i++) {
      const distance = segmentDistance2(ring[i]!, ring[from]!, ring[to]!);
      if (distance > worst) [worst, index] = [distance, i];
    }
    if (index < 0) continue;
    kept.add(index);
    open.push([from, index], [index, to]);
  }
  return ring.filter((_, i) => kept.has(i));
}

function distance2([x1, y1]: Vertex, [x2, y2]: Vertex): number {
  return (x1 - x2) ** 2 + (y1 - y2) ** 2;
}

function segmentDistance2(point: Vertex, [x1, y1]: Vertex, [x2, y2]: Vertex): number {
  const length2 = (x2 - x1) ** 2 + (y2 - y1) ** 2;
  const along = ((point[0] - x1) * (x2 - x1) + (point[1] - y1) * (y2 - y1)) / (length2 || 1);
  const t = Math.max(0, Math.min(1, along));
  return distance2(point, [x1 + t * (x2 - x1), y1 + t * (y2 - y1)]);
}
