/** The screen Log: what people did, here and by commands. */
import { h, problem } from "../dom.js";
import * as format from "../format.js";
import { fetchJson } from "../live.js";

/** What each did, with its number where that says something. */
const sentences = {
  retry: (photos) => `retried ${photos}`,
  exclude: (photos) => `excluded ${photos}`,
  include: (photos) => `included ${photos} again`,
  forget: (photos) => `forgot ${photos}`,
  pause: () => "paused runs",
  resume: () => "resumed runs",
  "retry-jobs": (_, jobs) => `retried ${jobs}`,
  "drop-jobs": (_, jobs) => `dropped ${jobs}`,
  "move-jobs-first": (_, jobs) => `moved ${jobs} first`,
  "pause-queue": () => "paused a queue",
  "resume-queue": () => "resumed a queue",
  "drain-worker": () => "drained a worker",
  "resume-worker": () => "resumed a worker",
  "recycle-worker": () => "replaced the process of a worker",
};

export function actionsView(room) {
  const body = h("div", null, h("p", { class: "quiet", role: "status" }, "Loading…"));
  let isGone = false;
  fetchJson(`/api/management/actions?recipe=${room.recipe}`).then(
    ({ actions }) => {
      if (!isGone) body.replaceChildren(draw(actions, room.setup.recipes));
    },
    (error) => isGone || body.replaceChildren(...problem(error, room.again)),
  );
  return {
    elements: [
      h("h1", { tabindex: "-1" }, "Log"),
      h(
        "p",
        { class: "quiet lead" },
        "What people did, here and by commands, the newest first. ",
        h("code", null, "orangery photos actions"),
        " prints the same. Corrections are with the photos that they correct.",
      ),
      body,
    ],
    leave() {
      isGone = true;
    },
  };
}

function draw(actions, recipes) {
  if (actions.length === 0) return h("p", { class: "quiet" }, "Nobody has done anything yet.");
  const names = new Map(recipes.map(({ hash, name }) => [hash, name ?? hash.slice(0, 8)]));
  return h(
    "ol",
    { class: "log" },
    actions.map(({ beganAt, endedAt, person, via, kind, number, recipeHash, filter }) => {
      const what = sentences[kind] ?? (() => kind);
      const which = Object.entries(filter).map(([name, value]) => `${name} ${value}`);
      return h(
        "li",
        null,
        h("time", { class: "quiet", datetime: beganAt }, format.moment(beganAt)),
        h(
          "div",
          null,
          h("b", null, h("bdi", null, person)),
          ` ${what(format.plural(number, "photo"), format.plural(number, "job"))}`,
          !endedAt && h("span", { class: "chip" }, "not ended"),
          h(
            "span",
            { class: "why" },
            [
              which.join(", "),
              recipeHash && `recipe ${names.get(recipeHash) ?? recipeHash.slice(0, 8)}`,
              via === "command line" && "by a command",
            ]
              .filter(Boolean)
              .join(" · "),
          ),
        ),
      );
    }),
  );
}
