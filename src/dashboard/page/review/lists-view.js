/** The screen Review: lists of photos that are worth a look, and what they come to. */
import { h, thumbnail } from "../dom.js";
import * as format from "../format.js";
import { askPersonName, personName } from "../person.js";
import { photosWithKept } from "./edits/kept-edits.js";
import { ask, session } from "./edits/review-server.js";
import { estimatePanel } from "./estimate-panel.js";
import { kinds, whyOf } from "./reasons.js";

const usualSize = 200;
/** Choosing looks at all photos. */
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
  let isGone = false;

  async function load() {
    const { lists, identity } = await ask(`/api/review?${query}`);
    if (isGone) return;
    status.textContent = mayChange ? "" : "You may look, not correct.";
    cards.replaceChildren(
      ...Object.keys(kinds).map((kind) =>
        card(
          kind,
          lists.find((list) => list.kind === kind),
        ),
      ),
    );
    drawKept(identity);
    const wanted = Number(parameters.get("list"));
    const chosen = lists.find(({ id }) => id === wanted);
    if (wanted && !chosen) status.textContent = "There is no such list any more.";
    const sample = chosen?.kind === "sample" ? chosen : lists.find(({ kind }) => kind === "sample");
    // One after the other: what comes later moves nothing that is there.
    if (sample) await estimatePanel(estimate, { list: sample, query, isGone: () => isGone });
    if (chosen) await drawPhotos(chosen);
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

  function card(kind, list) {
    const { title, about } = kinds[kind];
    const trouble = h("p", { class: "trouble", role: "alert" });
    const size = h("input", {
      type: "number",
      min: "1",
      max: "100000",
      required: true,
      value: String(list?.size ?? usualSize),
      "aria-label": `Photos to choose: ${title}`,
    });
    const draw = h("button", { class: !list && "primary" }, list ? "Choose anew" : "Choose photos");
    const { progress } = list ?? {};
    const isEmpty = progress?.photos === 0;
    const isChosen = list !== undefined && String(list.id) === parameters.get("list");
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
      list
        ? h(
            "p",
            { class: "how-far" },
            isEmpty
              ? `None of ${format.plural(list.photos, "photo")} is so.`
              : `${format.count(progress.reviewed)} of ${format.plural(progress.photos, "photo")} reviewed` +
                  `${progress.held ? `, ${format.count(progress.held)} in work` : ""}` +
                  `${progress.gone ? `, ${format.count(progress.gone)} gone` : ""}`,
          )
        : h("p", { class: "how-far" }, "Not chosen yet."),
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
              onclick: () => goOn(list, trouble),
            },
            progress.reviewed > 0 ? "Go on" : "Start",
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
            "See the photos",
          ),
      ),
      mayChange &&
        h(
          "form",
          {
            class: "draw",
            onsubmit: (event) => {
              event.preventDefault();
              void choose(kind, Number(size.value), { draw, trouble });
            },
          },
          size,
          draw,
        ),
      trouble,
    );
  }

  async function named() {
    const by = personName() || (await askPersonName());
    drawPerson();
    return by;
  }

  async function goOn(list, trouble) {
    const by = await named();
    if (by === undefined) return;
    try {
      const { photo } = await ask(`/api/review/lists/${list.id}/next?${query}`, {
        after: 0,
        by,
        session,
      });
      if (photo) room.go(`#review/${photo.id}?list=${list.id}&at=${photo.position}`);
      else trouble.textContent = "All that is open is in work by others.";
    } catch (error) {
      trouble.textContent = error.message;
    }
  }

  async function choose(kind, size, { draw, trouble }) {
    const by = await named();
    if (by === undefined) return;
    draw.disabled = true;
    draw.textContent = "Choosing…";
    trouble.textContent = "";
    try {
      const body = { kind, size, by, token: crypto.randomUUID() };
      const list = await ask(`/api/review/lists?${query}`, body, drawLimitMs);
      if (isGone) return;
      if (location.hash === `#review?list=${list.id}`) await load();
      else room.go(`#review?list=${list.id}`);
    } catch (error) {
      trouble.textContent = error.message;
      draw.disabled = false;
      draw.textContent = "Choose photos";
    }
  }

  async function drawPhotos(list) {
    const rows = h("ul", { class: "queue" });
    const more = h("button", { type: "button", hidden: true, onclick: () => page() }, "Show more");
    let next;
    const page = async () => {
      more.hidden = true;
      const path = `/api/review/lists/${list.id}/photos?${query}&after=${next ?? 0}`;
      const answer = await ask(path);
      if (isGone) return;
      rows.append(...answer.photos.map((photo) => row(list, photo)));
      next = answer.next;
      more.hidden = next === undefined;
    };
    photos.replaceChildren(
      h(
        "section",
        { "aria-labelledby": "queue-title" },
        h("h2", { id: "queue-title" }, `${kinds[list.kind].title}: the photos`),
        h(
          "p",
          { class: "quiet" },
          `Chosen by ${list.madeBy}, ${format.moment(list.madeAt)}, of ${format.plural(list.photos, "photo")}.`,
        ),
        rows,
        more,
      ),
    );
    await page();
  }

  queueMicrotask(() => {
    drawPerson();
    load().catch((error) => {
      status.textContent = error.message;
    });
  });
  return {
    elements: [
      h("h1", { tabindex: "-1" }, "Review"),
      status,
      person,
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

function row(list, photo) {
  const { id, position, name, folder, state, predictedCount, correctedCount } = photo;
  const now =
    correctedCount === undefined || correctedCount === predictedCount
      ? format.plural(predictedCount ?? 0, "object")
      : `${format.count(predictedCount)} found, ${format.plural(correctedCount, "object")} now`;
  const states = {
    open: photo.heldBy ? `in work by ${photo.heldBy}` : "open",
    reviewed: `reviewed by ${photo.reviewedBy}`,
    gone: "gone, or changed",
  };
  const text = h(
    "span",
    { class: "queue-text" },
    h("b", null, h("bdi", null, name)),
    h("span", { class: "quiet path" }, h("bdi", null, folder)),
    h("span", { class: "quiet why-listed" }, whyOf({ ...photo, kind: list.kind })),
    h("span", null, h("span", { class: `state ${state}` }, states[state]), ` · ${now}`),
  );
  if (state === "gone")
    return h("li", null, h("div", null, thumbnail({ ...photo, result: undefined }), text));
  return h(
    "li",
    null,
    h("a", { href: `#review/${id}?list=${list.id}&at=${position}` }, thumbnail(photo), text),
  );
}
