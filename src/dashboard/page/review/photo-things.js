/** What there is on a photo under review: which objects, in which order, and how many count. */
import { medianSize, moved } from "./edits/boxes.js";

/** More would hide the photo. */
const mostCandidates = 300;

/**
 * The things of `edits` as they are seen. *Candidates* are objects that were recorded and did not
 * count, below the threshold. `shapes` has the paths of regions by key, `chosenKey()` is the key of
 * what is chosen.
 */
export function photoThings({ photo, edits, shapes, chosenKey, showsCandidates }) {
  const { result, objects, regions } = photo;
  const candidates = candidatesOf(objects, [result.widthPx, result.heightPx]);
  const doubtOf = doubtsOf(objects, candidates);
  const measure = document.createElement("canvas").getContext("2d");

  const all = {
    order: showsCandidates ? "doubt" : "position",
    hasCandidates: showsCandidates && candidates.size > 0,
    candidates,
    get: (key) => edits.things.get(key) ?? candidates.get(key),
    regions: () => [...edits.things.values()].filter(({ kind }) => kind === "region"),
    /** Without candidates, and without objects that were added and removed again. */
    objects: () =>
      [...edits.things.values()].filter(
        ({ key, kind, mine }) =>
          kind !== "region" && !(kind === "added" && mine.isRemoved && key !== chosenKey()),
      ),
    /** With the candidates that are shown and that nobody made count. */
    seen() {
      const list = all.objects();
      if (!all.hasCandidates) return list;
      const isAdded = ({ kind, mine }) => kind === "added" && !mine.isRemoved;
      const added = new Set(list.filter(isAdded).map(({ mine }) => mine.boxXyxy.join()));
      return [
        ...list,
        ...[...candidates.values()].filter(({ mine }) => !added.has(mine.boxXyxy.join())),
      ];
    },
    /** In the order in which keys step through them. */
    inOrder() {
      const isSeen = new Set(all.seen());
      return sorted().filter((thing) => isSeen.has(thing));
    },
    /** How many objects of each class count now. */
    counts() {
      const counts = new Map();
      for (const thing of all.objects()) {
        if (!isCounted(thing)) continue;
        const { classId } = thing.mine;
        counts.set(classId, (counts.get(classId) ?? 0) + 1);
      }
      return counts;
    },
    /** Changes when anything of what is seen does. */
    get state() {
      return `${edits.version} ${chosenKey()} ${all.order} ${all.hasCandidates}`;
    },
  };

  /** Sorted again only when the objects change: a moved one keeps its position. */
  const sorted = remembered(
    () => `${edits.things.size} ${all.order}`,
    () => {
      const list = [...edits.things.values(), ...candidates.values()].filter(
        ({ kind }) => kind !== "region",
      );
      if (all.order === "doubt") return list.sort((a, b) => doubtOf(a) - doubtOf(b));
      // Reading order, in rows of two usual objects.
      const high = medianSize(list.map(({ mine }) => mine.boxXyxy))?.[1] ?? 1;
      const rowOf = ({ mine }) => Math.floor((mine.boxXyxy[1] + mine.boxXyxy[3]) / 2 / (2 * high));
      return list.sort((a, b) => rowOf(a) - rowOf(b) || a.mine.boxXyxy[0] - b.mine.boxXyxy[0]);
    },
  );

  /** As the server counts: by the region that the centre is in, where there are regions. */
  function isCounted(thing) {
    const { predicted, mine } = thing;
    if (mine.isRemoved) return false;
    if (regions.length === 0) return true;
    const isRejected = (number) => edits.things.get(`r${number}`).mine.isRemoved;
    if (isWhereFound(thing)) return predicted.region === 0 || !isRejected(predicted.region);
    const [x1, y1, x2, y2] = mine.boxXyxy;
    return regions.some(
      ({ number }) =>
        !isRejected(number) &&
        measure.isPointInPath(shapes.get(`r${number}`), (x1 + x2) / 2, (y1 + y2) / 2, "evenodd"),
    );
  }

  for (const name of ["seen", "inOrder", "counts"])
    all[name] = remembered(() => all.state, all[name]);
  return all;
}

/** Makes a value anew only when its key has changed. */
export function remembered(keyOf, make) {
  let [known, value] = [];
  return () => {
    const key = keyOf();
    if (key !== known) [known, value] = [key, make()];
    return value;
  };
}

/** Whether the box of an object is the one that was predicted. */
export const isWhereFound = ({ predicted, mine }) =>
  predicted !== undefined &&
  (predicted.boxXyxy === mine.boxXyxy ||
    predicted.boxXyxy.every((px, i) => px === mine.boxXyxy[i]));

/** The likeliest candidates, by key. */
function candidatesOf(objects, sizeWh) {
  const likeliest = objects
    .filter(({ counts }) => !counts)
    .sort((a, b) => b.score - a.score)
    .slice(0, mostCandidates);
  return new Map(
    likeliest.map((predicted, i) => {
      const boxXyxy = moved(predicted.boxXyxy, [0, 0], sizeWh);
      const mine = { classId: predicted.classId, boxXyxy, isRemoved: true };
      return [`u${i}`, { key: `u${i}`, kind: "candidate", predicted, mine }];
    }),
  );
}

/** Returns how far the score of a thing is from the threshold; what people drew comes last. */
function doubtsOf(objects, candidates) {
  const open = [...candidates.values()];
  const least = objects.reduce(
    (low, { counts, score }) => (counts ? Math.min(low, score) : low),
    1,
  );
  const most = open.reduce((high, { predicted }) => Math.max(high, predicted.score), 0);
  const threshold = open.length > 0 ? (least + most) / 2 : least;
  const byBox = new Map(open.map(({ mine, predicted }) => [mine.boxXyxy.join(), predicted.score]));
  return ({ predicted, mine }) =>
    Math.abs((predicted?.score ?? byBox.get(mine.boxXyxy.join()) ?? 2) - threshold);
}
