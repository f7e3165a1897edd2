import type { Mask } from "./mask.ts";

export type Vertex = readonly [x: number, y: number];

/** A closed line: the last point repeats the first. */
export type Ring = readonly Vertex[];

/** One connected part of a shape: its outer ring, then the rings of its holes. */
export type RingedShape = readonly Ring[];

/**
 * Outlines a mask along the edges of its pixels, so that the outlines enclose exactly these pixels.
 * Corners are whole numbers; the pixel at (x, y) is the square from there to (x + 1, y + 1).
 *
 * No ring touches itself; two may touch at a corner. By their numbers, outer rings are
 * counterclockwise (their shoelace area is positive) and holes clockwise, as in RFC 7946; on a
 * photo, whose y axis points down, it looks the other way round. Rings start at their leftmost,
 * then topmost corner.
 */
export function outlineMask(mask: Mask): RingedShape[] {
  const rings = traceRings(edgesOf(mask));
  const outers: { readonly ring: Ring; readonly holes: Ring[] }[] = [];
  const holes: Ring[] = [];
  for (const ring of rings) {
    if (signedArea(ring) > 0) outers.push({ ring, holes: [] });
    else holes.push(ring);
  }
  // A hole belongs to the smallest outer ring around it.
  outers.sort((a, b) => signedArea(a.ring) - signedArea(b.ring));
  for (const hole of holes) {
    outers.find(({ ring }) => contains(ring, insideOf(hole)))?.holes.push(hole);
  }
  return outers
    .sort(({ ring: [a] }, { ring: [b] }) => a![0] - b![0] || a![1] - b![1])
    .map(({ ring, holes }) => [ring, ...holes]);
}

/** Returns the area that a ring encloses: positive where x turns towards y. */
export function signedArea(ring: Ring): number {
  let sum = 0;
  for (let i = 1; i < ring.length; i++) {
    const [x1, y1] = ring[i - 1]!;
    const [x2, y2] = ring[i]!;
    sum += x1 * y2 - x2 * y1;
  }
  return sum / 2;
}

type Interval = readonly [start: number, end: number];

/** Directed pieces of border, by the corner where they start: their ends, at most two. */
type Edges = Map<number, number[]>;

/** Makes one number of a corner; photos are smaller. */
const stride = 2 ** 26;
const cornerAt = (x: number, y: number) => x * stride + y;
const pointOf = (corner: number): Vertex => [Math.floor(corner / stride), corner % stride];

/**
 * Returns the border between inside and outside, with the inside on the side where x turns to y.
 */
function edgesOf(mask: Mask): Edges {
  const edges: Edges = new Map();
  const add = (from: number, to: number) => {
    const ends = edges.get(from);
    if (ends === undefined) edges.set(from, [to]);
    else ends.push(to);
  };
  const columns = new Map<number, Interval[]>();
  for (const [x, y1, y2] of mask.columnRuns()) {
    const runs = columns.get(x);
    if (runs === undefined) columns.set(x, [[y1, y2]]);
    else runs.push([y1, y2]);
    add(cornerAt(x, y1), cornerAt(x + 1, y1));
    add(cornerAt(x + 1, y2), cornerAt(x, y2));
  }
  for (const [x, runs] of columns) {
    for (const [y1, y2] of without(runs, columns.get(x - 1))) add(cornerAt(x, y2), cornerAt(x, y1));
    for (const [y1, y2] of without(runs, columns.get(x + 1))) {
      add(cornerAt(x + 1, y1), cornerAt(x + 1, y2));
    }
  }
  return edges;
}

/**
 * Lists the parts of the intervals that are in none of the others; both are in order, without
 * touching.
 */
function* without(intervals: readonly Interval[], others: readonly Interval[] = []) {
  let i = 0;
  for (const [start, end] of intervals) {
    let from = start;
    while (i < others.length && others[i]![1] <= from) i++;
    for (let j = i; j < others.length && others[j]![0] < end; j++) {
      if (others[j]![0] > from) yield [from, others[j]![0]] as Interval;
      from = others[j]![1];
    }
    if (from < end) yield [from, end] as Interval;
  }
}

/** Follows the edges; where a path returns to one of its corners, a ring is complete. */
function traceRings(edges: Edges): Ring[] {
  const rings: Ring[] = [];
  for (const start of edges.keys()) {
    const path = [start];
    const places = new Map([[start, 0]]);
    while (edges.has(path.at(-1)!)) {
      const next = takeEdge(edges, path.at(-1)!, path.at(-2));
      const place = places.get(next);
      if (place === undefined) {
        places.set(next, path.length);
        path.push(next);
      } else {
        const loop = path.splice(place + 1);
        for (const corner of loop) places.delete(corner);
        rings.push(toRing([next, ...loop]));
      }
    }
  }
  return rings;
}

/**
 * Takes the next edge from a corner. Where two pixels touch only at this corner, it follows the
 * same pixel: parts that are connected only at corners are separate, or a hole could cut a shape in
 * two.
 */
function takeEdge(edges: Edges, from: number, before: number | undefined): number {
  const ends = edges.get(from)!;
  if (ends.length === 1 || before === undefined) {
    if (ends.length === 1) edges.delete(from);
    return ends.pop()!;
  }
  const [x0, y0] = pointOf(before);
  const [x, y] = pointOf(from);
  const [turnX, turnY] = [-Math.sign(y - y0), Math.sign(x - x0)];
  const isTurn = (end: number) => {
    const [x1, y1] = pointOf(end);
    return Math.sign(x1 - x) === turnX && Math.sign(y1 - y) === turnY;
  };
  const [chosen] = ends.splice(ends.findIndex(isTurn), 1);
  return chosen!;
}

/** Keeps the corners where the direction changes, starting at the leftmost, then topmost. */
function toRing(corners: readonly number[]): Ring {
  const points = corners.map(pointOf);
  const kept = points.filter(([x, y], i) => {
    const [x0, y0] = points.at(i - 1)!;
    const [x1, y1] = points[(i + 1) % points.length]!;
    return (x - x0) * (y1 - y) !== (x1 - x) * (y - y0);
  });
  let first = 0;
  for (const [i, [x, y]] of kept.entries()) {
    const [leftmost, topmost] = kept[first]!;
    if (x < leftmost || (x === leftmost && y < topmost)) first = i;
  }
  return [...kept.slice(first), ...kept.slice(0, first), kept[first]!];
}

/** Returns a point in the pixel to the right of and below a ring's first corner. */
function insideOf([first]: Ring): Vertex {
  return [first![0] + 0.5, first![1] + 0.5];
}

function contains(ring: Ring, [x, y]: Vertex): boolean {
  let isInside = false;
  for (let i = 1; i < ring.length; i++) {
    const [x1, y1] = ring[i - 1]!;
    const [x2, y2] = ring[i]!;
    // Edges are vertical or horizontal, and the point is on none of them.
    if (x1 === x2 && x1 < x && y1 > y !== y2 > y) isInside = !isInside;
  }
  return isInside;
}
