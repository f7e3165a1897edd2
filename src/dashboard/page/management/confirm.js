/** Asks a person before something is done: what, to how many, and who they are. */
import { h } from "../dom.js";
import { askPersonName, personName } from "../person.js";

/**
 * Resolves to the name of who confirms; to undefined where nobody does. `isGrave` is for what cannot
 * be taken back.
 */
export async function confirmed({ title, text, button, isGrave }) {
  const by = personName() || (await askPersonName());
  if (!by) return undefined;
  const { promise, resolve } = Promise.withResolvers();
  const dialog = h(
    "dialog",
    {
      class: "dialog",
      "aria-labelledby": "confirm-title",
      onclose: () => {
        dialog.remove();
        resolve(dialog.returnValue === "confirmed" ? by : undefined);
      },
    },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "confirm-title" }, title),
      text && h("p", null, text),
      h("p", { class: "quiet" }, "It is recorded that ", h("bdi", null, by), " did it."),
      h(
        "p",
        { class: "choices" },
        h("button", { class: isGrave ? "grave" : "primary", value: "confirmed" }, button),
        h("button", { value: "" }, "Cancel"),
      ),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return await promise;
}

/** Disables buttons while something is done; the one that had the focus has it again then. */
export async function whileBusy(buttons, work) {
  const { activeElement } = document;
  for (const button of buttons) button.disabled = true;
  try {
    await work();
  } finally {
    for (const button of buttons) button.disabled = false;
    if (document.activeElement === document.body) activeElement.focus();
  }
}

/** Says something in a dialog, where nothing is to be decided, until it is closed. */
export async function say(title, text) {
  const { promise, resolve } = Promise.withResolvers();
  const onclose = () => {
    dialog.remove();
    resolve();
  };
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "say-title", onclose },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "say-title" }, title),
      text && h("p", null, text),
      h("p", { class: "choices" }, h("button", { class: "primary" }, "OK")),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  await promise;
}
