import { formatValue } from "../../base/quantities.ts";
import { type Html, html } from "./html.ts";
import type { ReportData } from "./report-data.ts";

/** What comes first, in whatever it is; the rest follows, and the long hash at the end. */
const order = ["detect", "segment", "slicing", "slice", "overlap", "merge", "method", "metric"];

/** What decided the results. */
export function recipeSection({ recipe, classNames }: ReportData): Html {
  const { detect, ...others } = JSON.parse(recipe.json);
  const rows = inOrder({ detect: nameClasses(detect, classNames), ...others });
  return html`<section id="recipe"><h2>Recipe</h2>
<p class="quiet">Models and parameters that decided these results; the results know models by the SHA-256 of their files. Another model, or another value, is another recipe.</p>
<dl class="recipe">${rows
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value]) => html`<div><dt>${name}</dt><dd><ul>${parametersOf(value)}</ul></dd></div>`,
    )}<div><dt>recipe</dt><dd><ul><li><code>${recipe.hash}</code></li></ul></dd></div></dl></section>`;
}

/** Numbers of classes with their names. */
function nameClasses(use: unknown, classNames: readonly string[]): unknown {
  if (use === null || typeof use !== "object") return use;
  const { classes } = use as { classes?: unknown };
  if (!Array.isArray(classes)) return use;
  const named = classes.map((id) => `${id} ${classNames[id] ?? ""}`.trim());
  return { ...use, classes: named.join(", ") };
}

function inOrder(values: object): [name: string, value: unknown][] {
  const rank = (name: string) =>
    name === "sha256" ? Infinity : order.includes(name) ? order.indexOf(name) : order.length;
  // Of equal rank as they are; Infinity less Infinity would be no number.
  return Object.entries(values).sort(([a], [b]) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

/** A value, or one for each name in it, however deep. */
function parametersOf(value: unknown, name = ""): Html[] {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return [html`<li>${inWords(name)} <code>${toText(value)}</code></li>`];
  }
  return inOrder(value).flatMap(([inner, entry]) => parametersOf(entry, `${name} ${inner}`));
}

/** `max detections` of `maxDetections` */
function inWords(name: string): string {
  return name.trim().replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function toText(value: unknown): string {
  if (Array.isArray(value)) return value.map(toText).join(" × ");
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" ? formatValue(value) : String(value);
}
