/** The keys of the review, and the list of them that `?` shows. */
import { h } from "../dom.js";

const place = "orangery-single-keys";

/** Whether keys work without the photo being in focus. Speech input and some hands need that off. */
function isEverywhere() {
  try {
    return localStorage.getItem(place) !== "off";
  } catch {
    return true;
  }
}

/** What a person types into, or chooses from, keeps its keys. */
const typing = "textarea, select, input:not([type=checkbox]), dialog, dialog *";

/**
 * Listens to keys until the function that it returns is called. `actions` are `{ keys, name, run }`;
 * a key is as in `KeyboardEvent.key`, with `Ctrl+` or `Shift+` before it. `run(event)` returns false
 * where the key does nothing now, and the browser may have it.
 */
export function listenToKeys(actions, canvas) {
  const byKey = new Map(actions.flatMap((action) => action.keys.map((key) => [key, action])));
  const onkeydown = (event) => {
    if (event.altKey || event.target.matches(typing)) return;
    const isCommand = event.ctrlKey || event.metaKey;
    if (!isCommand && event.target !== canvas && !isEverywhere()) return;
    // Shift is part of what a letter is, and is named only with keys that write nothing.
    const shift = event.shiftKey && (isCommand || event.key.length > 1) ? "Shift+" : "";
    const name = isCommand || event.key.length > 1 ? event.key : event.key.toLowerCase();
    const key = `${isCommand ? "Ctrl+" : ""}${shift}${isCommand ? name.toLowerCase() : name}`;
    const action = byKey.get(key);
    if (action === undefined || action.run(event) === false) return;
    event.preventDefault();
  };
  // Handled before the canvas, which moves the photo by the arrows if nothing is chosen.
  document.addEventListener("keydown", onkeydown, true);
  return () => document.removeEventListener("keydown", onkeydown, true);
}

const keyNames = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  Delete: "Del",
};
const keyName = (key) =>
  key
    .split(/\+(?=.)/)
    .map((part) => keyNames[part] ?? part)
    .join(" ");

/** Shows the list of keys, until it is closed. */
export function showKeys(actions) {
  const everywhere = h("input", {
    type: "checkbox",
    checked: isEverywhere(),
    onchange: () => {
      try {
        localStorage.setItem(place, everywhere.checked ? "on" : "off");
      } catch {
        // The switch applies only here.
      }
    },
  });
  const dialog = h(
    "dialog",
    { class: "dialog key-dialog", "aria-labelledby": "keys-title", onclose: () => dialog.remove() },
    h("h2", { id: "keys-title", tabindex: "-1", autofocus: true }, "Keys"),
    h(
      "dl",
      { class: "key-list" },
      actions
        .filter(({ name }) => name)
        .map(({ keys, shown = keys, name }) =>
          h(
            "div",
            null,
            h(
              "dt",
              null,
              shown.map((key) => [h("kbd", null, keyName(key)), " "]),
            ),
            h("dd", null, name),
          ),
        ),
    ),
    h("label", { class: "check" }, everywhere, "They work wherever you are on this page"),
    h(
      "p",
      { class: "choices" },
      h("button", { type: "button", onclick: () => dialog.close() }, "Close"),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}
