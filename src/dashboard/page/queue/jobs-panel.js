/** Jobs of a queue by filter: retried, dropped, moved first, the ticked ones or all. */
import { h } from "../dom.js";
import * as format from "../format.js";
import { fetchJson, postJson } from "../live.js";
import { confirmed, say } from "../management/confirm.js";

const changes = {
  retry: {
    name: "Retry",
    text: "They go back into the queue with all their attempts; delayed jobs are tried now.",
    none: "None of these has failed or waits to be tried again.",
  },
  "move-first": {
    name: "Move first",
    text: "They are taken before all others of their recipe.",
    none: "None of these waits.",
  },
  drop: {
    name: "Drop",
    text: "They are removed from the queue; jobs in progress continue. Their photos have no result until they are added again.",
    none: "None of these can be dropped.",
    isGrave: true,
  },
};

export function jobsPanel({ canChange, onDone }) {
  const rows = h("ul", { class: "jobs" });
  const status = h("p", { class: "quiet", role: "status" });
  const which = h("span", null, "All of this filter:");
  const chosen = new Set();
  let timer;
  let request = 0;
  const recipe = h("select", { name: "job-recipe" }, h("option", { value: "" }, "all"));
  const state = h(
    "select",
    { name: "job-state" },
    ["", "waiting", "active", "delayed", "failed"].map((value) =>
      h("option", { value }, value || "all"),
    ),
  );
  const code = h("input", { name: "job-code", placeholder: "MODEL_…", autocomplete: "off" });
  const under = h("input", {
    name: "job-under",
    type: "search",
    placeholder: "/photos/north",
    autocomplete: "off",
  });
  const field = (label, control) => h("label", null, h("span", null, label), control);
  const form = h(
    "form",
    {
      class: "filters",
      "aria-label": "Which jobs",
      onsubmit: (event) => event.preventDefault(),
      oninput: () => {
        clearTimeout(timer);
        timer = setTimeout(begin, 300);
      },
    },
    field("State", state),
    field("Recipe", recipe),
    field("Folder", under),
    field("Failed with", code),
  );
  const query = () => {
    const values = new URLSearchParams();
    for (const [name, control] of Object.entries({ state, code, under })) {
      if (control.value !== "") values.set(name, control.value);
    }
    return values;
  };
  const buttons = Object.entries(changes).map(([change, { name }]) =>
    h(
      "button",
      { type: "button", "data-job-change": change, onclick: () => act(change) },
      `${name}…`,
    ),
  );

  async function begin() {
    const mine = ++request;
    for (const id of chosen) choose(id, false);
    try {
      const asked = query();
      if (recipe.value) asked.set("recipe", recipe.value);
      const { jobs } = await fetchJson(`/api/queue/jobs?${asked}`);
      if (mine !== request) return;
      rows.replaceChildren(...jobs.map(row));
      status.textContent =
        jobs.length === 0 ? "No job fits." : `The first ${format.plural(jobs.length, "job")}.`;
    } catch (error) {
      status.textContent = error.message;
    }
  }

  function choose(id, isChosen) {
    if (isChosen) chosen.add(id);
    else chosen.delete(id);
    which.textContent = chosen.size > 0 ? `The ${chosen.size} ticked:` : "All of this filter:";
  }

  async function act(change) {
    const { name, text, none, isGrave } = changes[change];
    try {
      let number = chosen.size;
      if (number === 0) {
        status.textContent = "Counting…";
        const asked = query();
        if (recipe.value) asked.set("recipe", recipe.value);
        asked.set("change", change);
        ({ jobs: number } = await fetchJson(`/api/queue/count?${asked}`));
        status.textContent = "";
        if (number === 0) return await say("Nothing to do", none);
      }
      const title = `${name} ${format.plural(number, "job")}`;
      const by = await confirmed({ title: `${title}?`, text, button: title, isGrave });
      if (by === undefined) return;
      status.textContent = "Working…";
      const answer = await postJson("/api/queue/jobs", {
        ...{ by, change, recipe: recipe.value },
        ...(chosen.size > 0 ? { ids: [...chosen] } : { query: String(query()) }),
      });
      await Promise.all([begin(), onDone()]);
      status.textContent = `${name}: ${format.plural(answer.number, "job")}.`;
    } catch (error) {
      status.textContent = error.message;
    }
  }

  function row(job) {
    const { id, state: where, photo, name, attempts, reason, addedAt, worker } = job;
    const title = photo ?? `${name} ${id}`;
    return h(
      "li",
      null,
      canChange &&
        h(
          "label",
          null,
          h("span", { class: "unseen" }, `Tick ${title}`),
          h("input", {
            type: "checkbox",
            onchange: (event) => choose(id, event.target.checked),
          }),
        ),
      h(
        "div",
        null,
        h("b", { class: "path" }, h("bdi", null, title)),
        h(
          "span",
          { class: "why" },
          `added ${format.moment(addedAt)}`,
          attempts > 0 && `, ${format.plural(attempts, "attempt")}`,
          worker && `, ${worker}`,
          job.recipe && `, ${job.recipe.name}`,
        ),
        reason &&
          h("span", { class: "why" }, h("code", null, reason.code ?? ""), " ", reason.message),
      ),
      h("span", { class: `state ${where}` }, where),
    );
  }

  return {
    element: h(
      "div",
      null,
      form,
      canChange && h("div", { class: "management" }, which, buttons),
      status,
      rows,
    ),
    begin,
    setRecipes(recipes) {
      const known = new Set(Array.from(recipe.options, ({ value }) => value));
      for (const { hash, name } of recipes) {
        if (!known.has(hash)) recipe.append(h("option", { value: hash }, name));
      }
    },
    show(wanted) {
      state.value = wanted.state ?? "";
      code.value = wanted.code ?? "";
      form.scrollIntoView({ block: "start" });
      void begin();
    },
    leave: () => {
      clearTimeout(timer);
      request++;
    },
  };
}
