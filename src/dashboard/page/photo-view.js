/** The screen of one photo: layers by class, and a slider whose counts are of what was recorded. */
import { h, problem } from "./dom.js";
import * as format from "./format.js";
import { fetchJson } from "./live.js";
import { changeButtons } from "./management/photo-changes.js";
import { photoCanvas } from "./photo-canvas.js";

export function photoView(room, _parameters, id) {
  const title = h("h1", { tabindex: "-1" }, "Photo");
  const body = h("div", { class: "photo" });
  let canvas;
  let isGone = false;
  let at = room.list.indexOf(Number(id));
  const other = (by) => (at < 0 ? undefined : room.list[at + by]);
  const hasOthers = () => other(-1) !== undefined || other(1) !== undefined;
  const step = (by) => {
    if (other(by) !== undefined) room.go(`#photo/${other(by)}`);
  };
  const onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, dialog")) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (event.key === "Escape") room.go(room.lastList);
  };
  document.addEventListener("keydown", onkeydown);
  const button = (name, by, key) =>
    h("button", { type: "button", onclick: () => step(by), "aria-keyshortcuts": key }, name);
  const back = h("a", null, "Back to the list");
  const [previous, next] = [button("Previous", -1, "p"), button("Next", 1, "n")];
  const showSteps = () => {
    back.href = room.lastList;
    previous.disabled = other(-1) === undefined;
    next.disabled = other(1) === undefined;
  };
  showSteps();
  const steps = h("nav", { class: "steps", "aria-label": "Photos of the list" }, [
    ...[back, previous, next],
    h("a", { href: `#review/${id}` }, "Review it"),
  ]);

  /** One that was not opened from a list is looked for among the newest results. */
  async function findList() {
    if (at >= 0) return;
    try {
      const newest = await fetchJson(`/api/photos?recipe=${room.recipe}&order=newest`);
      const list = newest.photos.map((photo) => photo.id);
      if (isGone || !list.includes(Number(id))) return;
      room.list = list;
      room.lastList = "#photos?order=newest";
      at = list.indexOf(Number(id));
      showSteps();
    } catch {
      // The photo is shown without those beside it.
    }
  }

  const photoItself = fetchJson(`/api/photos/${encodeURIComponent(id)}?recipe=${room.recipe}`);
  Promise.all([photoItself, findList()]).then(
    ([photo]) => {
      if (isGone) return;
      title.replaceChildren(h("bdi", null, photo.name));
      document.title = `${photo.name} – Orangery`;
      if (!photo.result) return body.replaceChildren(withoutResult(photo, changesOf(photo)));
      canvas = drawPhoto(photo, body, { changes: changesOf(photo), hasList: hasOthers() });
    },
    (error) => isGone || body.replaceChildren(...problem(error, room.again)),
  );
  function changesOf({ id: photoId, state }) {
    if (!room.setup.canChange) return undefined;
    const { buttons, status } = changeButtons(room, {
      target: () => ({ ids: [photoId] }),
      states: [state],
      onDone: (change) => {
        if (change === "forget") room.go(room.lastList);
        else room.again();
      },
    });
    return h("div", { class: "management" }, buttons, status);
  }
  return {
    elements: [steps, title, body],
    leave() {
      isGone = true;
      document.removeEventListener("keydown", onkeydown);
      canvas?.leave();
    },
  };
}

function withoutResult({ folder, state, reason }, changes) {
  return h(
    "div",
    { class: "failure" },
    h("p", { class: "path quiet" }, h("bdi", null, folder)),
    h(
      "h2",
      null,
      state === "failed" ? "This photo has failed." : `This photo is ${format.stateName(state)}.`,
    ),
    reason && h("p", null, reason.meaning, " ", reason.advice),
    reason && h("p", { class: "why" }, h("code", null, reason.code), " ", reason.message),
    changes,
  );
}

