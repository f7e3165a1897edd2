/** The name of the user, asked once: a password says what is allowed, not who it is. */
import { h } from "./dom.js";

const place = "orangery-person";
const longest = 80;

/** The name of the person, or "" as long as nobody gave it. */
export function personName() {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    // A browser that keeps nothing asks again.
    return "";
  }
}

/** Asks for the name, and resolves to it; to undefined where the person gave none. */
export function askPersonName() {
  const input = h("input", {
    id: "person",
    value: personName(),
    maxlength: String(longest),
    autocomplete: "name",
    required: true,
  });
  const { promise, resolve } = Promise.withResolvers();
  const dialog = h(
    "dialog",
    { class: "dialog", "aria-labelledby": "person-title", onclose: () => finish() },
    h(
      "form",
      {
        method: "dialog",
        onsubmit: () => {
          dialog.returnValue = "given";
        },
      },
      h("h2", { id: "person-title" }, "Who are you?"),
      h("p", null, "What you change is recorded under this name, so that others can ask you."),
      h("label", { for: "person" }, "Your name"),
      input,
      h(
        "p",
        { class: "choices" },
        h("button", { class: "primary" }, "Continue"),
        h("button", { type: "button", onclick: () => dialog.close("") }, "Only look"),
      ),
    ),
  );
  function finish() {
    const name = dialog.returnValue === "given" ? input.value.trim().slice(0, longest) : "";
    dialog.remove();
    if (name === "") return resolve(undefined);
    try {
      localStorage.setItem(place, name);
    } catch {
      // Known as long as the page is open.
    }
    resolve(name);
  }
  document.body.append(dialog);
  dialog.showModal();
  input.select();
  return promise;
}
