import { formatValue } from "../../../../base/quantities.ts";
import type { ReportData } from "../../data/report-data.ts";
import { type Html, html } from "../../html.ts";

/** Names that come first, at any depth; all others follow, and the long hash at the end. */
const order = ["detect", "segment", "slicing", "slice", "overlap", "merge", "method", "metric"];

const introduction =
  "The models and parameters that decided these results. Models are identified by the SHA-256 of " +
  "their files. Another model, or another value, is another recipe.";

/** The models and parameters of the results. */
export function recipeSection({ recipe, classNames }: ReportData): Html {
  const { detect, ...others } = JSON.parse(recipe.json);
  const rows = inOrder({ detect: nameClasses(detect, classNames), ...others });
  return html`
    <section id="recipe">
      <h2>Recipe</h2>
      <p class="quiet">${introduction}</p>
      <dl class="recipe">
        ${rows
          .filter(([, value]) => value !== null && value !== undefined)
          .map(([name, value]) => recipeRow(name, parametersOf(value)))}
        ${recipeRow("recipe", [html`<li><code>${recipe.hash}</code></li>`])}
      </dl>
    </section>`;
}

function recipeRow(name: string, parameters: readonly Html[]): Html {
  return html`<div><dt>${name}</dt><dd><ul>${parameters}</ul></dd></div>`;
}

/** Adds names to the numbers of classes. */
function nameClasses(use: unknown, classNames: readonly string[]): unknown {
  if (use === null || typeof use !== "object") return use;
  const { classes, classConfidence } = use as { classes?: unknown; classConfidence?: unknown };
  const nameOf = (id: number) => `${id} ${classNames[id] ?? ""}`.trim();
  return {
    ...use,
    ...(Array.isArray(classes) && { classes: classes.map(nameOf).join(", ") }),
    ...(Array.isArray(classConfidence) && {
      classConfidence: classConfidence.map(([id, score]) => `${nameOf(id)} ${score}`).join(", "),
    }),
  };
}

function inOrder(values: object): [name: string, value: unknown][] {
  const rank = (name: string) =>
    name === "sha256" ? Infinity : order.includes(name) ? order.indexOf(name) : order.length;
  // Equal ranks first, since Infinity − Infinity is NaN.
  return Object.entries(values).sort(([a], [b]) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}

/** Lists a value, or all values inside it, however deep. */
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
