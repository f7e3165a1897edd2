/** The photos of a list, each with why it is there and how far it is. */
import { h, thumbnail } from "../../dom.js";
import * as format from "../../format.js";
import { ask } from "../edits/review-server.js";
import { kinds, whyOf } from "./reasons.js";

/** Draws the photos of a list, page by page, and draws nothing once `isGone()`. */
export async function listPhotos(place, { list, query, isGone }) {
  const rows = h("ul", { class: "queue" });
  const more = h("button", { type: "button", hidden: true, onclick: () => page() }, "Show more");
  const status = h("p", { class: "quiet", role: "status" });
  let next;
  const page = async () => {
    more.hidden = true;
    status.textContent = "";
    const path = `/api/review/lists/${list.id}/photos?${query}&after=${next ?? 0}`;
    try {
      const answer = await ask(path);
      if (isGone()) return;
      rows.append(...answer.photos.map((photo) => row(list, photo)));
      next = answer.next;
      more.textContent = "Show more";
      more.hidden = next === undefined;
    } catch (error) {
      status.textContent = error.message;
      more.textContent = "Try again";
      more.hidden = false;
    }
  };
  place.replaceChildren(
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
      status,
      more,
    ),
  );
  await page();
}

function row(list, photo) {
  const { id, position, name, folder, state, predictedCount, correctedCount } = photo;
  const now =
    correctedCount === undefined || correctedCount === predictedCount
      ? format.plural(predictedCount ?? 0, "object")
      : `${format.count(predictedCount)} found, ${format.plural(correctedCount, "object")} now`;
  const states = {
    open: photo.heldBy ? `being reviewed by ${photo.heldBy}` : "open",
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
