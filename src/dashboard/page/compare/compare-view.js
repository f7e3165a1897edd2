/** The screen Compare: what another recipe counts on the same photos, in total and by photo. */
import { h, problem, table, thumbnail, tile } from "../dom.js";
import * as format from "../format.js";
import { fetchJson } from "../live.js";
import { recipeDifferences } from "./recipe-differences.js";
import { sideBySide } from "./side-by-side.js";

const againMs = 1000;

/** `#compare` is the totals, `#compare/12` a photo under both recipes. */
export function compareView(room, parameters, id) {
  const { recipes } = room.setup;
  const others = recipes.filter(({ hash }) => hash !== room.recipe);
  if (others.length === 0) return { elements: [heading(), ...withoutOther()] };
  const wanted = others.find(({ hash }) => hash === parameters.get("with")) ?? others.at(-1);
  const pair = {
    first: wanted,
    second: recipes.find(({ hash }) => hash === room.recipe),
  };
  return id === undefined ? totalsView(room, parameters, pair, others) : sideBySide(room, pair, id);
}

const heading = () => h("h1", { tabindex: "-1" }, "Compare");

function withoutOther() {
  return [
    h("p", { class: "lead" }, "These results are of one recipe. To compare another model with it:"),
    h(
      "ol",
      { class: "how" },
      h("li", null, "Count the same photos with it, into the same results:"),
      h("li", null, h("code", null, "orangery run photos/ --detect new.pt --out results.db")),
      h("li", null, "Open this page again. The counts of the first stay as they are."),
    ),
  ];
}

export const recipeName = ({ name, hash }) => [name, hash.slice(0, 8)].filter(Boolean).join(" ");

function totalsView(room, parameters, pair, others) {
  const { first, second } = pair;
  let isGone = false;
  let [className, request, next, timer] = [parameters.get("class") ?? "", 0];
  const choice = (name, options, value, onchange) => {
    const select = h(
      "select",
      { name, onchange },
      options.map(([key, text]) => h("option", { value: key }, text)),
    );
    select.value = value;
    return select;
  };
  const address = () =>
    `#compare?${new URLSearchParams({ with: first.hash, ...(className && { class: className }) })}`;
  const before = choice(
    "with",
    others.map((recipe) => [recipe.hash, recipeName(recipe)]),
    first.hash,
    (event) => room.go(`#compare?with=${event.target.value}`),
  );
  const classes = choice("class", [["", "all objects"]], "", (event) => {
    className = event.target.value;
    history.replaceState(null, "", address());
    begin();
  });
  const summary = h("div", { class: "summary" }, h("p", { class: "quiet" }, "Adding up…"));
  const list = h("ol", { class: "differing" });
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  const ask = (path, query) =>
    fetchJson(
      `/api/compare/${path}?${new URLSearchParams({ recipe: second.hash, with: first.hash, ...query })}`,
    );

  async function addUp() {
    try {
      const totals = await ask("totals");
      if (isGone) return;
      if (!totals.isComplete) {
        timer = setTimeout(addUp, againMs);
        return;
      }
      summary.replaceChildren(...drawTotals(totals, pair));
      rest.hidden = false;
      const [all] = classes.options;
      classes.replaceChildren(
        all,
        ...totals.classes.map(({ name }) => h("option", { value: name }, name)),
      );
      classes.value = className;
    } catch (error) {
      if (isGone) return;
      summary.replaceChildren(...problem(error, addUp));
      rest.hidden = false;
    }
  }

  function begin() {
    next = undefined;
    list.replaceChildren();
    void load();
  }

  async function load() {
    const mine = ++request;
    more.hidden = true;
    more.textContent = "Show more";
    status.textContent = "Looking…";
    try {
      const query = { ...(className && { class: className }), ...(next && { after: next }) };
      const page = await ask("photos", query);
      if (isGone || mine !== request) return;
      room.compared = next ? [...room.compared, ...page.photos] : page.photos;
      next = page.next;
      list.append(...page.photos.map((photo) => differing(photo, first)));
      more.hidden = next === undefined;
      const shown = list.children.length;
      status.textContent =
        shown === 0
          ? "Both counted the same on every photo."
          : `${format.plural(shown, "photo")}${next === undefined ? ", that is all that differ." : " shown."}`;
    } catch (error) {
      if (mine !== request) return;
      status.textContent = error.message;
      more.textContent = "Try again";
      more.hidden = false;
    }
  }

  // It comes when what is above has its height, so that nothing moves.
  const rest = h(
    "div",
    { hidden: true },
    recipeDifferences(first, second),
    h(
      "section",
      { "aria-labelledby": "differing" },
      h("h2", { id: "differing" }, "Photos that differ most"),
      h("div", { class: "filters" }, h("label", null, h("span", null, "By the count of"), classes)),
      status,
      list,
      more,
    ),
  );

  room.lastComparison = address();
  void addUp();
  queueMicrotask(begin);
  return {
    elements: [
      heading(),
      h(
        "div",
        { class: "filters" },
        h("label", null, h("span", null, "Before"), before),
        h("label", null, h("span", null, "Now"), h("output", null, recipeName(second))),
      ),
      summary,
      rest,
    ],
    leave() {
      isGone = true;
      clearTimeout(timer);
    },
  };
}

