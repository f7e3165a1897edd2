/** What a reviewed sample says of all photos, with how sure it is. */
import { h, table } from "../../dom.js";
import * as format from "../../format.js";
import { ask } from "../edits/review-server.js";

/** Below that, no interval is given. */
const leastReviewed = 20;

/** Draws the estimate of a list by chance, and draws nothing once `isGone()`. */
export async function estimatePanel(place, { list, query, isGone }) {
  const estimate = await ask(`/api/review/lists/${list.id}/estimate?${query}`);
  if (isGone()) return;
  const { progress, all, classes, photos } = estimate;
  const { reviewed, open } = progress;
  place.replaceChildren(
    h(
      "section",
      { class: "estimate", "aria-labelledby": "estimate-title" },
      h("h2", { id: "estimate-title" }, "What the sample says of all photos"),
      h("p", { class: "quiet" }, stateOf({ reviewed, open, photos, total: all.total })),
      h("dl", { class: "tiles estimate-tiles" }, tilesOf(all, reviewed)),
      reviewed > 0 &&
        classes.length > 1 &&
        table(
          "Estimates by class",
          [
            ["Class"],
            ["Found", true],
            ["Corrected", true],
            ["95 % interval", true],
            ["Precision", true],
            ["Recall", true],
          ],
          classes.map((ofClass) => [
            ofClass.name,
            ofClass.predicted,
            ofClass.total ? Math.round(ofClass.total.value) : right("–"),
            right(intervalOf(ofClass.total)),
            right(shareOf(ofClass.precision)),
            right(shareOf(ofClass.recall)),
          ]),
        ),
      reviewed > 0 && h("p", { class: "quiet" }, methodOf(all.total)),
    ),
  );
}

function stateOf({ reviewed, open, photos, total }) {
  if (reviewed === 0) return "Nobody has reviewed a photo of the sample yet.";
  const of = `${format.count(reviewed)} of ${format.plural(photos, "photo")} reviewed`;
  const left =
    open > 0
      ? ` ${format.plural(open, "photo")} of the sample ${open === 1 ? "is" : "are"} open: until then these numbers are provisional.`
      : "";
  const more = total?.interval === undefined ? ` Review ${leastReviewed} for an interval.` : "";
  return `${of}.${left}${more}`;
}

function tilesOf({ predicted, total, precision, recall }, reviewed) {
  const interval = intervalOf(total);
  return [
    ["Found", format.count(predicted), "as it was counted"],
    [
      "Corrected",
      rounded(total?.value),
      interval === "–" ? "no interval yet" : `${interval}, 95 %`,
    ],
    ["Precision", percent(precision?.value), rangeOf(precision) ?? "right of those found"],
    ["Recall", percent(recall?.value), rangeOf(recall) ?? "found of those there"],
  ].map(([title, value, note]) =>
    h(
      "div",
      { class: "tile" },
      h("dt", null, title),
      h(
        "dd",
        null,
        h("b", null, reviewed > 0 || title === "Found" ? value : "–"),
        h("span", null, note),
      ),
    ),
  );
}

const methods = {
  ratio:
    "Corrected: what was found on all photos, times the ratio of true to found objects on the " +
    "reviewed ones.",
  mean: "Corrected: the mean of the reviewed photos, times the number of all photos.",
  counted: "Corrected: all photos are reviewed, so it is a count.",
};
const methodOf = (total) =>
  `${methods[total?.method] ?? ""} Precision and recall count an object as right where people left ` +
  "it under its class.";

const right = (text) => h("span", { class: "right" }, text);
const rounded = (value) => (value === undefined ? "–" : format.count(Math.round(value)));
const intervalOf = (total) =>
  total?.interval ? `${rounded(total.interval.low)} to ${rounded(total.interval.high)}` : "–";
/** With a decimal: of many objects, 99.2 and 99.8 % are not the same. */
const percent = (share) => (share === undefined ? "–" : `${(100 * share).toFixed(1)} %`);
const rangeOf = (share) =>
  share && `${(100 * share.low).toFixed(1)} to ${(100 * share.high).toFixed(1)} %, 95 %`;
const shareOf = (share) =>
  share ? `${percent(share.value)} (${rangeOf(share).replace(", 95 %", "")})` : "–";
