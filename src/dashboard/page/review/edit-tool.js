/**
 * Pointer input on the photo: a click chooses, a drag moves or resizes what is chosen, or draws a
 * box.
 */
import {
  areaOf,
  boxOf,
  handlesOf,
  heightOf,
  isInside,
  moved,
  resized,
  widthOf,
} from "./edits/boxes.js";

/** Of the screen, px: how far from a handle it is still held. */
const reachPx = { mouse: 8, pen: 12, touch: 20 };
const handlePx = 4;
/** Handles of a smaller box, px of the screen, would hide what is in it: it has fewer, or none. */
const [allHandlesPx, cornersPx] = [60, 24];
const cursors = { "-1-1": "nwse", 11: "nwse", "1-1": "nesw", "-11": "nesw" };

/**
 * Makes the tool of {@link photoCanvas}. `desk` is what is edited: `objects()`, `chosen` and its
 * `value`, `choose(key)`, `setBox(key, box, gesture)`, `addBox(box)`, `isDrawing`, `canChange`,
 * `sizeWh`, `scale`, `redraw()`.
 */
export function editTool(desk) {
  /** A box that is being drawn. */
  let drawn;

  const chosenBox = () => desk.chosen?.kind !== "region" && desk.chosen?.mine.boxXyxy;

  function handleAt(point, pointerType = "mouse") {
    const box = chosenBox();
    if (!box || !desk.canChange || desk.chosen.mine.isRemoved) return undefined;
    const reach = (reachPx[pointerType] ?? reachPx.touch) / desk.scale;
    const far = ({ point: [x, y] }) => Math.hypot(x - point[0], y - point[1]);
    const [nearest] = handlesOf(box).sort((a, b) => far(a) - far(b));
    // Inside a box that is small on the screen, a hand moves it: else nothing would.
    const isSmall = Math.min(widthOf(box), heightOf(box)) < 3 * reach;
    const least = isSmall && isInside(box, point) ? reach / 4 : reach;
    return far(nearest) <= least ? nearest : undefined;
  }

  /** The smallest object there: a large one does not cover those inside it. */
  function objectAt(point) {
    const margin = 4 / desk.scale;
    return desk
      .objects()
      .filter(({ mine }) => isInside(mine.boxXyxy, point, margin))
      .sort((a, b) => areaOf(a.mine.boxXyxy) - areaOf(b.mine.boxXyxy))[0];
  }

  const dragOf = (from, apply) => {
    const { key, mine } = desk.chosen;
    const gesture = `drag ${from}`;
    return {
      move: ([x, y]) => desk.setBox(key, apply(mine.boxXyxy, [x - from[0], y - from[1]]), gesture),
      end: () => desk.endGesture(),
      cancel: () => desk.setBox(key, mine.boxXyxy, gesture),
    };
  };

  return {
    grab(point, pointerType) {
      if (!desk.canChange) return undefined;
      if (desk.isDrawing) {
        return {
          move(to) {
            drawn = boxOf(point, to, desk.sizeWh);
            desk.redraw();
          },
          end() {
            if (drawn) desk.addBox(drawn);
            drawn = undefined;
          },
          cancel() {
            drawn = undefined;
            desk.redraw();
          },
        };
      }
      const handle = handleAt(point, pointerType);
      if (handle) return dragOf(point, (box, by) => resized(box, handle.sides, by, desk.sizeWh));
      const box = chosenBox();
      if (!box || desk.chosen.mine.isRemoved || !isInside(box, point)) return undefined;
      return dragOf(point, (from, by) => moved(from, by, desk.sizeWh));
    },
    click(point) {
      if (desk.isDrawing) desk.addBoxAt(point);
      else desk.choose(objectAt(point)?.key);
    },
    hover(point) {
      if (desk.isDrawing) return "crosshair";
      const handle = handleAt(point);
      if (handle) {
        const [x, y] = handle.sides;
        return `${cursors[`${x}${y}`] ?? (x === 0 ? "ns" : "ew")}-resize`;
      }
      const box = chosenBox();
      if (box && desk.canChange && isInside(box, point)) return "move";
      return objectAt(point) ? "pointer" : "grab";
    },
    draw(context, px) {
      const outline = (box, dash) => {
        const [x1, y1, x2, y2] = box;
        context.setLineDash(dash.map((length) => length * px));
        // Dark under light is seen on every photo.
        for (const [colour, width] of [
          ["#000", 5],
          ["#fff", 2.5],
        ]) {
          context.strokeStyle = colour;
          context.lineWidth = width * px;
          context.strokeRect(x1, y1, x2 - x1, y2 - y1);
        }
        context.setLineDash([]);
      };
      if (drawn) outline(drawn, [6, 4]);
      const box = chosenBox();
      if (!box) return;
      const isRemoved = desk.chosen.mine.isRemoved;
      outline(box, isRemoved ? [6, 4] : []);
      if (isRemoved || !desk.canChange) return;
      const shortest = Math.min(widthOf(box), heightOf(box)) / px;
      const shown = handlesOf(box).filter(
        ({ sides }) =>
          shortest >= allHandlesPx || (shortest >= cornersPx && sides.every((side) => side !== 0)),
      );
      for (const { point } of shown) {
        const side = handlePx * px;
        context.fillStyle = "#fff";
        context.strokeStyle = "#000";
        context.lineWidth = 1.5 * px;
        context.fillRect(point[0] - side, point[1] - side, 2 * side, 2 * side);
        context.strokeRect(point[0] - side, point[1] - side, 2 * side, 2 * side);
      }
    },
  };
}
