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

/** Draws the contents of an element again where the value has changed. */
export function redraw(element, value, draw) {
  const key = JSON.stringify(value);
  if (element.drawnKey === key) return;
  element.drawnKey = key;
  element.replaceChildren(...[draw(value)].flat(3).filter(Boolean));
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
