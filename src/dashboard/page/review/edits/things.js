/** The things of a photo, and words for them. */
import { isSame } from "./edits.js";

/** All things of a photo: as they were found, and as people left those that they touched. */
export function thingsOf({ objects, regions }, review) {
  const touched = new Map(review.things.map((thing) => [thing.key, thing]));
  const found = [
    ...objects
      .filter(({ counts }) => counts)
      .map((predicted, i) => ({
        key: `p${i}`,
        kind: "object",
        object: `p${i}`,
        predicted,
        value: { classId: predicted.classId, boxXyxy: predicted.boxXyxy, isRemoved: false },
      })),
    ...regions.map((predicted) => ({
      key: `r${predicted.number}`,
      kind: "region",
      predicted,
      value: { isRemoved: false },
    })),
  ];
  const added = review.things.filter(({ kind }) => kind === "added");
  // What is as it was found has nothing to undo any more.
  const untouched = { undo: {}, by: undefined, at: undefined };
  return [
    ...found.map((thing) => ({ ...untouched, ...thing, ...touched.get(thing.key) })),
    ...added,
  ];
}

/** Regions without a name of their own have their number as a title. */
export const regionName = ({ title }) => (/^\d+$/.test(title) ? `region ${title}` : title);

/** Says what was done to a thing, in words that follow a name or "you". */
export function deedOf({ kind, predicted }, before, value, nameOf) {
  if (kind === "region")
    return `${value.isRemoved ? "rejected" : "put back"} ${regionName(predicted)}`;
  const name = nameOf(value.classId);
  if (before === undefined) return `added ${name}`;
  if (value.isRemoved) return `removed ${name}`;
  if (before.isRemoved) return kind === "added" ? `added ${name}` : `put ${name} back`;
  if (before.classId !== value.classId) return `made ${nameOf(before.classId)} ${name}`;
  return isSame(before, value) ? `left ${name}` : `moved ${name}`;
}

/** Where a thing is, for people. */
export const placeOfThing = ({ predicted, mine }) =>
  mine.boxXyxy
    ? `at ${Math.round(mine.boxXyxy[0])}, ${Math.round(mine.boxXyxy[1])}`
    : regionName(predicted);
