/** The screen Queue: recipes, workers with what they run, jobs; and what can be done about them. */
import { h, redraw, table, tile } from "../dom.js";
import * as format from "../format.js";
import { fetchJson, postJson } from "../live.js";
import { confirmed } from "../management/confirm.js";
import { jobsPanel } from "./jobs-panel.js";
import { workerCards } from "./worker-cards.js";

const periodMs = 2000;
const failuresEvery = 5;

export function queueView(room) {
  const { name, canChange } = room.setup.queue;
  const [tiles, recipes, workers, failures] = ["dl", "div", "div", "div"].map((tag) => h(tag));
  tiles.className = "tiles";
  workers.className = "workers";
  const problem = h("p", { class: "notice over", role: "alert", hidden: true });
  const pause = h("button", { type: "button", onclick: () => togglePause() }, "Pause…");
  let isGone = false;
  let [status, timer, round] = [undefined, undefined, 0];
  const jobs = jobsPanel({ canChange, onDone: () => look(), recipes: () => status?.recipes ?? [] });

  async function look() {
    clearTimeout(timer);
    if (isGone) return;
    try {
      if (!document.hidden) {
        status = await fetchJson("/api/queue/status");
        if (isGone) return;
        problem.hidden = true;
        draw();
        if (round++ % failuresEvery === 0) await lookAtFailures();
        await jobsBegun;
        body.hidden = false;
      }
    } catch (error) {
      problem.textContent = `The queue does not answer: ${error.message}`;
      problem.hidden = false;
    }
    clearTimeout(timer);
    if (!isGone) timer = setTimeout(look, periodMs);
  }

  async function lookAtFailures() {
    const found = await fetchJson("/api/queue/failures");
    redraw(failures, found.failures, (list) => drawFailures(list, jobs.show));
  }

  function draw() {
    redraw(tiles, tilesOf(status), (list) => list.map(tile));
    redraw(recipes, status.recipes, drawRecipes);
    redraw(workers, [status.workers, canChange], () =>
      workerCards(status.workers, canChange && directWorker),
    );
    pause.textContent = status.isPaused ? "Resume…" : "Pause…";
    jobs.setRecipes(status.recipes);
  }

  function drawRecipes(list) {
    if (list.length === 0)
      return h("p", { class: "quiet" }, "No photos were added to this queue yet.");
    return table(
      "Recipes of the queue",
      [
        ["Recipe"],
        ["Waiting", true],
        ["Active", true],
        ["Delayed", true],
        ["Done", true],
        ["Failed", true],
        ["Workers", true],
        [""],
      ],
      list.map((recipe) => [
        [
          recipe.name,
          recipe.isPaused && h("span", { class: "chip" }, "paused"),
          h("span", { class: "why" }, recipe.hash.slice(0, 8)),
        ],
        ...[recipe.waiting, recipe.active, recipe.delayed, recipe.done, recipe.failed],
        recipe.workers.length,
        canChange
          ? h(
              "button",
              { type: "button", class: "small", onclick: () => togglePause(recipe) },
              recipe.isPaused ? "Resume…" : "Pause…",
            )
          : "",
      ]),
    );
  }

  async function togglePause(recipe = undefined) {
    const isPaused = !(recipe ?? status).isPaused;
    const { waiting, delayed } = recipe ?? status;
    const what = recipe ? `the recipe ${recipe.name}` : `the queue ${name}`;
    const left = format.plural(waiting + delayed, "job");
    const by = await confirmed({
      title: `${isPaused ? "Pause" : "Resume"} ${what}, ${left} left?`,
      text: isPaused
        ? "Workers finish what they have and take no more of its jobs, until someone resumes it."
        : "Workers take its jobs again.",
      button: isPaused ? "Pause" : "Resume",
    });
    if (by === undefined) return;
    await act("pause", { by, isPaused, recipe: recipe?.hash });
  }

  async function directWorker(worker, request) {
    const texts = {
      drain: `It finishes the ${format.plural(worker.active, "job")} that it has, takes no more, and keeps its models.`,
      resume: "It takes jobs again.",
      recycle: "A fresh process loads the models and takes over; then this one finishes and ends.",
    };
    const names = { drain: "Drain", resume: "Resume", recycle: "Recycle" };
    const by = await confirmed({
      title: `${names[request]} 1 worker, ${worker.name}?`,
      text: texts[request],
      button: names[request],
    });
    if (by !== undefined) await act("worker", { by, name: worker.name, wish: request });
  }

  async function act(what, body) {
    try {
      await postJson(`/api/queue/${what}`, body);
      await look();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  }

  const section = (title, body, id) =>
    h("section", { "aria-labelledby": id }, h("h2", { id }, title), body);
  // All is shown at once, so that nothing moves.
  const body = h("div", { hidden: true }, [
    tiles,
    canChange && h("div", { class: "pause" }, pause),
    section("Recipes", h("div", { class: "panel" }, recipes), "queue-recipes"),
    section("Workers", workers, "queue-workers"),
    section("Failed jobs by reason", failures, "queue-failures"),
    section("Jobs", jobs.element, "queue-jobs"),
  ]);
  const jobsBegun = jobs.begin();
  void look();
  return {
    elements: [h("h1", { tabindex: "-1" }, "Queue ", h("bdi", null, name)), problem, body],
    leave() {
      isGone = true;
      clearTimeout(timer);
      jobs.leave();
    },
  };
}

function tilesOf({ waiting, active, delayed, failed, done, perSecond, etaMs, isPaused }) {
  const [speed, unit] = perSecond ? format.rate(perSecond) : ["–", "nothing is at work"];
  const left = waiting + active + delayed;
  return [
    ["Waiting", format.count(waiting), isPaused ? "paused" : `${format.count(active)} active`],
    ["Delayed", format.count(delayed), "tried again later"],
    [
      "Failed",
      format.count(failed),
      ...(failed ? ["see below", true, "#queue-failures"] : ["none"]),
    ],
    ["Done", format.count(done), "since the queue was made"],
    ["Rate", speed, unit],
    [
      "Time left",
      left === 0 ? "–" : etaMs === undefined ? "?" : format.roughly(etaMs),
      left === 0 ? "nothing is left" : "at the rate of the last half minute",
    ],
  ];
}

function drawFailures(list, show) {
  if (list.length === 0) return h("p", { class: "quiet" }, "None.");
  return list.map(({ code, count, meaning, advice }) =>
    h(
      "div",
      { class: "failure" },
      h("h3", null, format.plural(count, "job"), " · ", h("code", null, code ?? "no code")),
      h("p", null, meaning ?? "An error of a task: read the reason.", " ", advice ?? ""),
      h(
        "p",
        null,
        h(
          "button",
          { type: "button", class: "small", onclick: () => show({ state: "failed", code }) },
          "Show these jobs",
        ),
      ),
    ),
  );
}
