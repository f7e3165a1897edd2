/** The screen Photos: filters, and a table that is continued by key. */
import { h, thumbnail } from "./dom.js";
import * as format from "./format.js";
import { fetchJson } from "./live.js";
import { changeButtons } from "./management/photo-changes.js";

/** Of more classes, a photo shows those with the most objects. */
const mostClasses = 8;
/** A page is filled up to this number, even if rare matches take several requests. */
const wanted = 60;
const typingMs = 300;

export function photosView(room, parameters) {
  const form = filterForm(parameters, apply);
  const rows = h("tbody");
  const status = h("p", { class: "quiet", role: "status" });
  const more = h("button", { type: "button", hidden: true, onclick: () => load() }, "Show more");
  let query = parameters;
  let next;
  let request = 0;
  const chosen = new Set();
  const changes = room.setup.canChange && changeButtons(room, { target, onDone: begin });
  const which = h("span", null, "All of this filter:");
  const actions =
    changes && h("div", { class: "management" }, which, changes.buttons, changes.status);

  function target() {
    return chosen.size > 0 ? { ids: [...chosen] } : { query };
  }

  function choose(id, isChosen) {
    if (isChosen) chosen.add(id);
    else chosen.delete(id);
    which.textContent = chosen.size > 0 ? `The ${chosen.size} ticked:` : "All of this filter:";
  }

  function apply() {
    const values = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value !== "") values.set(name, value);
    if (values.get("order") === "name") values.delete("order");
    if (values.toString() === query.toString()) return;
    query = values;
    history.replaceState(null, "", `#photos${values.size ? "?" : ""}${values}`);
    begin();
  }

  function begin() {
    room.lastList = location.hash;
    request++;
    next = undefined;
    rows.replaceChildren();
    for (const id of chosen) choose(id, false);
    room.list = [];
    void load();
  }

  async function load() {
    const mine = ++request;
    const before = rows.children.length;
    more.hidden = true;
    more.textContent = "Show more";
    rows.closest("table").setAttribute("aria-busy", "true");
    try {
      do {
        status.textContent =
          before === rows.children.length
            ? "Looking…"
            : `${format.plural(rows.children.length, "photo")} so far, looking for more…`;
        const asked = new URLSearchParams(query);
        asked.set("recipe", room.recipe);
        if (next !== undefined) asked.set("after", next);
        const page = await fetchJson(`/api/photos?${asked}`);
        if (mine !== request) return;
        rows.append(
          ...page.photos.map((photo) => row(photo, query.get("class"), changes && choose)),
        );
        room.list.push(...page.photos.map(({ id }) => id));
        next = page.next;
      } while (next !== undefined && rows.children.length - before < wanted);
      const shown = rows.children.length;
      more.hidden = next === undefined;
      status.textContent =
        shown === 0
          ? "No photo fits."
          : `${format.plural(shown, "photo")}${next === undefined ? ", that is all." : " shown."}`;
    } catch (error) {
      if (mine !== request) return;
      status.textContent = error.message;
      more.textContent = "Try again";
      more.hidden = false;
    } finally {
      if (mine === request) rows.closest("table").removeAttribute("aria-busy");
    }
  }

  const sheet = h(
    "div",
    { class: "sheet" },
    h(
      "table",
      { class: "photos" },
      h("caption", { class: "unseen" }, "Photos"),
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          ["Photo", "State", "Objects", "By class", "Taken", "Counted"].map((name) =>
            h("th", { scope: "col", class: name === "Objects" && "number" }, name),
          ),
        ),
      ),
      rows,
    ),
  );
  queueMicrotask(begin);
  return {
    elements: [h("h1", { tabindex: "-1" }, "Photos"), form, actions, status, sheet, more].filter(
      Boolean,
    ),
    onNews: (news) => form.setChoices(news),
    update(changed) {
      if (changed.toString() === query.toString()) return true;
      return false;
    },
    leave: () => request++,
  };
}

/** `className` is the class that was asked for; `choose` is there where photos can be ticked. */
function row(photo, className, choose) {
  const { id, name, folder, state, reason, takenAt, result } = photo;
  const warnings = (result?.warnings ?? []).map((code) =>
    h("span", { class: "chip" }, format.warningName(code)),
  );
  return h(
    "tr",
    null,
    h(
      "th",
      { scope: "row" },
      h(
        "div",
        { class: "pick" },
        choose &&
          h(
            "label",
            null,
            h("span", { class: "unseen" }, `Tick ${name}`),
            h("input", {
              type: "checkbox",
              onchange: (event) => choose(id, event.target.checked),
            }),
          ),
        h(
          "a",
          { href: `#photo/${id}` },
          thumbnail(photo),
          h(
            "span",
            null,
            h("b", null, h("bdi", null, name)),
            h("span", { class: "quiet path" }, h("bdi", null, folder)),
          ),
        ),
      ),
    ),
    h(
      "td",
      { "data-name": "State" },
      h("span", { class: `state ${state}` }, format.stateName(state)),
      reason && h("span", { class: "why", title: reason.message }, reason.meaning),
      warnings,
    ),
    h(
      "td",
      {
        class: "number",
        "data-name": "Objects",
        "data-unit": result?.objectCount === 1 ? "object" : "objects",
      },
      result ? format.count(result.objectCount) : "",
    ),
    h("td", { "data-name": "By class" }, countsOf(result?.counts ?? [], className)),
    h("td", { "data-name": "Taken" }, format.cameraTime(takenAt)),
    h("td", { "data-name": "Counted" }, result ? format.moment(result.createdAt) : ""),
  );
}

