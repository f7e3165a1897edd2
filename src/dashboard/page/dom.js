/** Makes elements. Texts are set as texts, never as markup, whatever a photo is called. */

/**
 * Makes an element. Properties whose names begin with `on` are listeners, `style` is an object, and
 * others are attributes; `false`, `null` and `undefined` leave one out.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style")
      for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(
    ...children.flat(3).filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

/**
 * Draws the contents of an element again where the value has changed. The focus stays on what looks
 * the same, or else at its place.
 */
export function redraw(element, value, draw) {
  const key = JSON.stringify(value);
  if (element.drawnKey === key) return;
  element.drawnKey = key;
  const controls = () => [...element.querySelectorAll("a, button, summary, [tabindex]")];
  const focused = document.activeElement;
  const at = controls().indexOf(focused);
  element.replaceChildren(...[draw(value)].flat(3).filter(Boolean));
  if (at < 0) return;
  const drawn = controls();
  const isSame = (control) => control?.outerHTML === focused.outerHTML;
  const next = isSame(drawn[at]) ? drawn[at] : (drawn.find(isSame) ?? drawn[at]);
  next?.focus({ preventScroll: true });
}

/** A table of cells; numbers are aligned to the right. */
export function table(caption, head, rows) {
  const cell = (tag, value) =>
    h(
      tag,
      {
        class: typeof value === "number" ? "number" : undefined,
        scope: tag === "th" ? "col" : undefined,
      },
      typeof value === "number" ? value.toLocaleString("en-GB") : value,
    );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      null,
      h("caption", { class: "unseen" }, caption),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map(([name, isNumber]) =>
            h("th", { scope: "col", class: isNumber && "number" }, name),
          ),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map((cells) =>
          h(
            "tr",
            null,
            cells.map((value) => cell("td", value)),
          ),
        ),
      ),
    ),
  );
}

/** A number that is seen at once. Its note is a link where there is more to read at `href`. */
export function tile([title, value, note, isWarning, href]) {
  return h(
    "div",
    { class: isWarning ? "tile warning" : "tile" },
    h("dt", null, title),
    h("dd", null, h("b", null, value), h("span", null, href ? link(href, note) : note)),
  );
}

/**
 * A link to a screen, or to a heading of this one by its id. The address names screens, so that it
 * stays as it is where a heading is meant.
 */
export function link(href, text) {
  const show = (event) => {
    const heading = document.getElementById(href.slice(1));
    if (heading === null) return;
    event.preventDefault();
    heading.tabIndex = -1;
    heading.scrollIntoView();
    heading.focus({ preventScroll: true });
  };
  return h("a", { href, onclick: show }, text);
}

/** Says why there is nothing to see, and offers to look again. */
export function problem(error, again) {
  return [
    h("p", { class: "notice", role: "alert" }, error.message),
    h("button", { type: "button", onclick: again }, "Try again"),
  ];
}

/** The picture of a photo; one that cannot be read leaves a note in its place. */
export function thumbnail({ id, result, name }) {
  if (!result)
    return h("span", { class: "thumb none" }, h("span", { class: "unseen" }, "no picture"));
  const image = h("img", {
    class: "thumb",
    src: `/pictures/${id}/thumb?v=${result.id}`,
    alt: "",
    loading: "lazy",
    decoding: "async",
    width: 120,
    height: 90,
    onerror: () =>
      image.replaceWith(
        h("span", { class: "thumb none", title: `${name} cannot be read` }, "no picture"),
      ),
  });
  return image;
}
