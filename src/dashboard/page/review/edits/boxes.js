/** Boxes `[left, top, right, bottom]` in px of the photo, and the edits of a pointer. */

const smallestPx = 2;
/** Boxes are kept to a tenth of a px. */
const rounded = (px) => Math.round(px * 10) / 10;

export const widthOf = ([x1, , x2]) => x2 - x1;
export const heightOf = ([, y1, , y2]) => y2 - y1;
export const areaOf = (box) => widthOf(box) * heightOf(box);

export const isInside = ([x1, y1, x2, y2], [x, y], margin = 0) =>
  x >= x1 - margin && x <= x2 + margin && y >= y1 - margin && y <= y2 + margin;

/** A box by two corners in any order, within the photo. */
export function boxOf([ax, ay], [bx, by], [width, height]) {
  const side = (a, b, most) => {
    const low = Math.max(0, Math.min(a, b, most - smallestPx));
    return [low, Math.min(most, Math.max(a, b, low + smallestPx))].map(rounded);
  };
  const [x1, x2] = side(ax, bx, width);
  const [y1, y2] = side(ay, by, height);
  return [x1, y1, x2, y2];
}

/** A box of a size around a point, within the photo. */
export function boxAround([x, y], [boxWidth, boxHeight], sizeWh) {
  return moved(
    [x - boxWidth / 2, y - boxHeight / 2, x + boxWidth / 2, y + boxHeight / 2],
    [0, 0],
    sizeWh,
  );
}

/** Moves a box as far as the photo goes. */
export function moved([x1, y1, x2, y2], [dx, dy], [width, height]) {
  const [boxWidth, boxHeight] = [Math.min(width, x2 - x1), Math.min(height, y2 - y1)];
  const left = rounded(Math.min(width - boxWidth, Math.max(0, x1 + dx)));
  const top = rounded(Math.min(height - boxHeight, Math.max(0, y1 + dy)));
  return [left, top, rounded(left + boxWidth), rounded(top + boxHeight)];
}

/**
 * Moves the sides of a box that a handle holds: -1 left or top, 1 right or bottom, 0 neither. A
 * side stops at the opposite one.
 */
export function resized([x1, y1, x2, y2], [sideX, sideY], [dx, dy], [width, height]) {
  const low = (at, by, other) => rounded(Math.min(other - smallestPx, Math.max(0, at + by)));
  const high = (at, by, other, most) =>
    rounded(Math.max(other + smallestPx, Math.min(most, at + by)));
  return [
    sideX < 0 ? low(x1, dx, x2) : x1,
    sideY < 0 ? low(y1, dy, y2) : y1,
    sideX > 0 ? high(x2, dx, x1, width) : x2,
    sideY > 0 ? high(y2, dy, y1, height) : y2,
  ];
}

/** The handles of a box: which sides each holds, and where it is. */
export function handlesOf([x1, y1, x2, y2]) {
  const at = (side, low, high) => (side < 0 ? low : side > 0 ? high : (low + high) / 2);
  return [-1, 0, 1].flatMap((sideX) =>
    [-1, 0, 1]
      .filter((sideY) => sideX !== 0 || sideY !== 0)
      .map((sideY) => ({ sides: [sideX, sideY], point: [at(sideX, x1, x2), at(sideY, y1, y2)] })),
  );
}

/** The middle one of the sizes of boxes; undefined where there are none. */
export function medianSize(boxes) {
  const middle = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  return boxes.length === 0 ? undefined : [middle(boxes.map(widthOf)), middle(boxes.map(heightOf))];
}
