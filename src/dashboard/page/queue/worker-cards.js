/** A card for each worker: what was wanted and what really runs, its models, memory, loads. */
import { h } from "../dom.js";
import * as format from "../format.js";

/** `direct(worker, request)` is there for those who may drain and recycle. */
export function workerCards(workers, direct) {
  if (workers.length === 0) {
    return h("p", { class: "quiet" }, "None. Jobs wait until a worker is started.");
  }
  return workers.map((worker) => card(worker, direct));
}

function card(worker, direct) {
  const { name, host, pid, isDrained, active, ended, perSecond, startedAt, machine } = worker;
  const state = isDrained ? "drained" : active > 0 ? "at work" : "idle";
  const [speed, unit] = perSecond ? format.rate(perSecond) : ["0", "photos a second"];
  const fact = (title, value) =>
    value && h("div", null, h("dt", null, title), h("dd", null, value));
  const fallbacks = [...new Set((machine?.models ?? []).flatMap((m) => m.fallbackReason ?? []))];
  // Where `auto` found no better device, nothing is wrong.
  const isAsked = machine?.wantedDevice !== "auto";
  return h(
    "article",
    { class: "panel worker", "data-worker": name, "data-state": state },
    h(
      "header",
      null,
      h("h3", null, h("bdi", null, name)),
      h("span", { class: isDrained ? "chip" : "quiet" }, state),
    ),
    isAsked &&
      fallbacks.map((reason) =>
        h("p", { class: "notice" }, "Not on the device that was asked for: ", reason),
      ),
    machine && models(machine.models),
    !isAsked && fallbacks.map((reason) => h("p", { class: "why" }, "Not used: ", reason)),
    h(
      "dl",
      { class: "facts" },
      fact("Jobs", `${format.count(active)} now, ${format.count(ended)} ended, ${speed} ${unit}`),
      fact("Memory", memory(worker)),
      machine && fact("Loads", loadsOf(machine)),
      (machine?.gpus ?? []).map((gpu) =>
        fact(
          gpu.device,
          `${format.bytes(gpu.usedBytes)} of ${format.bytes(gpu.totalBytes)}` +
            (gpu.busyPercent === undefined ? "" : `, ${gpu.busyPercent} % busy`),
        ),
      ),
      fact(
        "Process",
        `${pid} on ${host}, since ${format.moment(startedAt)}` +
          (worker.earlierProcesses ? `, replaced ${times(worker.earlierProcesses)}` : ""),
      ),
      (worker.notServed ?? []).map((recipe) =>
        fact("Leaves", h("span", null, recipe.name, h("span", { class: "why" }, recipe.reason))),
      ),
    ),
    direct &&
      h(
        "p",
        { class: "choices" },
        button(isDrained ? "resume" : "drain", isDrained ? "Resume…" : "Drain…"),
        worker.earlierProcesses !== undefined && button("recycle", "Recycle…"),
      ),
  );

  function button(request, text) {
    return h(
      "button",
      {
        type: "button",
        class: "small",
        "data-request": request,
        onclick: () => direct(worker, request),
      },
      text,
    );
  }
}

const times = (number) => (number === 1 ? "once" : `${format.count(number)} times`);

const loadsOf = (machine) =>
  [format.count(machine.loads), format.loadRate(machine)].filter(Boolean).join(", ");

function models(list) {
  if (list.length === 0) return h("p", { class: "quiet" }, "No model is loaded.");
  return h(
    "ul",
    { class: "models" },
    list.map(({ name, device, precision, bytes, loadedAt }) =>
      h(
        "li",
        null,
        h("b", null, name),
        ` ${precision} on ${device}`,
        h(
          "span",
          { class: "quiet" },
          `${bytes ? `${format.bytes(bytes)}, ` : ""}loaded at ${format.moment(loadedAt)}`,
        ),
      ),
    ),
  );
}

function memory({ processBytes, gpuBytes }) {
  const gpu = gpuBytes > 0 ? `, ${format.bytes(gpuBytes)} of the GPU` : "";
  return `${format.bytes(processBytes)}${gpu}`;
}
