/** The page: which screen is shown, of which recipe. */

import { compareView } from "./compare/compare-view.js";
import { h } from "./dom.js";
import { fetchJson, listen } from "./live.js";
import { actionsView } from "./management/actions-view.js";
import { nowView } from "./now-view.js";
import { photoView } from "./photo-view.js";
import { photosView } from "./photos-view.js";
import { queueView } from "./queue/queue-view.js";
import { editorView } from "./review/editor-view.js";
import { listsView } from "./review/lists/lists-view.js";

const main = document.getElementById("main");
const select = document.getElementById("recipe");
const live = document.getElementById("live");
const againMs = 3000;

/** What all screens share: the recipe, the newest state, and the photos of the last list. */
const room = {
  recipe: "",
  setup: undefined,
  news: undefined,
  list: [],
  lastList: "#photos",
  go,
  again,
};
let screen;
let stopListening = () => {};

const screens = {
  now: nowView,
  photos: photosView,
  photo: photoView,
  review: reviewView,
  compare: compareView,
  queue: queueView,
  log: actionsView,
};

/** `#review` is the lists, `#review/12` a photo. */
function reviewView(room, parameters, id) {
  return id === undefined ? listsView(room, parameters) : editorView(room, parameters, id);
}

/** Shows the screen that the address names: `#now`, `#photos?state=failed`, `#photo/12`. */
function show() {
  // The address may change before there is anything to show.
  if (room.setup === undefined) return;
  // What a dialog asks is of the screen that is left.
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [name = "now", id] = path.split("/");
  const { queue, recipes } = room.setup;
  const home = recipes.length > 0 ? "now" : "queue";
  const isKnown = name === "queue" ? queue : Object.hasOwn(screens, name) && home === "now";
  const known = isKnown ? name : home;
  const parameters = new URLSearchParams(query);
  if (screen?.name === known && screen.update?.(parameters, id)) return;
  screen?.leave?.();
  screen = { name: known, ...screens[known](room, parameters, id) };
  main.replaceChildren(...screen.elements);
  if (room.news) screen.onNews?.(room.news);
  for (const link of document.querySelectorAll("[data-screen]")) {
    const isHere =
      link.dataset.screen === known || (known === "photo" && link.dataset.screen === "photos");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const title = main.querySelector("h1");
  document.title = `${title?.textContent ?? "Orangery"} – Orangery`;
  title?.focus({ preventScroll: true });
  scrollTo(0, 0);
}

function go(hash) {
  location.hash = hash;
}

/** Draws the screen anew, where something of it was changed. */
function again() {
  screen?.leave?.();
  screen = undefined;
  show();
}

function choose(recipe) {
  room.recipe = recipe;
  room.news = undefined;
  stopListening();
  stopListening = listen(recipe, (news) => {
    room.news = news;
    screen?.onNews?.(news);
    if (news.recipeCount !== room.setup.recipes.length) void learnRecipes();
  });
}

/** What a run has begun meanwhile can be chosen as well; what is shown stays. */
async function learnRecipes() {
  const setup = await fetchJson("/api/setup").catch(() => room.setup);
  room.setup = setup;
  offer(setup.recipes, room.recipe);
}

function offer(recipes, chosen) {
  select.replaceChildren(
    ...recipes.map(({ hash, name }) =>
      h("option", { value: hash }, [name, hash.slice(0, 8)].filter(Boolean).join(" ")),
    ),
  );
  select.value = chosen;
  select.closest("label").hidden = recipes.length < 2;
}

async function start() {
  const setup = await fetchJson("/api/setup");
  const { recipes, newestHash, canLogOut, queue, hasResults } = setup;
  for (const link of document.querySelectorAll("[data-screen]")) {
    link.hidden = link.dataset.screen === "queue" ? !queue : Boolean(queue) && recipes.length === 0;
  }
  document.getElementById("log-out").hidden = !canLogOut;
  offer(recipes, newestHash);
  // The height of what is above the screens is now final.
  document.body.dataset.state = "ready";
  const isFirst = room.setup === undefined;
  if (recipes.length > 0 || queue) room.setup = setup;
  if (recipes.length > 0) {
    choose(newestHash);
  } else if (hasResults) {
    live.textContent = queue ? "No results yet" : "Waiting";
    setTimeout(() => start().catch(lookAgain), againMs);
  } else live.textContent = "";
  if (room.setup === undefined) {
    main.replaceChildren(
      h("h1", { tabindex: "-1" }, "No results yet"),
      h("p", null, "No run has used this results file. This page looks again every few seconds."),
    );
  } else if (isFirst) show();
}

/** Where results were awaited, the server may come back. */
function lookAgain() {
  live.textContent = "Connection lost, trying again…";
  setTimeout(() => start().catch(lookAgain), againMs);
}

select.addEventListener("change", () => {
  choose(select.value);
  again();
});
document.getElementById("log-out").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  location.replace("/login");
});
// The address names screens, and stays as it is where their contents are meant.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", show);
start().catch((error) => {
  document.body.dataset.state = "ready";
  main.replaceChildren(
    h("h1", { tabindex: "-1" }, "The server does not answer"),
    h("p", { class: "notice", role: "alert" }, error.message),
    h("button", { type: "button", onclick: () => location.reload() }, "Try again"),
  );
});
