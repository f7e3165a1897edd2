/** One photo under two recipes: both overlays, moved together, and what only one of them found. */
import { h, problem, table } from "../dom.js";
import * as format from "../format.js";
import { fetchJson } from "../live.js";
import { photoCanvas } from "../photo-canvas.js";
import { recipeName, signed } from "./compare-view.js";
import { matchObjects } from "./match-objects.js";

export function sideBySide(room, { first, second }, id) {
  const title = h("h1", { tabindex: "-1" }, "Photo");
  const body = h("div", null, h("p", { class: "quiet", role: "status" }, "Loading…"));
  const list = (room.compared ?? []).map((photo) => photo.id);
  const at = list.indexOf(Number(id));
  const back = room.lastComparison ?? `#compare?with=${first.hash}`;
  const step = (by) => {
    const other = at < 0 ? undefined : list[at + by];
    if (other !== undefined) room.go(`#compare/${other}?with=${first.hash}`);
  };
  let isGone = false;
  let views = [];
  const onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, dialog")) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (event.key === "Escape") room.go(back);
  };
  document.addEventListener("keydown", onkeydown);
  const read = ({ hash }) => fetchJson(`/api/photos/${encodeURIComponent(id)}?recipe=${hash}`);
  Promise.all([first, second].map(read)).then(
    (photos) => {
      if (isGone) return;
      title.replaceChildren(h("bdi", null, photos[1].name));
      document.title = `${photos[1].name} – Orangery`;
      if (photos.every(({ result }) => result)) {
        const drawn = draw(photos, [first, second], at >= 0 && list.length > 1);
        views = drawn.views;
        body.replaceChildren(...drawn.elements);
      } else {
        body.replaceChildren(
          h("p", { class: "notice" }, "Only one of the recipes has a result for this photo."),
        );
      }
    },
    (error) => isGone || body.replaceChildren(...problem(error, room.again)),
  );
  const button = (name, by, key) =>
    h(
      "button",
      {
        type: "button",
        disabled: list[at + by] === undefined || at < 0,
        onclick: () => step(by),
        "aria-keyshortcuts": key,
      },
      name,
    );
  return {
    elements: [
      h(
        "nav",
        { class: "steps", "aria-label": "Photos that differ" },
        h("a", { href: back }, "Back to the comparison"),
        button("Previous", -1, "p"),
        button("Next", 1, "n"),
      ),
      title,
      body,
    ],
    leave() {
      isGone = true;
      document.removeEventListener("keydown", onkeydown);
      for (const view of views) view.leave();
    },
  };
}

/** `hasList` is whether there are photos before or after this one. */
function draw(photos, recipes, hasList) {
  const objects = photos.map(({ classes, objects }) => {
    const names = new Map(classes.map(({ id, name }) => [id, name]));
    return objects
      .filter(({ counts }) => counts)
      .map((object) => ({
        ...object,
        name: names.get(object.classId),
        shape: object.path && new Path2D(object.path),
      }));
  });
  const matched = matchObjects(...objects);
  let showsBoth = true;
  const views = photos.map((photo, side) => {
    const layers = () => {
      const of = (isMatched) => objects[side].filter((_, i) => matched[side][i] === isMatched);
      const layer = (found, style) => ({
        ...style,
        boxes: found.filter(({ shape }) => !shape).map(({ boxXyxy }) => boxXyxy),
        paths: found.flatMap(({ shape }) => shape ?? []),
      });
      return [
        ...(showsBoth ? [layer(of(true), { colour: "#dfe6da", width: 1 })] : []),
        layer(of(false), { colour: side === 0 ? "#4fb3ff" : "#ff9a3d", width: 2.5 }),
      ];
    };
    const { widthPx, heightPx, id } = photo.result;
    const what = `${recipeName(recipes[side])}: arrow keys move it, plus and minus zoom, 0 shows all of it.`;
    return photoCanvas({
      ...{ id: photo.id, version: id, widthPx, heightPx, layers },
      label: what,
      onMove: (view) => views[1 - side].moveTo(view),
    });
  });
  const only = matched.map((flags) => flags.filter((is) => !is).length);
  const both = matched[0].length - only[0];
  const names = [...new Set(objects.flat().map(({ name }) => name))].sort();
  const countOf = (side, name) => objects[side].filter((object) => object.name === name).length;
  const elements = [
    h(
      "div",
      { class: "twins" },
      views.map(({ canvas }, side) =>
        h(
          "figure",
          null,
          h(
            "figcaption",
            null,
            h("b", null, side === 0 ? "Before" : "Now"),
            ` ${recipeName(recipes[side])}: `,
            h("b", null, format.plural(objects[side].length, "object")),
            h("span", { class: `only o${side}` }, `${format.count(only[side])} only here`),
          ),
          h("div", { class: "stage" }, canvas),
        ),
      ),
    ),
    h(
      "div",
      { class: "panel" },
      h(
        "label",
        { class: "both" },
        h("input", {
          type: "checkbox",
          checked: true,
          onchange: (event) => {
            showsBoth = event.target.checked;
            for (const view of views) view.redraw();
          },
        }),
        `Show the ${format.plural(both, "object")} that both found`,
      ),
      table(
        "Objects of this photo by class",
        [["Class"], ["Before", true], ["Now", true], ["Difference", true]],
        names.map((name) => {
          const [was, is] = [countOf(0, name), countOf(1, name)];
          return [name, was, is, h("span", { class: "right" }, signed(is - was))];
        }),
      ),
      h(
        "p",
        { class: "quiet keys" },
        hasList ? "n and p step through the photos, Esc goes back. " : "Esc goes back. ",
        "Both pictures move together.",
      ),
    ),
  ];
  return { views, elements };
}
