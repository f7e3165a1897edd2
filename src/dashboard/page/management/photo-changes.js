/** What can be done with photos: those that are ticked, all of a filter, or one. */
import { h } from "../dom.js";
import * as format from "../format.js";
import { fetchJson, postJson } from "../live.js";
import { confirmed, say, whileBusy } from "./confirm.js";

const changes = {
  retry: {
    name: "Retry",
    of: ["failed"],
    none: "None of these has failed.",
    text: "A run in progress tries them again, or else the next one.",
    done: "will be tried again",
  },
  exclude: {
    name: "Exclude",
    of: ["waiting", "leased", "done", "failed"],
    none: "All of these are excluded already.",
    text: "They do not count any more under this recipe and no run tries them, until they are included again.",
    done: "excluded",
  },
  include: {
    name: "Include",
    of: ["excluded"],
    none: "None of these is excluded.",
    text: "Photos that have a result count again at once. The others wait for a run.",
    done: "included again",
  },
  forget: {
    name: "Forget",
    of: ["waiting", "leased", "done", "failed", "excluded"],
    none: "There is none.",
    text: "They are removed from the results with everything found and corrected on them, under every recipe. This cannot be undone. The photos themselves stay; a later run counts them again.",
    done: "forgotten",
    isGrave: true,
  },
};

/**
 * Buttons for changes. `target` returns what is meant: `{ ids }` or `{ query }`. `states` limits the
 * buttons to those that can do something.
 */
export function changeButtons(room, { target, states, onDone }) {
  const status = h("p", { class: "quiet", role: "status" });
  const shown = Object.entries(changes).filter(
    ([, { of }]) => states === undefined || of.some((state) => states.includes(state)),
  );
  const buttons = shown.map(([change, { name }]) =>
    h(
      "button",
      {
        type: "button",
        "data-change": change,
        onclick: () => whileBusy(buttons, () => act(change)),
      },
      `${name}…`,
    ),
  );

  async function act(change) {
    const { name, none, text, done, isGrave } = changes[change];
    const { ids, query } = target();
    try {
      const asked = new URLSearchParams(ids ? { ids: ids.join(",") } : query);
      asked.set("recipe", room.recipe);
      asked.set("change", change);
      status.textContent = "Counting…";
      const { photos } = await fetchJson(`/api/management/count?${asked}`);
      status.textContent = "";
      if (photos === 0) return await say("Nothing to do", none);
      const by = await confirmed({
        title: `${name} ${format.plural(photos, "photo")}?`,
        text,
        button: `${name} ${format.plural(photos, "photo")}`,
        isGrave,
      });
      if (by === undefined) return;
      status.textContent = "Working…";
      const body = { by, change, ...(ids ? { ids } : { query: String(query) }) };
      const answer = await postJson(`/api/management/photos?recipe=${room.recipe}`, body);
      status.textContent = `${format.plural(answer.photos, "photo")} ${done}.`;
      onDone(change);
    } catch (error) {
      status.textContent = error.message;
    }
  }
  return { buttons, status };
}
