import { hash } from "node:crypto";
import { OrangeryError } from "../errors.ts";

/** JSON that a recipe may hold. Numbers are finite; `undefined` entries are left out. */
export type RecipeValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly RecipeValue[]
  | { readonly [key: string]: RecipeValue };

/**
 * All that decides a result: models by their SHA-256, and parameters. Equal recipes have the same
 * hash.
 */
export interface Recipe {
  /** Canonical JSON. */
  readonly json: string;
  /** SHA-256 of `json`, lower-case hex. */
  readonly hash: string;
  /** For people. It decides nothing, and two recipes may have the same. */
  readonly name?: string | undefined;
}

/** Whether a text names a recipe: it is its name, or its hash begins so. */
export function isRecipeNamed(
  { name, hash }: Pick<Recipe, "name" | "hash">,
  text: string,
): boolean {
  return name === text || (text !== "" && hash.startsWith(text.toLowerCase()));
}

/**
 * Creates a recipe of its contents.
 *
 * @throws `INVALID_ARGUMENT` when a number is not finite.
 */
export function createRecipe(contents: { readonly [key: string]: RecipeValue }): Recipe {
  const json = canonicalJson(contents);
  return { json, hash: hashRecipe(json) };
}

/** Returns the hash of a recipe's canonical JSON. */
export function hashRecipe(json: string): string {
  return hash("sha256", json);
}

/**
 * Returns JSON with the keys of every object in code-unit order and no spaces: equal values, equal
 * text.
 */
function canonicalJson(value: RecipeValue): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected finite numbers in a recipe, got ${value}.`,
    );
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value ?? null);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const members = entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
  return `{${members.join(",")}}`;
}