/** `hasList` is whether there are photos before or after this one. */
function drawPhoto(photo, body, { changes, hasList }) {
  const { id, result, classes, objects, regions, folder, takenAt } = photo;
  const hidden = new Set();
  let showsRegions = true;
  /** Undefined as long as the recipe's own thresholds count. */
  let minScore;
  for (const object of objects) if (object.path) object.shape = new Path2D(object.path);
  for (const region of regions) region.shape = new Path2D(region.path);
  // As the commands do, scores and thresholds are compared in the precision of the network.
  const counting = () =>
    objects.filter(({ score, counts }) =>
      minScore === undefined ? counts : score > Math.fround(minScore),
    );

  const layers = () => [
    ...(showsRegions
      ? regions.map(({ colour, shape }) => ({ colour, paths: [shape], fill: true, width: 2 }))
      : []),
    ...classes
      .filter((known) => !hidden.has(known.id))
      .map((known) => {
        const ofClass = counting().filter(({ classId }) => classId === known.id);
        return {
          colour: known.colour,
          boxes: ofClass.filter(({ shape }) => !shape).map(({ boxXyxy }) => boxXyxy),
          paths: ofClass.flatMap(({ shape }) => shape ?? []),
        };
      }),
  ];
  const view = photoCanvas({
    id,
    version: result.id,
    widthPx: result.widthPx,
    heightPx: result.heightPx,
    layers,
  });
  const withoutPicture = h(
    "p",
    { class: "notice", role: "status", hidden: true },
    "The photo cannot be read, or has changed since it was counted. What was found is shown without it.",
  );
  view.canvas.addEventListener("nopicture", () => {
    withoutPicture.hidden = false;
  });

  const present = classes.filter((known) => objects.some(({ classId }) => classId === known.id));
  const counts = new Map();
  const total = h("output", { for: "score" });
  const legend = h(
    "ul",
    { class: "layers" },
    present.map((known) => {
      const count = h("b");
      counts.set(known.id, count);
      return layer(known.name, known.colour, count, (isShown) => {
        if (isShown) hidden.delete(known.id);
        else hidden.add(known.id);
      });
    }),
    regions.length > 0 &&
      layer("Regions", regions[0].colour, h("b", null, format.count(regions.length)), (isShown) => {
        showsRegions = isShown;
      }),
  );

  function layer(name, colour, count, toggle) {
    return h(
      "li",
      null,
      h(
        "label",
        null,
        h("input", {
          type: "checkbox",
          checked: true,
          onchange: (event) => {
            toggle(event.target.checked);
            view.redraw();
          },
        }),
        h("i", { class: "swatch", style: { background: colour }, "aria-hidden": "true" }),
        h("span", null, name),
        count,
      ),
    );
  }

  const least = objects.reduce((score, object) => Math.min(score, object.score), 1);
  const floor = Math.floor(100 * least) / 100;
  const counted = objects.reduce(
    (score, object) => (object.counts ? Math.min(score, object.score) : score),
    1,
  );
  const slider = h("input", {
    id: "score",
    type: "range",
    min: String(floor),
    max: "1",
    step: "0.01",
    value: String(Math.floor(100 * counted) / 100),
    oninput: () => {
      minScore = Number(slider.value);
      update();
    },
  });
  const shown = h("b");
  const asCounted = h(
    "button",
    {
      type: "button",
      onclick: () => {
        minScore = undefined;
        slider.value = String(Math.floor(100 * counted) / 100);
        update();
      },
    },
    "As counted",
  );
  const regionRows = h("tbody");

  function update() {
    const list = counting();
    for (const [classId, element] of counts)
      element.textContent = format.count(
        list.filter((object) => object.classId === classId).length,
      );
    total.textContent = format.plural(list.length, "object");
    shown.textContent =
      minScore === undefined ? "as the recipe counts" : `above ${minScore.toFixed(2)}`;
    slider.setAttribute("aria-valuetext", `${shown.textContent}: ${total.textContent}`);
    asCounted.disabled = minScore === undefined;
    regionRows.replaceChildren(
      ...regions.map(({ number, title, colour }) =>
        h(
          "tr",
          null,
          h(
            "th",
            { scope: "row" },
            h("i", { class: "swatch", style: { background: colour }, "aria-hidden": "true" }),
            title,
          ),
          h(
            "td",
            { class: "number" },
            format.count(list.filter(({ region }) => region === number).length),
          ),
        ),
      ),
    );
    view.redraw();
  }
  update();

  body.replaceChildren(
    h(
      "div",
      { class: "stage" },
      view.canvas,
      h("div", { class: "notices" }, withoutPicture),
      h(
        "div",
        { class: "zoom" },
        h(
          "button",
          { type: "button", "aria-label": "Zoom in", onclick: () => view.zoom(1.5) },
          "+",
        ),
        h(
          "button",
          { type: "button", "aria-label": "Zoom out", onclick: () => view.zoom(1 / 1.5) },
          "−",
        ),
        h("button", { type: "button", onclick: () => view.showAll() }, "All"),
      ),
    ),
    h(
      "div",
      { class: "panel" },
      h("p", { class: "total" }, total),
      objects.length > 0 &&
        h(
          "div",
          { class: "slider" },
          h("label", { for: "score" }, "Count objects ", shown),
          slider,
          asCounted,
        ),
      legend,
      regions.length > 0 && h("table", null, h("caption", null, "By region"), regionRows),
      h(
        "dl",
        { class: "facts" },
        [
          ["Folder", h("bdi", { class: "path" }, folder)],
          ["Size", `${format.count(result.widthPx)} × ${format.count(result.heightPx)} px`],
          ["Taken", format.cameraTime(takenAt) || "not known"],
          ["Counted", `${format.moment(result.createdAt)} on ${result.device}`],
          ...(result.warnings.length
            ? [["Warnings", result.warnings.map(format.warningName).join(", ")]]
            : []),
        ].map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
      ),
      h(
        "p",
        { class: "quiet keys" },
        `Keys: ${hasList ? "n and p for the next and previous photo, " : ""}Esc for the list; ` +
          "on the photo + and − zoom, arrows move.",
      ),
      changes,
    ),
  );
  return view;
}
