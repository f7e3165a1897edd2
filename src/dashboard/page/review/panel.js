/** Beside the photo: the counts, what is chosen, the regions, and whether the photo is done. */
import { h } from "../dom.js";
import * as format from "../format.js";
import { regionName } from "./edits/things.js";

/** Of many classes, those without an object are shown up to this place. */
const mostEmpty = 12;

/**
 * `acts` are `choose(key)`, `toggleRemoved()`, `setClass(id)`, `step(by)`, `setOrder(order)`,
 * `setReviewed(isReviewed)`, `toggleRegion(key)`, `showKeys()`. `update(state)` of what it returns
 * shows how things stand: elements stay, so that none loses the focus.
 */
export function reviewPanel({ photo, acts, canChange, why, isInList, order }) {
  const { classes, objects, regions, result } = photo;
  const found = new Map(classes.map(({ id }) => [id, 0]));
  for (const { classId, counts } of objects)
    if (counts) found.set(classId, (found.get(classId) ?? 0) + 1);
  const total = h("b");
  const predicted = h("span", { class: "quiet" });
  const rows = classes.map(({ id, name, colour }, i) => {
    const now = h("td", { class: "number" });
    const number = classes.length > 1 && i < 9 && h("kbd", null, String(1 + i));
    const swatch = h("i", {
      class: "swatch",
      style: { background: colour },
      "aria-hidden": "true",
    });
    const element = h(
      "tr",
      null,
      h("th", { scope: "row" }, swatch, h("bdi", null, name), number),
      h("td", { class: "number" }, format.count(found.get(id))),
      now,
    );
    return { id, now, element, isShown: i < mostEmpty };
  });

  const chosenTitle = h("h2", { class: "chosen-title" });
  const chosenFacts = h("p", { class: "quiet chosen-facts" });
  const classSelect = h(
    "select",
    { id: "class", onchange: () => acts.setClass(Number(classSelect.value)) },
    classes.map(({ id, name }) => h("option", { value: id }, name)),
  );
  const classLabel = h("label", { for: "class" }, "Class");
  const remove = button("Remove", "x", () => acts.toggleRemoved());
  const regionButtons = regions.map((region) => {
    const key = `r${region.number}`;
    const element = h(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        "aria-label": `Wrong: ${regionName(region)}`,
        onclick: () => acts.toggleRegion(key),
      },
      "Wrong",
    );
    return { key, element };
  });
  const reviewed = h("p", { class: "quiet", role: "status" });
  const done = button(
    isInList ? "Reviewed, next photo" : "Mark as reviewed",
    "m",
    () => acts.setReviewed(true),
    "primary",
  );
  const reopen = h(
    "button",
    { type: "button", hidden: true, onclick: () => acts.setReviewed(false) },
    "Not right after all",
  );
  const people = h("p", { class: "quiet people" });

  const element = h(
    "div",
    { class: "panel review-panel" },
    why && h("p", { class: "why-here" }, h("b", null, "Why this photo: "), why),
    h("p", { class: "total" }, total, " ", predicted),
    h(
      "div",
      { class: "chosen" },
      h(
        "div",
        { class: "chosen-head" },
        chosenTitle,
        iconButton("‹", "The previous object", "k", () => acts.step(-1)),
        iconButton("›", "The next object", "j", () => acts.step(1)),
      ),
      chosenFacts,
      h("div", { class: "chosen-acts" }, h("div", null, classLabel, classSelect), remove),
    ),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Counts" },
      h(
        "table",
        null,
        h("caption", { class: "unseen" }, "Objects by class"),
        h(
          "thead",
          null,
          h(
            "tr",
            null,
            h("th", { scope: "col" }, "Class"),
            h("th", { scope: "col", class: "number" }, "Found"),
            h("th", { scope: "col", class: "number" }, "Now"),
          ),
        ),
        h(
          "tbody",
          null,
          rows.map(({ element }) => element),
        ),
      ),
    ),
    regions.length > 0 &&
      h(
        "ul",
        { class: "region-list", "aria-label": "Regions" },
        regions.map((region, i) =>
          h(
            "li",
            null,
            h("i", {
              class: "swatch",
              style: { background: region.colour },
              "aria-hidden": "true",
            }),
            h(
              "button",
              { type: "button", class: "plain", onclick: () => acts.choose(regionButtons[i].key) },
              regionName(region),
            ),
            regionButtons[i].element,
          ),
        ),
      ),
    h("div", { class: "done" }, reviewed, done, reopen),
    people,
    h(
      "div",
      { class: "panel-foot" },
      h("label", { for: "order" }, "Step through objects"),
      h(
        "select",
        { id: "order", onchange: (event) => acts.setOrder(event.target.value) },
        h("option", { value: "position" }, "as they lie"),
        h("option", { value: "doubt", selected: order === "doubt" }, "least sure first"),
      ),
      button("All keys", "?", () => acts.showKeys()),
      h("a", { href: `#photo/${photo.id}` }, "As it was found"),
    ),
  );
  if (!canChange)
    for (const control of [done, reopen, remove, classSelect]) control.disabled = true;
  if (!canChange) for (const { element } of regionButtons) element.disabled = true;
  const predictedCount = [...found.values()].reduce((a, b) => a + b, 0);
  predicted.textContent = `${format.count(predictedCount)} found in ${format.count(result.widthPx)} × ${format.count(result.heightPx)} px`;

  return {
    element,
    done,
    focusClass: () => classSelect.focus(),
    update({ counts, chosen, description, newClassId, things, review, isBusy }) {
      total.textContent = format.plural(
        [...counts.values()].reduce((a, b) => a + b, 0),
        "object",
      );
      for (const { id, now, element, isShown } of rows) {
        const [was, is] = [found.get(id), counts.get(id) ?? 0];
        now.textContent = format.count(is);
        now.classList.toggle("changed", is !== was);
        element.hidden = !isShown && was === 0 && is === 0;
      }
      const isObject = chosen !== undefined && chosen.kind !== "region";
      const [title, facts] = description;
      chosenTitle.textContent = title;
      chosenFacts.textContent = facts;
      classLabel.textContent = isObject ? "Class" : "Class of new boxes";
      classSelect.value = String(isObject ? chosen.mine.classId : newClassId);
      remove.firstChild.textContent = removalOf(chosen);
      remove.disabled = !canChange || chosen === undefined;
      for (const { key, element: pressed } of regionButtons)
        pressed.setAttribute("aria-pressed", String(things.get(key).mine.isRemoved));
      const { reviewed: last } = review;
      reviewed.textContent = last
        ? `Reviewed by ${last.by}, ${format.moment(last.at)}.`
        : "Nobody has reviewed this photo yet.";
      reopen.hidden = !last;
      done.disabled = !canChange || isBusy;
      people.textContent =
        review.people.length === 0
          ? ""
          : `Corrections: ${review.people.map(({ by, corrections }) => `${by} ${format.count(corrections)}`).join(", ")}.`;
    },
  };
}

/** What `x` does to a thing. */
export function removalOf(thing) {
  if (thing?.kind === "candidate") return "Count it";
  return thing?.mine.isRemoved ? "Put back" : "Remove";
}

/** A button with its key. */
export function button(text, key, onclick, kind) {
  return h(
    "button",
    { type: "button", onclick, class: kind, "aria-keyshortcuts": key.toUpperCase() },
    h("span", null, text),
    h("kbd", { "aria-hidden": "true" }, key),
  );
}

function iconButton(sign, label, key, onclick) {
  return h(
    "button",
    { type: "button", onclick, "aria-label": label, "aria-keyshortcuts": key.toUpperCase() },
    sign,
  );
}
