/** The buttons around the photo under review. */
import { h } from "../dom.js";
import { button, removalOf } from "./panel.js";

/** Fills the bar above the photo. `update()` of what it returns shows what can be done now. */
export function fillTools({ tools, desk, edits, canChange }) {
  const all = [
    button("Add", "a", () => desk.add()),
    button("Draw", "b", () => desk.toggleDrawing()),
    button("Remove", "x", () => desk.chosen && desk.toggleRemoved()),
    button("Undo", "u", () => edits.undo()),
    button("Redo", "y", () => edits.redo()),
    button("Hide", "h", () => desk.toggleHidden()),
    button("Not counted", "t", () => desk.toggleCandidates()),
  ];
  const [add, draw, remove, undo, redo, hide, below] = all;
  below.hidden = desk.things.candidates.size === 0;
  draw.setAttribute("aria-pressed", "false");
  tools.append(...all);
  return {
    update() {
      for (const control of [add, draw]) control.disabled = !canChange;
      draw.setAttribute("aria-pressed", String(desk.isDrawing));
      hide.setAttribute("aria-pressed", String(desk.isHidden));
      below.setAttribute("aria-pressed", String(desk.things.hasCandidates));
      remove.disabled = !canChange || desk.chosen === undefined;
      remove.firstChild.textContent = removalOf(desk.chosen);
      undo.disabled = !edits.canUndo;
      redo.disabled = !edits.canRedo;
    },
  };
}

export function zoomButtons(view, acts) {
  const zoom = (text, label, onclick) =>
    h("button", { type: "button", "aria-label": label, onclick }, text);
  return h(
    "div",
    { class: "zoom" },
    zoom("?", "All keys", acts.showKeys),
    zoom("+", "Zoom in", () => view.zoom(1.5)),
    zoom("−", "Zoom out", () => view.zoom(1 / 1.5)),
    zoom("All", "Show all of the photo", () => view.showAll()),
  );
}