export const signed = (value) =>
  value === 0 ? "±0" : `${value > 0 ? "+" : "−"}${format.count(Math.abs(value))}`;

function share(first, second) {
  if (first === 0 || first === second) return first === 0 ? "" : "±0 %";
  const percent = Math.abs((100 * (second - first)) / first);
  const digits = { minimumFractionDigits: 1, maximumFractionDigits: 1 };
  return `${second > first ? "+" : "−"}${percent.toLocaleString("en-GB", digits)} %`;
}

/** A mean that is not 0 has a digit that says so. */
const mean = (value) =>
  value.toLocaleString(
    "en-GB",
    value < 1 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 1 },
  );

function drawTotals({ photos, fewer, equal, more, apart, classes, atMs }, { first, second }) {
  if (photos === 0) {
    return [h("p", { class: "notice" }, "There is no photo on which both have counted.")];
  }
  const sum = (key) => classes.reduce((total, each) => total + each[key], 0);
  const [was, is] = [sum("first"), sum("second")];
  const tiles = [
    ["Photos", format.count(photos), "both counted on them"],
    ["Before", format.count(was), "objects"],
    ["Now", format.count(is), share(was, is)],
    ["As before", format.count(equal), `${format.percent(equal / photos)} of the photos`],
    [
      "Not as before",
      format.count(more + fewer),
      `more on ${format.count(more)} · fewer on ${format.count(fewer)}`,
    ],
    ["Mean difference", mean(apart / photos), "objects a photo, more or fewer"],
  ];
  return [
    h("dl", { class: "tiles" }, tiles.map(tile)),
    h(
      "div",
      { class: "panel classes" },
      table(
        "Objects by class",
        [["Class"], ["Before", true], ["Now", true], ["Difference", true], ["Share", true]],
        classes.map(({ name, first, second }) => [
          name,
          first,
          second,
          h("span", { class: "right" }, signed(second - first)),
          h("span", { class: "right" }, share(first, second)),
        ]),
      ),
      h(
        "p",
        { class: "quiet" },
        `As of ${format.moment(atMs)}. Against a truth, or from the command line: `,
        h(
          "code",
          null,
          `orangery compare results.db results.db --recipe ${second.hash.slice(0, 8)} --truth-recipe ${first.hash.slice(0, 8)}`,
        ),
      ),
    ),
  ];
}

function differing(photo, first) {
  const { id, name, folder, first: before, second: now } = photo;
  return h(
    "li",
    null,
    h(
      "a",
      { href: `#compare/${id}?with=${first.hash}` },
      thumbnail(photo),
      h(
        "span",
        { class: "what" },
        h("b", null, h("bdi", null, name)),
        h("span", { class: "quiet path" }, h("bdi", null, folder)),
      ),
      h("span", { class: "counts" }, `${format.count(before)} → ${format.count(now)}`),
      h("b", { class: now > before ? "by more" : "by fewer" }, signed(now - before)),
    ),
  );
}
