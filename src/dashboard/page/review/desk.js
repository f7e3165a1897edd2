/** The workplace for correcting a photo: the photo, the selection, and the actions on it. */
import * as format from "../format.js";
import { photoCanvas } from "../photo-canvas.js";
import { editTool } from "./edit-tool.js";
import { boxAround, medianSize, moved, resized } from "./edits/boxes.js";
import { newId } from "./edits/new-id.js";
import { regionName } from "./edits/things.js";
import { reviewLayers } from "./photo-layers.js";
import { photoThings, remembered } from "./photo-things.js";

/** Objects that are smaller on the screen are zoomed to. */
const leastShownPx = 18;
/** The most that a held arrow key moves at once, px of the screen. */
const mostStepPx = 12;

/**
 * `showsCandidates` is whether objects below the threshold are shown from the start, `onChoice()` is
 * called when another thing is chosen, `say(text)` speaks to those who hear the page.
 */
export function reviewDesk({ photo, edits, canChange, showsCandidates, onChoice, say }) {
  const { id, result, classes, objects, regions } = photo;
  const sizeWh = [result.widthPx, result.heightPx];
  const shapes = new Map();
  for (const [i, { path }] of objects.entries()) if (path) shapes.set(`p${i}`, new Path2D(path));
  for (const { number, path } of regions) shapes.set(`r${number}`, new Path2D(path));
  let chosenKey;
  let isHidden = false;
  let steps = 0;
  const things = photoThings({
    photo,
    edits,
    shapes,
    chosenKey: () => chosenKey,
    showsCandidates,
  });
  const layers = remembered(
    () => things.state,
    () => reviewLayers({ things, classes, shapes, chosenKey }),
  );
  const nameOf = (classId) => classes.find((known) => known.id === classId)?.name ?? classId;

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
      return things.get(chosenKey);
    },
    objects: () => (isHidden ? [] : things.seen()),
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
      const list = kind === "region" ? things.regions() : things.inOrder();
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
    things,
    setBox: (key, boxXyxy, gesture) =>
      edits.change(key, { ...edits.things.get(key).mine, boxXyxy }, gesture),
    addBox(boxXyxy, classId = desk.newClassId) {
      const key = `a${newId()}`;
      edits.add(key, { classId, boxXyxy, isRemoved: false });
      desk.choose(key);
    },
    addBoxAt(point) {
      const boxes = things
        .objects()
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
    /** Removes what is chosen, or puts it back; what was below the threshold counts then. */
    toggleRemoved() {
      const { key, kind, mine } = desk.chosen;
      if (kind === "candidate") return desk.addBox(mine.boxXyxy, mine.classId);
      edits.change(key, { ...mine, isRemoved: !mine.isRemoved });
      say(desk.describe());
    },
    setClass(classId) {
      desk.newClassId = classId;
      const { chosen } = desk;
      if (chosen?.kind === "candidate" && canChange())
        return desk.addBox(chosen.mine.boxXyxy, classId);
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
    toggleCandidates() {
      const { candidates } = things;
      things.hasCandidates = !things.hasCandidates && candidates.size > 0;
      if (desk.chosen?.kind === "candidate") desk.choose(undefined);
      onChoice();
      if (candidates.size === 0) say("Nothing below the threshold was recorded.");
      else
        say(things.hasCandidates ? `${candidates.size} below the threshold.` : "Only what counts.");
    },
    get isHidden() {
      return isHidden;
    },
    toggleHidden() {
      isHidden = !isHidden;
      onChoice();
      say(isHidden ? "Boxes are hidden." : "Boxes are shown.");
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
      const list = things.inOrder();
      if (chosen === undefined)
        return [format.plural(list.length, "object"), "Choose one by j or k, or by a click."];
      if (chosen.kind === "region")
        return [
          regionName(chosen.predicted),
          chosen.mine.isRemoved ? "Wrong: it does not count." : "A region.",
        ];
      const place = list.findIndex(({ key }) => key === chosen.key) + 1;
      const [x1, y1, x2, y2] = chosen.mine.boxXyxy.map(Math.round);
      const facts = [
        chosen.kind === "candidate" ? "not counted" : chosen.mine.isRemoved && "removed",
        chosen.predicted ? `score ${chosen.predicted.score.toFixed(2)}` : "added",
        `at ${x1}, ${y1}`,
        `${x2 - x1} × ${y2 - y1} px`,
        chosen.by && `by ${chosen.by}`,
      ];
      return [
        `${nameOf(chosen.mine.classId)}, ${format.count(place)} of ${format.count(list.length)}`,
        facts.filter(Boolean).join(", "),
      ];
    },
    describe: () => desk.description().join(": "),
    leave: () => view.leave(),
  };

  const view = photoCanvas({
    id,
    version: result.id,
    widthPx: result.widthPx,
    heightPx: result.heightPx,
    layers: () => (isHidden ? [] : layers()),
    tool: editTool(desk),
    label: "The photo. J and K choose objects, question mark lists all keys.",
  });
  desk.view = view;
  return desk;
}
