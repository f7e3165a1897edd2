/** The screen Review: lists of photos that are worth a look, and what they come to. */
import { h, problem as problemOf } from "../../dom.js";
import * as format from "../../format.js";
import { askPersonName, personName } from "../../person.js";
import { photosWithKept } from "../edits/kept-edits.js";
import { newId } from "../edits/new-id.js";
import { ask, session } from "../edits/review-server.js";
import { estimatePanel } from "./estimate-panel.js";
import { listCard } from "./list-card.js";
import { listPhotos } from "./list-photos.js";
import { kinds } from "./reasons.js";

/** Choosing looks at all photos, ms. */
const drawLimitMs = 10 * 60_000;

export function listsView(room, parameters) {
  const mayChange = room.setup.canChange;
  const query = `recipe=${encodeURIComponent(room.recipe)}`;
  const status = h("p", { class: "quiet list-status", role: "status" }, "Loading…");
  const person = h("p", { class: "quiet person" });
  const kept = h("div");
  const cards = h("ul", { class: "kinds" });
  const estimate = h("div");
  const photos = h("div");
  const wanted = Number(parameters.get("list"));
  let isGone = false;

  async function load() {
    const { lists, identity } = await ask(`/api/review?${query}&list=${wanted}`);
    if (isGone) return;
    status.textContent = mayChange ? "" : "You may look, not correct.";
    cards.replaceChildren(
      ...Object.keys(kinds).map((kind) => {
        const list = lists.find((known) => known.kind === kind);
        return listCard({ kind, list, mayChange, isChosen: list?.id === wanted, goOn, choose });
      }),
    );
    drawKept(identity);
    const chosen = lists.find(({ id }) => id === wanted);
    if (wanted && !chosen) status.textContent = "There is no such list any more.";
    const sample = chosen?.kind === "sample" ? chosen : lists.find(({ kind }) => kind === "sample");
    const shared = { query, isGone: () => isGone };
    // One after the other: what comes later moves nothing that is there.
    if (sample) await estimatePanel(estimate, { list: sample, ...shared });
    if (chosen) await listPhotos(photos, { list: chosen, ...shared });
  }

  function drawPerson() {
    if (!mayChange) return;
    person.replaceChildren(
      personName() ? `You are ${personName()}. ` : "",
      h(
        "button",
        {
          type: "button",
          class: "plain",
          onclick: () => askPersonName().then(drawPerson),
        },
        personName() ? "Another name" : "Give your name",
      ),
    );
  }

  function drawKept(identity) {
    const ids = photosWithKept({ identity, recipe: room.recipe });
    kept.replaceChildren(
      ...(ids.length === 0
        ? []
        : [
            h(
              "p",
              { class: "notice" },
              `${format.plural(ids.length, "photo has", "photos have")} changes of yours that have ` +
                "not reached the server. They are kept in this browser, and sent when you open ",
              ids
                .slice(0, 5)
                .flatMap((id, i) => [
                  i > 0 && ", ",
                  h("a", { href: `#review/${id}` }, `photo ${id}`),
                ]),
              ".",
            ),
          ]),
    );
  }

  async function named() {
    const by = personName() || (await askPersonName());
    drawPerson();
    return by;
  }

  async function goOn(list, problem) {
    const by = await named();
    if (by === undefined) return;
    try {
      const { photo } = await ask(`/api/review/lists/${list.id}/next?${query}`, {
        after: 0,
        by,
        session,
      });
      if (photo) room.go(`#review/${photo.id}?list=${list.id}&at=${photo.position}`);
      else problem.textContent = "Others are working on all open photos.";
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  async function choose(kind, size, { draw, problem }) {
    const by = await named();
    if (by === undefined) return;
    const { textContent: name } = draw;
    draw.disabled = true;
    draw.textContent = "Choosing…";
    problem.textContent = "";
    try {
      const body = { kind, size, by, token: newId() };
      const list = await ask(`/api/review/lists?${query}`, body, drawLimitMs);
      if (isGone) return;
      if (location.hash === `#review?list=${list.id}`) await load();
      else room.go(`#review?list=${list.id}`);
    } catch (error) {
      problem.textContent = error.message;
      draw.disabled = false;
      draw.textContent = name;
    }
  }

  queueMicrotask(() => {
    drawPerson();
    load().catch((error) => {
      if (isGone) return;
      status.textContent = "";
      photos.replaceChildren(...problemOf(error, room.again));
    });
  });
  return {
    elements: [
      h("h1", { tabindex: "-1" }, "Review"),
      h("div", { class: "list-head" }, person, status),
      kept,
      cards,
      estimate,
      photos,
    ],
    leave() {
      isGone = true;
    },
  };
}
