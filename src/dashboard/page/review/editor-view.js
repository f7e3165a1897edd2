/** The screen of one photo under review. */
import { h } from "../dom.js";
import { fetchJson } from "../live.js";
import { askPersonName, personName } from "../person.js";
import { editorActions } from "./actions.js";
import { reviewDesk } from "./desk.js";
import { Edits } from "./edits/edits.js";
import { ask, reviewServer, session } from "./edits/review-server.js";
import { ReviewSync } from "./edits/review-sync.js";
import { thingsOf } from "./edits/things.js";
import { listenToKeys, showKeys } from "./keys.js";
import { whyOf } from "./lists/reasons.js";
import { reviewNotices } from "./notices.js";
import { button, reviewPanel } from "./panel.js";
import { fillTools, zoomButtons } from "./tools.js";

export function editorView(room, parameters, id) {
  const listId = parameters.get("list");
  const at = Number(parameters.get("at") ?? 0);
  const mayChange = room.setup.canChange;
  const back = listId === null ? room.lastList : `#review?list=${listId}`;
  const title = h("h1", { tabindex: "-1" }, "Photo");
  const standing = h("p", { class: "standing", role: "status" }, "Loading…");
  const spoken = h("p", { class: "unseen", role: "status" });
  const stage = h("div", { class: "stage" });
  const side = h("div", { class: "panel review-panel" });
  const tools = h("div", { class: "tools", role: "toolbar", "aria-label": "Corrections" });
  // It is seen when the tools have their height, so that nothing moves.
  const body = h("div", { class: "photo review loading" }, h("div", null, tools, stage), side);
  let leave = () => {};
  let isGone = false;

  const say = (text) => {
    spoken.textContent = text;
  };
  let isStepping = false;
  const step = (by) => {
    // Each step takes a photo for this person.
    if (isStepping) return;
    isStepping = true;
    goOn(room, { listId, at, id: Number(id), by, mayChange })
      .then(
        (hash) => (hash ? room.go(hash) : say("There is no other photo.")),
        (error) => {
          standing.textContent = error.message;
        },
      )
      .finally(() => {
        isStepping = false;
      });
  };
  const steps = h(
    "nav",
    { class: "steps", "aria-label": "Photos of the list" },
    h("a", { href: back }, "Back to the list"),
    button("Previous", "p", () => step(-1)),
    button("Next", "n", () => step(1)),
    standing,
  );

  async function start() {
    const by = mayChange ? personName() || (await askPersonName()) : undefined;
    if (isGone) return;
    const recipe = room.recipe;
    const query = `?recipe=${encodeURIComponent(recipe)}`;
    const [photo, queued] = await Promise.all([
      fetchJson(`/api/photos/${encodeURIComponent(id)}${query}`),
      listId !== null &&
        ask(`/api/review/lists/${listId}/photos${query}&after=${Math.max(0, at - 1)}&limit=1`),
    ]);
    if (isGone) return;
    title.replaceChildren(h("bdi", null, photo.name));
    document.title = `${photo.name} – Orangery`;
    if (!photo.result) throw new Error("This photo has no result to review.");
    const list = queued && { ...queued.photos[0], kind: queued.kind };
    leave = await open({
      photo,
      by,
      recipe,
      ...(list && { kind: list.kind, why: whyOf(list, photo) }),
    });
    if (isGone) leave();
  }

  async function open({ photo, by, recipe, kind, why }) {
    const canChange = by !== undefined;
    const nameOf = (classId) =>
      photo.classes.find((known) => known.id === classId)?.name ?? `class ${classId}`;
    let isReady = false;
    let isBusy = false;
    const edits = new Edits({
      onChange() {
        if (!isReady) return;
        sync.changed();
        show();
      },
    });
    const server = reviewServer({ recipe, photoId: photo.id, by });
    const sync = new ReviewSync({
      edits,
      recipe,
      photoId: photo.id,
      by,
      canChange,
      server: {
        ...server,
        read: async () => complete(await server.read()),
        correct: async (sent) => {
          const answer = await server.correct(sent);
          return answer.review ? { ...answer, review: complete(answer.review) } : answer;
        },
      },
      onStanding: () => isReady && show(),
      onReview: (_review, news) => {
        if (news.length > 0) notices.showNews(news.filter((thing) => thing.by !== by));
        if (isReady) show();
      },
      onHeld: ({ heldBy }) => notices.showHeld(heldBy),
    });
    const complete = (review) => ({ ...review, things: thingsOf(photo, review) });
    const desk = reviewDesk({
      photo,
      edits,
      canChange: () => canChange,
      showsCandidates: kind === "threshold",
      onChoice: () => isReady && show(),
      say,
    });
    const notices = reviewNotices({ edits, desk, nameOf, own: by });

    async function setReviewed(isReviewed) {
      if (!canChange || isBusy) return;
      if (edits.conflicts.size > 0) return say("First settle what you and others both changed.");
      isBusy = true;
      show();
      const isDone = await sync.setReviewed(isReviewed);
      isBusy = false;
      if (isGone) return;
      show();
      say(isDone ? (isReviewed ? "Reviewed." : "Not reviewed.") : (sync.error ?? "Not saved."));
      if (isDone && isReviewed && listId !== null) step(1);
    }

    const acts = {
      step,
      setReviewed,
      canChange,
      leave: () => room.go(back),
      showKeys: () => showKeys(actions),
      focusClass: () => panel.focusClass(),
    };
    const actions = editorActions({ desk, edits, acts, say });
    const panel = reviewPanel({
      photo,
      canChange,
      why,
      isInList: listId !== null,
      order: desk.things.order,
      acts: {
        ...acts,
        step: (by) => desk.step(by),
        choose(key) {
          desk.choose(key);
          desk.showChosen();
        },
        toggleRegion(key) {
          desk.choose(key);
          desk.toggleRemoved();
        },
        toggleRemoved: () => desk.toggleRemoved(),
        setClass: (classId) => desk.setClass(classId),
        setOrder(order) {
          desk.things.order = order;
          show();
        },
      },
    });
    const toolButtons = fillTools({ tools, desk, edits, canChange });

    function show() {
      desk.redraw();
      toolButtons.update();
      notices.update(sync);
      standing.textContent = standingText(sync, edits, { canChange, mayChange });
      standing.dataset.standing = sync.standing;
      panel.update({
        counts: desk.things.counts(),
        chosen: desk.chosen,
        description: desk.description(),
        newClassId: desk.newClassId,
        things: edits.things,
        review: sync.review,
        isBusy,
      });
    }

    stage.append(desk.view.canvas, notices.element, zoomButtons(desk.view, acts));
    desk.view.canvas.addEventListener("nopicture", () =>
      notices.showProblem("The photo is gone, or has changed since it was counted."),
    );
    const { kept, isStale } = await sync.load();
    isReady = true;
    if (kept > 0) notices.showKept(kept);
    if (isStale)
      notices.showProblem(
        "The photo was counted again. Your changes that had not reached the server no longer fit.",
      );
    side.replaceWith(panel.element);
    show();
    body.classList.remove("loading");
    const stopKeys = listenToKeys(actions, desk.view.canvas);
    desk.view.canvas.focus({ preventScroll: true });
    return () => {
      stopKeys();
      sync.leave();
      desk.leave();
    };
  }

  start().catch((error) => {
    standing.textContent = "";
    body.classList.remove("loading");
    side.replaceChildren(
      h("p", { class: "notice", role: "alert" }, error.message),
      h("button", { type: "button", onclick: () => location.reload() }, "Try again"),
    );
  });
  return {
    elements: [steps, title, body, spoken],
    leave() {
      isGone = true;
      leave();
    },
  };
}

