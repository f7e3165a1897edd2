import type { RecipeDocument } from "../../../pipeline/recipe/recipe-document.ts";

/** A place where two recipes differ; undefined where one has nothing there. */
export interface Difference {
  /** As in `detect.confidence`. */
  readonly key: string;
  readonly first?: string | undefined;
  readonly second?: string | undefined;
}

/** Lists all values of a recipe by their places, as in `detect.confidence`. */
export function flatten(document: RecipeDocument, prefix = ""): [key: string, value: string][] {
  return Object.entries(document).flatMap(([key, value]) => {
    const isPart = typeof value === "object" && value !== null && !Array.isArray(value);
    if (isPart) return flatten(value as RecipeDocument, `${prefix}${key}.`);
    const text = typeof value === "string" ? value : JSON.stringify(value);
    return [[`${prefix}${key}`, text] satisfies [string, string]];
  });
}

/** Lists where two recipes differ, files and names included. */
export function differencesOf(a: RecipeDocument, b: RecipeDocument): Difference[] {
  const [first, second] = [new Map(flatten(a)), new Map(flatten(b))];
  const keys = new Set([...first.keys(), ...second.keys()]);
  return [...keys]
    .map((key): Difference => ({ key, first: first.get(key), second: second.get(key) }))
    .filter((difference) => difference.first !== difference.second);
}
