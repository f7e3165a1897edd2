/** A kind of list: how far the newest of it is, and a form to choose photos anew. */
import { h } from "../../dom.js";
import * as format from "../../format.js";
import { kinds } from "./reasons.js";

const usualSize = 200;

/**
 * `list` is undefined where none was chosen yet. `goOn(list, problem)` opens its next photo,
 * `choose(kind, size, { draw, problem })` chooses photos; `problem` takes what went wrong.
 */
export function listCard({ kind, list, mayChange, isChosen, goOn, choose }) {
  const { title, about } = kinds[kind];
  const problem = h("p", { class: "trouble", role: "alert" });
  const size = h("input", {
    type: "number",
    min: "1",
    max: "5000",
    required: true,
    value: String(list?.size ?? usualSize),
    "aria-label": `Photos to choose: ${title}`,
  });
  const draw = h("button", { class: !list && "primary" }, list ? "Choose anew" : "Choose photos");
  const { progress } = list ?? {};
  const isEmpty = progress?.photos === 0;
  return h(
    "li",
    { class: isChosen && "chosen-list" },
    h("h2", null, title),
    h("p", { class: "quiet" }, about),
    list &&
      h("progress", {
        value: String(isEmpty ? 1 : (progress.reviewed + progress.gone) / progress.photos),
        max: "1",
        "aria-label": `Reviewed: ${title}`,
      }),
    h("p", { class: "how-far" }, list ? howFar(list) : "Not chosen yet."),
    h(
      "p",
      { class: "choices" },
      list &&
        mayChange &&
        progress.open > 0 &&
        h(
          "button",
          {
            type: "button",
            class: "primary",
            onclick: () => goOn(list, problem),
          },
          progress.reviewed > 0 ? "Continue" : "Start",
        ),
      list &&
        !isEmpty &&
        h(
          "a",
          {
            class: "button",
            href: `#review?list=${list.id}`,
            "aria-current": isChosen && "true",
          },
          "See photos",
        ),
    ),
    mayChange &&
      h(
        "form",
        {
          class: "draw",
          onsubmit: (event) => {
            event.preventDefault();
            void choose(kind, Number(size.value), { draw, problem });
          },
        },
        size,
        draw,
      ),
    problem,
  );
}

function howFar({ photos, progress: { photos: all, reviewed, held, gone } }) {
  if (all === 0) return `None of ${format.plural(photos, "photo")} is so.`;
  const more = [
    [held, "in progress"],
    [gone, "gone"],
  ];
  return [
    `${format.count(reviewed)} of ${format.plural(all, "photo")} reviewed`,
    ...more.flatMap(([count, name]) => (count > 0 ? `${format.count(count)} ${name}` : [])),
  ].join(", ");
}