/** Where the next or the previous photo is; undefined where there is none. */
async function goOn(room, { listId, at, id, by, mayChange }) {
  if (listId === null) {
    const here = room.list.indexOf(id);
    const other = here < 0 ? undefined : room.list[here + by];
    return other && `#review/${other}`;
  }
  const query = `recipe=${encodeURIComponent(room.recipe)}`;
  const path = `/api/review/lists/${listId}`;
  const addressOf = (photo) => photo && `#review/${photo.id}?list=${listId}&at=${photo.position}`;
  const name = personName();
  if (by > 0 && mayChange && name) {
    const body = { after: at, by: name, session };
    const { photo } = await ask(`${path}/next?${query}`, body);
    return photo ? addressOf(photo) : `#review?list=${listId}`;
  }
  if (by < 0 && at <= 1) return undefined;
  const after = by > 0 ? at : at - 2;
  const { photos } = await ask(`${path}/photos?${query}&after=${after}&limit=1`);
  return addressOf(photos[0]);
}

function standingText({ standing, error, isKept }, edits, { canChange, mayChange }) {
  if (!canChange)
    return mayChange ? "Without a name you may only look." : "You may look, not correct.";
  const count = edits.unsavedCount;
  const changes = count === 1 ? "1 change" : `${count} changes`;
  if (standing === "refused") return `Not saved: ${error}`;
  if (standing === "lost") {
    const why = error === undefined ? "No connection" : `Not saved yet (${error})`;
    if (count === 0) return `${why}.`;
    return `${why}: ${changes} ${isKept ? "kept in this browser" : "kept in this window only"}.`;
  }
  if (edits.conflicts.size > 0) return "Saved, except what you and others both changed.";
  return standing === "saving" ? "Saving…" : "All is saved.";
}