function countsOf(counts, className) {
  const isAll = counts.length <= mostClasses;
  const first = ([name, count]) => (name === className ? Infinity : count);
  const shown = isAll
    ? counts
    : counts.toSorted((a, b) => first(b) - first(a)).slice(0, mostClasses - 1);
  const left = counts.length - shown.length;
  return [
    shown.map(([name, count]) => [
      h("span", { class: "count" }, h("bdi", null, name), ` ${format.count(count)}`),
      " ",
    ]),
    left > 0 && h("span", { class: "count quiet" }, `and ${format.count(left)} other classes`),
  ];
}

/** In a narrow window these are folded up. */
const rest =
  "class minCount maxCount minScore maxScore warning takenAfter takenBefore device code".split(" ");
const narrowPx = 620;

/** The filters. A change is applied at once, typing after a pause. */
function filterForm(parameters, apply) {
  let timer;
  const field = (label, control) => h("label", null, h("span", null, label), control);
  const input = (name, properties) =>
    h("input", { name, value: parameters.get(name) ?? "", autocomplete: "off", ...properties });
  const choice = (name, options) => {
    const select = h(
      "select",
      { name },
      options.map(([value, text]) => h("option", { value }, text)),
    );
    const value = parameters.get(name) ?? options[0][0];
    // A class that is not known yet stays chosen.
    if (!options.some(([known]) => known === value)) select.append(h("option", { value }, value));
    select.value = value;
    return select;
  };
  const classes = choice("class", [["", "all classes"]]);
  const devices = choice("device", [["", "any"]]);
  const form = h(
    "form",
    {
      class: "filters",
      "aria-label": "Filters",
      onsubmit: (event) => {
        event.preventDefault();
        apply();
      },
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(apply, typingMs);
      },
      onreset: () =>
        setTimeout(() => {
          for (const control of form.elements)
            if (control.name && control.name !== "order") control.value = "";
          apply();
        }),
    },
    field("Name", input("name", { type: "search", placeholder: "part of the path" })),
    field("Folder", input("under", { type: "search", placeholder: "/photos/north" })),
    field(
      "State",
      choice("state", [
        ["", "all"],
        ["done", "done"],
        ["failed", "failed"],
        ["waiting", "waiting"],
        ["leased", "in progress"],
        ["excluded", "excluded"],
      ]),
    ),
    field(
      "Order",
      choice("order", [
        ["name", "name"],
        ["newest", "newest result"],
        ["most", "most objects"],
        ["fewest", "fewest objects"],
        ["surest", "best score"],
        ["unsurest", "worst score"],
      ]),
    ),
    h("button", { type: "reset" }, "Clear"),
    h(
      "details",
      { open: innerWidth > narrowPx || rest.some((name) => parameters.has(name)) },
      h("summary", null, "By count, score, warning, time, device and code"),
      h(
        "div",
        { class: "fields" },
        field("Class", classes),
        field("Count from", input("minCount", { type: "number", min: "0" })),
        field("Count to", input("maxCount", { type: "number", min: "0" })),
        field(
          "Score from",
          input("minScore", { type: "number", min: "0", max: "1", step: "0.01" }),
        ),
        field("Score to", input("maxScore", { type: "number", min: "0", max: "1", step: "0.01" })),
        field(
          "Warnings",
          choice("warning", [
            ["", "all photos"],
            ["any", "any warning"],
            ...Object.entries(format.warningNames),
          ]),
        ),
        field("Taken after", input("takenAfter", { type: "date" })),
        field("Taken before", input("takenBefore", { type: "date" })),
        field("Device", devices),
        field("Failed with", input("code", { placeholder: "PHOTO_…" })),
      ),
    ),
  );
  form.setChoices = ({ totals, devices: known }) => {
    addChoices(
      classes,
      (totals?.counts ?? []).map(([name]) => name),
    );
    addChoices(devices, [...new Set(known.map(({ device }) => device))]);
  };
  return form;
}

function addChoices(select, values) {
  const known = new Set(Array.from(select.options, ({ value }) => value));
  for (const value of values) if (!known.has(value)) select.append(h("option", { value }, value));
}
