/** A run of inside pixels down a column: x, the first y, and the y just after the last. */
export type ColumnRun = readonly [x: number, y1: number, y2: number];

/** Marks on the traced bitmap. */
const inside = 1;
const onBorder = 2;
/** A border pixel with an outside pixel below it: there, a column leaves the shape. */
const onLowerBorder = 3;

/**
 * Traces the outlines of the 8-connected shapes of a mask, without holes and shapes inside holes:
 * Suzuki and Abe, "Topological structural analysis of digitized binary images by border following"
 * (1985), the variant for outermost borders, with rows and columns swapped so that the runs of a
 * mask are the lines of its scan. Each outline runs clockwise on the photo, through the outermost
 * pixels, and keeps only the points where its direction changes.
 *
 * @param runs Column by column, from top to bottom.
 * @param box Left, top, right, bottom of all runs.
 */
export function traceContours(
  runs: readonly ColumnRun[],
  [left, top, right, bottom]: readonly [number, number, number, number],
): [number, number][][] {
  // Column by column, with a frame of zeros, so that edges need no checks.
  const stride = bottom - top + 2;
  const marks = new Uint8Array(stride * (right - left + 2));
  const positionOf = (x: number, y: number) => (x - left + 1) * stride + (y - top + 1);
  for (const [x, y1, y2] of runs) marks.fill(inside, positionOf(x, y1), positionOf(x, y2));

  // The eight neighbours, clockwise on the photo, starting above.
  const steps = [-1, stride - 1, stride, stride + 1, 1, 1 - stride, -stride, -stride - 1];
  const contours: [number, number][][] = [];
  let column = -1;
  let isInShape = false;
  for (const [x, y1, y2] of runs) {
    if (x !== column) isInShape = false;
    column = x;
    const start = positionOf(x, y1);
    if (!isInShape && marks[start] === inside) {
      const corners = traceBorder(marks, start, steps);
      contours.push(
        corners.map((p) => [Math.floor(p / stride) - 1 + left, (p % stride) - 1 + top]),
      );
    }
    // A run that does not end at an outer border ends at a hole.
    isInShape = marks[positionOf(x, y2) - 1] !== onLowerBorder;
  }
  return contours;
}

/** The neighbours above and below a pixel, as numbers of steps. */
const above = 0;
const below = 4;

/** Follows the border that starts at the first pixel of a run, and returns its corners. */
function traceBorder(marks: Uint8Array, start: number, steps: readonly number[]): number[] {
  const isInside = (position: number, direction: number) =>
    marks[position + steps[direction & 7]!] !== 0;
  // Counterclockwise from above, to the neighbour that closes the border.
  let closing = above + 7;
  while (closing > above && !isInside(start, closing)) closing--;
  if (closing === above) {
    marks[start] = onLowerBorder;
    return [start];
  }
  const last = start + steps[closing]!;

  const corners: number[] = [];
  let position = start;
  /** From the current pixel to the one before it. */
  let back = closing;
  for (;;) {
    // Clockwise from the pixel before to the next one; the pixel before is always inside.
    let direction = back + 1;
    let isBelowOutside = false;
    while (!isInside(position, direction)) {
      if ((direction & 7) === below) isBelowOutside = true;
      direction++;
    }
    direction &= 7;
    if (isBelowOutside) marks[position] = onLowerBorder;
    else if (marks[position] === inside) marks[position] = onBorder;
    // The opposite direction is straight on.
    if (direction !== ((back + 4) & 7)) corners.push(position);
    const next = position + steps[direction]!;
    if (next === start && position === last) return corners;
    back = (direction + 4) & 7;
    position = next;
  }
}
