/**
 * The screen Now: progress, speed, devices and problems. Nothing is shown before all of it is
 * known, and space for later content is reserved, so that nothing moves.
 */
import { h, link, redraw, table, thumbnail, tile } from "./dom.js";
import * as format from "./format.js";
import { pauseControl } from "./management/pause-button.js";

/** As the server sends at most. */
const newestShown = 8;
const latestResults = 1000;

export function nowView(room) {
  const tiles = h("dl", { class: "tiles" });
  const bar = h("div", { class: "bar" });
  const pause = pauseControl(room);
  const notices = h("div", { class: "attention", "aria-live": "polite" });
  const newest = h("ul", { class: "newest" });
  const [time, counts, devices, machine, failures] = Array.from({ length: 5 }, () => h("div"));
  const section = (title, body, id) =>
    h("section", { "aria-labelledby": id }, h("h2", { id }, title), body);
  const failed = section("Failed photos", failures, "now-failures");
  const models = section("Models in memory", machine, "now-models");
  const body = h("div", { hidden: true }, [
    notices,
    tiles,
    h("div", { class: "how-far-bar" }, bar, pause.element),
    section("Last photos", newest, "now-newest"),
    h(
      "div",
      { class: "pair" },
      section("Where the time goes", time, "now-time"),
      section("What was counted", counts, "now-counts"),
    ),
    h("div", { class: "pair" }, section("Where it ran", devices, "now-devices"), models),
    failed,
  ]);
  return {
    elements: [h("h1", { tabindex: "-1" }, "Now"), body],
    onNews(news) {
      redraw(tiles, tilesOf(news), (list) => list.map(tile));
      redraw(bar, news.states, progress);
      pause.show({ pause: news.pause, left: news.states.waiting + news.states.leased });
      redraw(notices, noticesOf(news), drawNotices);
      redraw(newest, [news.newest, placesOf(news)], ([list, places]) =>
        places === 0
          ? h("li", { class: "quiet" }, "None yet.")
          : Array.from({ length: places }, (_, i) => (list[i] ? card(list[i], room) : place())),
      );
      redraw(time, [news.time, news.latestCount, hasCopies(news)], drawTime);
      redraw(counts, news.totals ?? null, drawCounts);
      redraw(devices, news.devices, drawDevices);
      models.hidden = !news.machine;
      if (news.machine) redraw(machine, news.machine, drawMachine);
      failed.hidden = !news.totals?.failures.length;
      if (news.totals) redraw(failures, news.totals.failures, drawFailures);
      body.hidden = false;
    },
  };
}

function tilesOf({ states, isQuiet, perSecond, leftMs, totals, lastResultAtMs }) {
  const { done, waiting, leased, failed } = states;
  const left = waiting + leased;
  const unknown = left === 0 ? "nothing is left" : isQuiet ? "nothing is at work" : "not known yet";
  const isGoing = left > 0 && !isQuiet;
  const [speed, unit] = isGoing && perSecond ? format.rate(perSecond) : ["–", unknown];
  const [likely, howSure] =
    isGoing && leftMs ? timeLeft(leftMs) : [left === 0 ? "–" : "?", unknown];
  return [
    [
      "Done",
      format.count(done),
      lastResultAtMs ? `last at ${format.moment(lastResultAtMs)}` : "none yet",
    ],
    [
      "Left",
      format.count(left),
      leased ? `${format.count(leased)} in progress` : "none in progress",
    ],
    ["Failed", format.count(failed), ...whereFailures(failed, totals)],
    [
      "Objects",
      totals ? format.count(totals.objectCount) : "…",
      totals ? `as of ${format.moment(totals.atMs)}` : "adding up",
    ],
    ["Rate", speed, unit],
    ["Time left", likely, howSure],
  ];
}

/** The reasons are further down, as soon as all photos are added up. */
function whereFailures(failed, totals) {
  if (failed === 0) return ["none"];
  if (totals?.failures.length > 0) return ["see below", true, "#now-failures"];
  return ["show them", true, "#photos?state=failed"];
}

function timeLeft(leftMs) {
  const [least, likely, most] = leftMs.map(format.roughly);
  return [likely, least === most ? "quite sure" : `${least} to ${most}`];
}

function progress({ done, waiting, leased, failed }) {
  const all = done + waiting + leased + failed;
  const share = all === 0 ? 0 : (done + failed) / all;
  return [
    h("progress", {
      value: String(share),
      max: "1",
      "aria-label": "Photos that are done or failed",
    }),
    h("span", { class: "quiet" }, `${Math.floor(100 * share)} % of ${format.plural(all, "photo")}`),
  ];
}

function noticesOf({ isQuiet, lastResultAtMs, states, devices, totals, pause }) {
  const left = states.waiting + states.leased;
  const notices = [];
  if (isQuiet && left > 0 && !pause) {
    // They may have been added a moment ago.
    const waits = format.plural(left, "photo waits", "photos wait");
    const last = lastResultAtMs
      ? `the last result came at ${format.moment(lastResultAtMs)}`
      : "no result has come yet";
    notices.push(`${waits}, and ${last}: is a run or a worker at work?`);
  }
  if (states.failed > 0) {
    const verb = states.failed === 1 ? "has" : "have";
    notices.push([
      `${format.plural(states.failed, "photo")} ${verb} failed.`,
      "#photos?state=failed",
    ]);
  }
  if (states.excluded > 0) {
    notices.push([
      `${format.plural(states.excluded, "photo")} excluded by people, and not counted.`,
      "#photos?state=excluded",
    ]);
  }
  if (new Set(devices.map(({ device }) => device)).size > 1) {
    notices.push(["The last photos ran on different devices.", "#now-devices"]);
  }
  for (const [warning, photos] of totals?.warnings ?? []) {
    const name = format.warningName(warning);
    notices.push([
      `${name[0].toUpperCase()}${name.slice(1)}: ${format.plural(photos, "photo")}.`,
      `#photos?warning=${encodeURIComponent(warning)}`,
    ]);
  }
  return notices.map((notice) => (Array.isArray(notice) ? notice : [notice]));
}

