/** What is drawn over a photo under review: regions, objects by class, what was removed. */
import { isWhereFound } from "./photo-things.js";

const removedColour = "rgb(255,105,90)";
/** How objects are drawn. */
const styles = {
  candidate: { dash: [2, 3] },
  left: {},
  changed: { width: 3 },
  removed: { dash: [5, 4] },
};

/** The layers of {@link photoCanvas}. A shape holds as long as the box is where it was found. */
export function reviewLayers({ things, classes, shapes, chosenKey }) {
  const colours = new Map(classes.map(({ id, colour }) => [id, colour]));
  const layers = new Map();
  for (const thing of things.seen()) {
    const style = styleOf(thing);
    const { classId, boxXyxy } = thing.mine;
    const key = style === "removed" ? style : `${style} ${classId}`;
    if (!layers.has(key)) {
      const colour = style === "removed" ? removedColour : colours.get(classId);
      layers.set(key, { colour, boxes: [], paths: [], ...styles[style] });
    }
    const { boxes, paths } = layers.get(key);
    const shape = isWhereFound(thing) ? shapes.get(thing.key) : undefined;
    if (shape) paths.push(shape);
    else boxes.push(boxXyxy);
  }
  const regions = things.regions().map(({ key, predicted, mine }) => ({
    colour: mine.isRemoved ? removedColour : predicted.colour,
    paths: [shapes.get(key)],
    fill: !mine.isRemoved,
    dash: mine.isRemoved ? [10, 6] : [],
    width: key === chosenKey ? 5 : 2,
  }));
  return [...regions, ...layers.values()];
}

function styleOf(thing) {
  const { kind, mine, predicted } = thing;
  if (kind === "candidate") return "candidate";
  if (mine.isRemoved) return "removed";
  return isWhereFound(thing) && mine.classId === predicted.classId ? "left" : "changed";
}
