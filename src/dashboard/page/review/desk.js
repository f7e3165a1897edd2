/** Where a photo is corrected: the photo, what is chosen on it, and what can be done with it. */
import { photoCanvas } from "../photo-canvas.js";
import { editTool } from "./edit-tool.js";
import { boxAround, medianSize, moved, resized } from "./edits/boxes.js";

/** Objects that are smaller on the screen are zoomed to. */
const leastShownPx = 18;
const removedColour = "rgb(255,105,90)";
/** The most that a held arrow key moves at once, px of the screen. */
const mostStepPx = 12;

/**
 * `onChoice()` is called when another thing is chosen, `say(text)` speaks to those who hear the
 * page.
 */
export function reviewDesk({ photo, edits, canChange, onChoice, say }) {
  const { id, result, classes, objects, regions } = photo;
  const sizeWh = [result.widthPx, result.heightPx];
  const shapes = new Map();
  for (const [i, { path }] of objects.entries()) if (path) shapes.set(`p${i}`, new Path2D(path));
  for (const { number, path } of regions) shapes.set(`r${number}`, new Path2D(path));
  const measure = document.createElement("canvas").getContext("2d");
  let chosenKey;
  let order = "position";
  let isHidden = false;
  let steps = 0;

  const things = () => [...edits.things.values()];
  /** What is on the photo; an object that was added and removed again is gone. */
  const seenObjects = () =>
    things().filter(
      ({ key, kind, mine }) =>
        kind !== "region" && !(kind === "added" && mine.isRemoved && key !== chosenKey),
    );
  const seenRegions = () => things().filter(({ kind }) => kind === "region");

  const desk = {
    sizeWh,
    isDrawing: false,
    newClassId: classes[0]?.id ?? 0,
    get canChange() {
      return canChange();
    },
    get scale() {
      return view.scale;
    },
    get chosen() {
      return edits.things.get(chosenKey);
    },
    objects: () => (isHidden ? [] : seenObjects()),
    regions: seenRegions,
    redraw: () => view.redraw(),
    endGesture: () => edits.endGesture(),
    choose(key) {
      if (key === chosenKey) return;
      edits.endGesture();
      chosenKey = key;
      onChoice();
      view.redraw();
      say(key === undefined ? "Nothing is chosen." : desk.describe());
    },
    /** Chooses the next or the previous object, and brings it into view. */
    step(by, kind) {
      const list = kind === "region" ? seenRegions() : inOrder();
      if (list.length === 0) return say(`There is no ${kind ?? "object"} here.`);
      const at = list.findIndex(({ key }) => key === chosenKey);
      const next = at < 0 ? (by > 0 ? 0 : list.length - 1) : (at + by + list.length) % list.length;
      desk.choose(list[next].key);
      desk.showChosen();
    },
    showChosen() {
      const { kind, mine, predicted } = desk.chosen;
      if (kind === "region") return view.show(predicted.boxXyxy);
      const [x1, y1, x2, y2] = mine.boxXyxy;
      const isSmall = Math.max(x2 - x1, y2 - y1) * view.scale < leastShownPx;
      view.show(mine.boxXyxy, isSmall ? 0.07 : 0);
    },
    setOrder(value) {
      order = value;
    },
    setBox: (key, boxXyxy, gesture) =>
      edits.change(key, { ...edits.things.get(key).mine, boxXyxy }, gesture),
    addBox(boxXyxy) {
      const key = `a${crypto.randomUUID()}`;
      edits.add(key, { classId: desk.newClassId, boxXyxy, isRemoved: false });
      desk.choose(key);
    },
    addBoxAt(point) {
      const boxes = seenObjects()
        .filter(({ mine }) => !mine.isRemoved && mine.classId === desk.newClassId)
        .map(({ mine }) => mine.boxXyxy);
      const side = Math.max(...sizeWh) / 20;
      desk.addBox(boxAround(point, medianSize(boxes) ?? [side, side], sizeWh));
    },
    /** Adds a box of a usual size: under the pointer, or in the middle of what is seen. */
    add() {
      const [x1, y1, x2, y2] = view.seen();
      desk.addBoxAt(view.pointer ?? [(x1 + x2) / 2, (y1 + y2) / 2]);
    },
    toggleRemoved() {
      const { key, mine } = desk.chosen;
      edits.change(key, { ...mine, isRemoved: !mine.isRemoved });
      say(desk.describe());
    },
    setClass(classId) {
      desk.newClassId = classId;
      const { chosen } = desk;
      if (chosen && chosen.kind !== "region" && canChange())
        edits.change(chosen.key, { ...chosen.mine, classId });
      onChoice();
      say(chosen ? desk.describe() : `New boxes are ${nameOf(classId)}.`);
    },
    /** Moves the chosen object, or its lower right corner, by an arrow; the longer, the faster. */
    nudge([x, y], { isResize, isRepeat }) {
      steps = isRepeat ? steps + 1 : 0;
      const px = Math.max(1, Math.round(Math.min(mostStepPx, 1 + steps / 3) / view.scale));
      const { key, mine } = desk.chosen;
      const by = [x * px, y * px];
      const box = isResize
        ? resized(mine.boxXyxy, [Math.abs(x), Math.abs(y)], by, sizeWh)
        : moved(mine.boxXyxy, by, sizeWh);
      desk.setBox(key, box, `arrows ${isResize}`);
      desk.showChosen();
    },
    toggleDrawing(isDrawing = !desk.isDrawing) {
      desk.isDrawing = isDrawing;
      view.canvas.style.cursor = isDrawing ? "crosshair" : "";
      onChoice();
    },
    get isHidden() {
      return isHidden;
    },
    toggleHidden() {
      isHidden = !isHidden;
      onChoice();
      say(isHidden ? "Boxes are hidden." : "Boxes are shown.");
    },
    /** How many objects of each class count now. */
    counts() {
      const counts = new Map();
      for (const thing of seenObjects())
        if (isCounted(thing))
          counts.set(thing.mine.classId, (counts.get(thing.mine.classId) ?? 0) + 1);
      return counts;
    },
    setClassAt(index) {
      if (classes[index] === undefined) say(`There is no class ${index + 1}.`);
      else desk.setClass(classes[index].id);
    },
    zoomToChosen() {
      const { chosen } = desk;
      if (chosen) view.show(chosen.mine.boxXyxy ?? chosen.predicted.boxXyxy, 0.3);
    },
    /** What is chosen: a title, and what there is to say of it. */
    description() {
      const { chosen } = desk;
      const list = inOrder();
      if (chosen === undefined)
        return [`${list.length} objects`, "Choose one by j or k, or by a click."];
      if (chosen.kind === "region")
        return [
          chosen.predicted.title,
          chosen.mine.isRemoved ? "Wrong: it does not count." : "A region.",
        ];
      const place = list.findIndex(({ key }) => key === chosen.key) + 1;
      const [x1, y1, x2, y2] = chosen.mine.boxXyxy.map(Math.round);
      const facts = [
        chosen.mine.isRemoved && "removed",
        chosen.predicted ? `score ${chosen.predicted.score.toFixed(2)}` : "added",
        `at ${x1}, ${y1}`,
        `${x2 - x1} × ${y2 - y1} px`,
        chosen.by && `by ${chosen.by}`,
      ];
      return [
        `${nameOf(chosen.mine.classId)}, ${place} of ${list.length}`,
        facts.filter(Boolean).join(", "),
      ];
    },
    describe: () => desk.description().join(": "),
    leave: () => view.leave(),
  };

  const nameOf = (classId) => classes.find((known) => known.id === classId)?.name ?? classId;

  function inOrder() {
    const list = seenObjects();
    if (order === "score")
      return list.sort((a, b) => (a.predicted?.score ?? 2) - (b.predicted?.score ?? 2));
    // Reading order, in rows as high as a usual object.
    const high = medianSize(list.map(({ mine }) => mine.boxXyxy))?.[1] ?? 1;
    const rowOf = ({ mine }) => Math.floor((mine.boxXyxy[1] + mine.boxXyxy[3]) / 2 / (2 * high));
    return list.sort((a, b) => rowOf(a) - rowOf(b) || a.mine.boxXyxy[0] - b.mine.boxXyxy[0]);
  }

  /** As the server counts: by the region that the centre is in, where there are regions. */
  function isCounted({ predicted, mine }) {
    if (mine.isRemoved) return false;
    if (regions.length === 0) return true;
    const isRejected = (number) => edits.things.get(`r${number}`).mine.isRemoved;
    if (predicted?.boxXyxy.every((px, i) => px === mine.boxXyxy[i]))
      return predicted.region === 0 || !isRejected(predicted.region);
    const [x1, y1, x2, y2] = mine.boxXyxy;
    return regions.some(
      ({ number }) =>
        !isRejected(number) &&
        measure.isPointInPath(shapes.get(`r${number}`), (x1 + x2) / 2, (y1 + y2) / 2, "evenodd"),
    );
  }

  /** A shape holds as long as the box is where it was. */
  const shapeOf = ({ key, predicted, mine }) =>
    predicted?.boxXyxy.every((px, i) => px === mine.boxXyxy[i]) ? shapes.get(key) : undefined;
  const layer = (colour, list, rest) => ({
    colour,
    boxes: list.filter((thing) => !shapeOf(thing)).map(({ mine }) => mine.boxXyxy),
    paths: list.flatMap((thing) => shapeOf(thing) ?? []),
    ...rest,
  });

  function layers() {
    if (isHidden) return [];
    const list = seenObjects();
    const isTouched = ({ kind, predicted, mine }) =>
      kind === "added" ||
      mine.classId !== predicted.classId ||
      predicted.boxXyxy.some((px, i) => px !== mine.boxXyxy[i]);
    return [
      ...seenRegions().map(({ key, predicted, mine }) => ({
        colour: mine.isRemoved ? removedColour : predicted.colour,
        paths: [shapes.get(key)],
        fill: !mine.isRemoved,
        dash: mine.isRemoved ? [10, 6] : [],
        width: key === chosenKey ? 5 : 2,
      })),
      ...classes.flatMap(({ id: classId, colour }) => {
        const ofClass = list.filter(({ mine }) => !mine.isRemoved && mine.classId === classId);
        return [
          layer(
            colour,
            ofClass.filter((thing) => !isTouched(thing)),
          ),
          layer(colour, ofClass.filter(isTouched), { width: 3 }),
        ];
      }),
      layer(
        removedColour,
        list.filter(({ mine }) => mine.isRemoved),
        { dash: [5, 4] },
      ),
    ];
  }

  const view = photoCanvas({
    id,
    version: result.id,
    widthPx: result.widthPx,
    heightPx: result.heightPx,
    layers,
    tool: editTool(desk),
    label: "The photo. J and K choose objects, question mark lists all keys.",
  });
  desk.view = view;
  return desk;
}
