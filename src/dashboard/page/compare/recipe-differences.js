/** Where two recipes differ, value by value. */
import { h, table } from "../dom.js";

export function recipeDifferences(first, second) {
  const [a, b] = [first, second].map(({ recipe }) => new Map(flatten(recipe)));
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
  return h(
    "details",
    { class: "panel recipes" },
    h("summary", null, `Where the recipes differ (${keys.length})`),
    table(
      "Values of the recipes that differ",
      [["Value"], ["Before"], ["Now"]],
      keys.map((key) => [h("code", null, key), short(a.get(key)), short(b.get(key))]),
    ),
  );
}

function flatten(value, prefix = "") {
  return Object.entries(value).flatMap(([key, part]) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? flatten(part, `${prefix}${key}.`)
      : [[prefix + key, typeof part === "string" ? part : JSON.stringify(part)]],
  );
}

/** A hash is known by its beginning. */
function short(text = "–") {
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, 12) : text;
}
