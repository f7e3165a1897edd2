/** Pauses and resumes the runs of a recipe. */
import { h } from "../dom.js";
import * as format from "../format.js";
import { fetchJson, postJson } from "../live.js";
import { confirmed, whileBusy } from "./confirm.js";

/** A line that says so where runs are paused, and a button for those who may change it. */
export function pauseControl(room) {
  const text = h("span");
  const why = h("span", { class: "unseen", id: "pause-why" });
  const button = h(
    "button",
    {
      type: "button",
      id: "pause",
      onclick: () => whileBusy([button], toggle),
      "aria-describedby": "pause-why",
    },
    "Pause…",
  );
  const element = h("div", { class: "pause" }, text, room.setup.canChange && [button, why]);
  let pause;
  let left = 0;

  async function toggle() {
    const isPaused = pause === undefined;
    try {
      // What is shown may be some seconds old.
      const asked = new URLSearchParams({
        recipe: room.recipe,
        change: "exclude",
        state: "waiting",
      });
      const waiting = await fetchJson(`/api/management/count?${asked}`);
      const photos = format.plural(waiting.photos, "photo");
      const by = await confirmed({
        title: isPaused ? `Pause with ${photos} waiting?` : `Resume with ${photos}?`,
        text: isPaused
          ? "Runs of this recipe finish what they have begun and take no more, until someone resumes them. Workers of a queue are paused by their queue."
          : "Runs that wait take photos again.",
        button: isPaused ? "Pause" : "Resume",
      });
      if (by === undefined) return;
      await postJson(`/api/management/pause?recipe=${room.recipe}`, { by, isPaused });
      show({ pause: isPaused ? { person: by, since: new Date().toISOString() } : undefined, left });
    } catch (error) {
      text.textContent = error.message;
    }
  }

  function show(now) {
    ({ pause, left } = now);
    element.dataset.state = pause ? "paused" : "";
    text.textContent = pause
      ? `${pause.person} paused this recipe at ${format.moment(pause.since)}.`
      : "";
    button.textContent = pause ? "Resume…" : "Pause…";
    button.disabled = !pause && left === 0;
    button.title = button.disabled ? "No photo is left to be counted." : "";
    why.textContent = button.title;
    element.hidden = !pause && !room.setup.canChange;
  }
  return { element, show };
}
