/** What lies over the photo for a moment: what others did, conflicts, what was kept. */
import { h } from "../dom.js";
import { moment } from "../format.js";
import { deedOf, placeOfThing } from "./edits/things.js";

const mostDeeds = 4;

/** Nothing of it moves the page. `update(sync)` shows the conflicts as they are. */
export function reviewNotices({ edits, desk, nameOf, own }) {
  const [held, news, kept, problem, conflicts] = Array.from({ length: 5 }, () => h("div"));
  const element = h(
    "div",
    { class: "notices", "aria-live": "polite" },
    ...[problem, conflicts, held, news, kept],
  );
  let shownConflicts = "";

  const notice = (place, children) =>
    place.replaceChildren(
      h(
        "div",
        { class: "notice" },
        h("p", null, children),
        h(
          "button",
          {
            type: "button",
            "aria-label": "Close this notice",
            class: "plain",
            onclick: () => place.replaceChildren(),
          },
          "×",
        ),
      ),
    );

  const show = (key) => {
    desk.choose(key);
    desk.zoomToChosen();
    desk.view.canvas.focus({ preventScroll: true });
  };

  function conflictOf([key, { value, by, at }], count) {
    const thing = edits.things.get(key);
    const deed = (to) =>
      deedOf(thing, thing.predicted ? predictedValue(thing) : undefined, to, nameOf);
    const settle = (isMine) => () => {
      edits.settle(key, isMine);
      desk.view.canvas.focus({ preventScroll: true });
    };
    return h(
      "div",
      { class: "notice conflict", role: "group", "aria-label": "Both of you changed this" },
      h(
        "p",
        null,
        count > 1 && `1 of ${count}: `,
        `${placeOfThing(thing)}, you ${deed(thing.mine)}; `,
        h("b", null, by ?? "another"),
        ` ${deed(value)}${at ? ` (${moment(at)})` : ""}.`,
      ),
      h(
        "p",
        { class: "choices" },
        h("button", { type: "button", onclick: settle(true) }, "Keep mine"),
        h("button", { type: "button", onclick: settle(false) }, "Take theirs"),
        h("button", { type: "button", onclick: () => show(key) }, "Show"),
      ),
    );
  }

  return {
    element,
    showHeld(by) {
      if (held.dataset.by === (by ?? "")) return;
      held.dataset.by = by ?? "";
      if (by === undefined) held.replaceChildren();
      else
        notice(held, [
          by === own
            ? "You have this photo in another window, too, or had it a moment ago. "
            : h("b", null, by),
          by !== own &&
            " is looking at this photo, too. Nothing of either of you is lost; next takes you to another one.",
        ]);
    },
    showNews(all) {
      const list = all.filter(({ key }) => !edits.conflicts.has(key));
      if (list.length === 0) return;
      const by = [...new Set(list.map((thing) => thing.by ?? "Another"))].join(" and ");
      const deeds = list
        .slice(0, mostDeeds)
        .map((thing) => deedOf(thing, thing.before, thing.value, nameOf))
        .join(", ");
      const rest = list.length - mostDeeds;
      notice(news, [
        h("b", null, by),
        ` ${deeds}${rest > 0 ? ` and ${rest} more` : ""} meanwhile. `,
        h("button", { type: "button", class: "plain", onclick: () => show(list[0].key) }, "Show"),
      ]);
    },
    showKept: (count) =>
      notice(kept, [
        `${count === 1 ? "1 change" : `${count} changes`} of yours, which had not reached the server, ` +
          `${count === 1 ? "is" : "are"} back.`,
      ]),
    showProblem: (text) => notice(problem, [text]),
    update() {
      const key = JSON.stringify([
        ...[...edits.conflicts].map(([key, { value }]) => [key, value, edits.things.get(key).mine]),
      ]);
      if (key === shownConflicts) return;
      shownConflicts = key;
      const [first] = edits.conflicts;
      // One after another: the photo is to be seen.
      conflicts.replaceChildren(...(first ? [conflictOf(first, edits.conflicts.size)] : []));
    },
  };
}

const predictedValue = ({ predicted, kind }) =>
  kind === "region" ? { isRemoved: false } : { ...predicted, isRemoved: false };