/** One line, whatever there is to say; a click shows all of it. */
function drawNotices(list) {
  if (list.length === 0) return h("p", { class: "quiet" }, "Nothing needs attention.");
  const all = list.map(([text]) => text).join(" ");
  return h(
    "details",
    { class: "notice" },
    h("summary", null, list.length === 1 ? all : `${list.length} things to look at: ${all}`),
    h(
      "ul",
      null,
      list.map(([text, href]) => h("li", null, href ? link(href, text) : text)),
    ),
  );
}

/** How many photos there is room for: as many as will have come. */
function placesOf({ newest, states: { done, waiting, leased } }) {
  return Math.max(newest.length, Math.min(newestShown, done + waiting + leased));
}

/** Where a photo will be. */
const place = () =>
  h(
    "li",
    { class: "place", "aria-hidden": "true" },
    h("span", { class: "thumb" }),
    h("b", null, " "),
  );

/** Its photo has those of the newest results before and after it, whatever list was looked at. */
function card(photo, room) {
  const { id, name, result } = photo;
  const forgetList = () => {
    room.list = [];
  };
  return h(
    "li",
    null,
    h(
      "a",
      { href: `#photo/${id}`, onclick: forgetList },
      thumbnail(photo),
      h("b", null, h("bdi", null, name)),
      h(
        "span",
        { class: "quiet" },
        h("span", null, format.plural(result.objectCount, "object")),
        " ",
        h("span", null, format.moment(result.createdAt)),
      ),
    ),
  );
}

/** Whether photos of the same bytes share a result, as far as all results were looked at. */
function hasCopies({ states, latestCount }) {
  return latestCount < latestResults && latestCount < states.done;
}

function drawTime([{ steps, bottleneck }, latestCount, isShared]) {
  if (steps.length === 0) return h("p", { class: "quiet" }, "Nothing was measured yet.");
  return [
    h("p", null, bottleneck),
    h(
      "div",
      { class: "stack", "aria-hidden": "true" },
      steps.map(({ share }, i) =>
        h("i", { class: `s${i % 7}`, style: { "flex-grow": share.toFixed(4) } }),
      ),
    ),
    table(
      "The time of each step",
      [["Step"], ["Mean", true], ["Share", true]],
      steps.map(({ step, ms, share }, i) => [
        h("span", null, h("i", { class: `dot s${i % 7}`, "aria-hidden": "true" }), step),
        h("span", { class: "right" }, format.milliseconds(ms)),
        h("span", { class: "right" }, format.percent(share)),
      ]),
    ),
    h(
      "p",
      { class: "quiet" },
      `Of the last ${format.plural(latestCount, "result")}. ` +
        `${isShared ? "Copies of a photo share one. " : ""}Steps of several photos overlap.`,
    ),
  ];
}

function drawCounts(totals) {
  if (totals === null) return h("p", { class: "quiet" }, "All photos are being added up.");
  if (totals.counts.length === 0) return h("p", { class: "quiet" }, "Nothing was found yet.");
  return table(
    "Objects by class",
    [["Class"], ["Objects", true]],
    totals.counts.map(([name, count]) => [
      h(
        "a",
        { href: `#photos?${new URLSearchParams({ class: name, minCount: 1, order: "most" })}` },
        name,
      ),
      count,
    ]),
  );
}

function drawDevices(devices) {
  if (devices.length === 0) return h("p", { class: "quiet" }, "None yet.");
  return table(
    "Devices of the last results",
    [["Device, and why there"], ["Last results", true]],
    devices.map(({ device, photos, fallbackReason }) => [
      [device, h("span", { class: "why" }, fallbackReason ?? "as it was wanted")],
      photos,
    ]),
  );
}

function drawMachine(machine) {
  const { models, loads, processBytes, devices } = machine;
  const rate = format.loadRate(machine);
  const reasons = new Set(models.flatMap(({ fallbackReason }) => fallbackReason ?? []));
  return [
    table(
      "Models in memory",
      [["Model"], ["Device"], ["Precision"], ["Since"], ["Memory"]],
      models.map(({ name, device, precision, state, loadedAt, bytes }) => [
        name,
        device ?? "",
        precision ?? "",
        loadedAt ? format.moment(loadedAt) : state,
        bytes ? format.bytes(bytes) : "",
      ]),
    ),
    Array.from(reasons, (reason) => h("p", { class: "why" }, "Not used: ", reason)),
    h(
      "p",
      { class: "quiet" },
      `${format.plural(loads, "load")} from disk${rate && `, ${rate}`}. ` +
        `The process takes ${format.bytes(processBytes)}.`,
    ),
    ...devices.map(({ device, usedBytes, totalBytes, busyPercent }) =>
      h(
        "p",
        { class: "quiet" },
        `${device}: ${format.bytes(usedBytes)} of ${format.bytes(totalBytes)} in use` +
          (busyPercent === undefined ? "." : `, ${busyPercent} % busy.`),
      ),
    ),
  ];
}

function drawFailures(failures) {
  return failures.map(({ code, photos, meaning, advice }) =>
    h(
      "div",
      { class: "failure" },
      h("h3", null, format.plural(photos, "photo"), " · ", h("code", null, code)),
      h("p", null, meaning, " ", advice),
      h("p", null, h("a", { href: `#photos?state=failed&code=${code}` }, "Show these photos")),
    ),
  );
}
