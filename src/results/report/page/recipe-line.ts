import { type ReducedPrecision, reducedPrecision } from "../../../models/files/model-file.ts";
import { shortHashLength } from "../../choose-recipe.ts";
import type { ReportData } from "../data/report-data.ts";
import { type Html, html } from "../html.ts";

type StoredRecipe = ReportData["recipe"];

/** What is said of a model at the top of the page, as far as the recipe has it. */
interface ModelUse extends ReducedPrecision {
  readonly confidence?: number;
  readonly classConfidence?: unknown;
}

/** The recipe's name, or the beginning of its hash where it has none. */
export function recipeTitle({ name, hash }: Pick<StoredRecipe, "name" | "hash">): string {
  return name ?? hash.slice(0, shortHashLength);
}

/**
 * Says which recipe a page is about: its name and hash, the models and their confidence. Recipes
 * hold the hashes of model files; the files' names are only in the recipe's name.
 */
export function recipeLine({ name, hash, json, models }: StoredRecipe): Html {
  const { slicing, regions, ...uses } = JSON.parse(json);
  const slice: unknown = slicing?.slice;
  const parts = [
    modelPart("detector", models.detect, uses.detect),
    modelPart("segmenter", models.segment, uses.segment),
    typeof regions === "string" &&
      html`drawn regions <code>${regions.slice(0, shortHashLength)}</code>`,
    Array.isArray(slice) && `slices of ${slice.join("\u00A0×\u00A0")}\u00A0px`,
  ].filter((part) => part !== false);
  const called = name !== undefined && html`<b><bdi>${name}</bdi></b> `;
  return html`
    <p class="about-recipe">
      <span>Recipe ${called}<code>${hash.slice(0, shortHashLength)}</code></span>
      ${parts.map((part) => html` <span>${part}</span>`)}
    </p>`;
}

function modelPart(role: string, sha256: string | undefined, use: ModelUse = {}): Html | false {
  if (sha256 === undefined) return false;
  const { confidence, classConfidence } = use;
  const reduced = reducedPrecision(use);
  const hasOthers = Array.isArray(classConfidence) && classConfidence.length > 0;
  return html`
    ${role} <code>${sha256.slice(0, shortHashLength)}</code>
    ${confidence !== undefined && ` at confidence ${confidence}`}
    ${hasOthers && ", of some classes another"}
    ${reduced !== undefined && ` in ${reduced}`}`;
}
