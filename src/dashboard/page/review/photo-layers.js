/** What is drawn over a photo under review: regions, objects by class, what was removed. */
import { isWhereFound } from "./photo-things.js";

const removedColour = "rgb(255,105,90)";

/** The layers of {@link photoCanvas}. A shape holds as long as the box is where it was found. */
export function reviewLayers({ things, classes, shapes, chosenKey }) {
  const list = things.seen();
  const shapeOf = (thing) => (isWhereFound(thing) ? shapes.get(thing.key) : undefined);
  const layer = (colour, ofLayer, rest) => ({
    colour,
    boxes: ofLayer.filter((thing) => !shapeOf(thing)).map(({ mine }) => mine.boxXyxy),
    paths: ofLayer.flatMap((thing) => shapeOf(thing) ?? []),
    ...rest,
  });
  const isCandidate = ({ kind }) => kind === "candidate";
  const isTouched = (thing) =>
    !isWhereFound(thing) || thing.mine.classId !== thing.predicted.classId;
  const ofClass = (classId, isWanted) =>
    list.filter((thing) => thing.mine.classId === classId && isWanted(thing));
  const isLeft = (thing) => !thing.mine.isRemoved && !isTouched(thing);
  const isChanged = (thing) => !thing.mine.isRemoved && isTouched(thing);
  const isGone = (thing) => thing.mine.isRemoved && !isCandidate(thing);
  return [
    ...classes.map(({ id, colour }) => layer(colour, ofClass(id, isCandidate), { dash: [2, 3] })),
    ...things.regions().map(({ key, predicted, mine }) => ({
      colour: mine.isRemoved ? removedColour : predicted.colour,
      paths: [shapes.get(key)],
      fill: !mine.isRemoved,
      dash: mine.isRemoved ? [10, 6] : [],
      width: key === chosenKey ? 5 : 2,
    })),
    ...classes.flatMap(({ id, colour }) => [
      layer(colour, ofClass(id, isLeft)),
      layer(colour, ofClass(id, isChanged), { width: 3 }),
    ]),
    layer(removedColour, list.filter(isGone), { dash: [5, 4] }),
  ];
}
