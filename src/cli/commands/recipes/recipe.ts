import { relative } from "node:path";
import { findTarget } from "../../../base/files/target-file.ts";
import { writeWhole } from "../../../base/files/whole-file.ts";
import { formatCount } from "../../../base/quantities.ts";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { isRecipeNamed } from "../../../ledger/recipe.ts";
import { readRecipes } from "../../../ledger/results/stored-results.ts";
import { type CountOptions, countRecipe } from "../../../pipeline/recipe/count-recipe.ts";
import { type RecipeDocument, writeRecipe } from "../../../pipeline/recipe/recipe-document.ts";
import { shortHashLength } from "../../../results/choose-recipe.ts";
import { displayPath, fromCaller } from "../../options/caller-paths.ts";
import { readRecipeFile } from "../../options/recipe-file.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";
import { type Difference, differencesOf, flatten } from "./recipe-differences.ts";

/** Where recipes are looked for. */
export interface RecipePlace {
  readonly results?: string;
  readonly queue?: string;
  readonly queueUrl: string;
}

interface FoundRecipe {
  readonly name: string;
  readonly hash: string;
  readonly document: RecipeDocument;
  /** Photos that are done, and that are not. */
  readonly done?: number | undefined;
  readonly left?: number | undefined;
}

/** Runs `orangery recipe make`. */
export async function makeRecipe(
  output: StandardOutput,
  { count, out }: { readonly count: CountOptions; readonly out?: string | undefined },
): Promise<void> {
  const recipe = await countRecipe(count);
  const document = writeRecipe(recipe.count, recipe);
  if (out === undefined) return await output.write(toText(document));
  const { path: file } = await findTarget(fromCaller(out));
  await writeWhole(file, toText(withPathsFrom(file, document)));
  const { name, hash } = recipe.recipe;
  await output.write(`${name} ${hash.slice(0, shortHashLength)} is in ${displayPath(file)}\n`);
}

/** The ranges of a calibration are thousands of characters. */
const longest = 100;

/** Runs `orangery recipe show`. */
export async function showRecipe(
  output: StandardOutput,
  wanted: string,
  { json, ...place }: RecipePlace & { readonly json?: boolean },
): Promise<void> {
  const { name, hash, document } = await find(wanted, place);
  if (json) return await output.write(toText(document));
  const rows = flatten(document)
    .filter(([key]) => key !== "name")
    .map(([key, value]) => [key, value.length > longest ? `${value.slice(0, longest)}…` : value]);
  const all = [["name", name], ["hash", hash], ...rows];
  await output.write(formatTable([{ title: "Recipe" }, { title: "" }], all));
}

/** Runs `orangery recipe compare`; resolves to the exit status. */
export async function compareRecipes(
  output: StandardOutput,
  [first, second]: readonly [string, string],
  { json, ...place }: RecipePlace & { readonly json?: boolean },
): Promise<number> {
  const [a, b] = [await find(first, place), await find(second, place)];
  const differences = differencesOf(a.document, b.document);
  const isSame = a.hash === b.hash;
  if (json) await output.writeJson({ same: isSame, differences });
  else await output.write(describe(isSame, differences, [first, second]));
  return isSame ? exitStatus.ok : exitStatus.incomplete;
}

/** Runs `orangery recipe list`. */
export async function listRecipes(
  output: StandardOutput,
  { json, ...place }: RecipePlace & { readonly json?: boolean },
): Promise<void> {
  const recipes = await listAll(place);
  if (json) {
    for (const recipe of recipes) await output.writeJson(recipe);
    return;
  }
  if (recipes.length === 0) return await output.write("No recipes\n");
  const text = (value: unknown) => (value === undefined ? "-" : String(value));
  const modelOf = ({ document }: FoundRecipe, role: "detect" | "segment") => {
    const { file, sha256 } = (document[role] ?? {}) as { file?: string; sha256?: string };
    return file === undefined ? text(sha256?.slice(0, shortHashLength)) : displayPath(file);
  };
  await output.write(
    formatTable(
      [
        { title: "Recipe" },
        { title: "Hash" },
        { title: "Detect" },
        { title: "Segment" },
        { title: "Done", align: "right" },
        { title: "Left", align: "right" },
      ],
      recipes.map((recipe) => [
        recipe.name,
        recipe.hash.slice(0, shortHashLength),
        modelOf(recipe, "detect"),
        modelOf(recipe, "segment"),
        recipe.done === undefined ? "-" : formatCount(recipe.done),
        recipe.left === undefined ? "-" : formatCount(recipe.left),
      ]),
    ),
  );
}

async function find(wanted: string, place: RecipePlace): Promise<FoundRecipe> {
  const known = hasPlace(place) ? await listAll(place) : [];
  const found = known.filter((recipe) => isRecipeNamed(recipe, wanted));
  if (found.length === 1) return found[0]!;
  if (found.length === 0 && (/[./\\]/.test(wanted) || known.length === 0)) {
    const { recipe, count, ...hashes } = await readRecipeFile(wanted);
    const document = writeRecipe(count, { recipe, ...hashes });
    return { name: recipe.name, hash: recipe.hash, document };
  }
  const among = (found.length > 0 ? found : known)
    .map(({ name, hash }) => `${name} ${hash.slice(0, shortHashLength)}`)
    .join(", ");
  throw new OrangeryError(
    "RECIPE_NOT_FOUND",
    found.length > 1
      ? `Expected one recipe, but "${wanted}" may be several: ${among}. Give more of the hash.`
      : `Expected a recipe of the name or hash "${wanted}", but there is none. There are ${among}.`,
    { details: { wanted } },
  );
}

function hasPlace({ queue, results }: RecipePlace): boolean {
  return queue !== undefined || results !== undefined;
}

async function listAll(place: RecipePlace): Promise<FoundRecipe[]> {
  if (!hasPlace(place)) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected --queue <name> or --results <file>: where to look for recipes.",
    );
  }
  return place.results === undefined ? await ofQueue(place) : await ofResults(place.results);
}

async function ofQueue({ queue, queueUrl }: RecipePlace): Promise<FoundRecipe[]> {
  const { FleetQueues } = await import("../../../fleet/recipes/fleet-queues.ts");
  const { readFleetStatus } = await import("../../../fleet/recipes/fleet-status.ts");
  await using queues = await FleetQueues.open({ connection: queueUrl, queue: queue! });
  const recipes = await queues.base.within(queues.catalogue.recipes());
  const { recipes: counts } = await queues.base.within(readFleetStatus(queues));
  return recipes.map(({ name, hash, document }) => {
    const {
      done,
      waiting = 0,
      active = 0,
      delayed = 0,
    } = counts.find((status) => status.hash === hash) ?? {};
    return { name, hash, document, done, left: waiting + active + delayed };
  });
}

async function ofResults(results: string): Promise<FoundRecipe[]> {
  await using ledger = await openLedger(resultsFromCaller(results), { readOnly: true });
  const recipes = await readRecipes(ledger);
  return recipes.map(({ name = "-", hash, json, done, left }) => ({
    name,
    hash,
    // Results know models by their contents only.
    document: { name, ...JSON.parse(json) },
    done,
    left,
  }));
}

function withPathsFrom(file: string, document: RecipeDocument): RecipeDocument {
  const below = (model: unknown) => {
    const { file: path, ...rest } = model as { readonly file: string };
    const isPath = urlScheme(path) === undefined && !path.startsWith("sample:");
    const short = isPath ? relative(`${file}/..`, path) : path;
    return { file: short.startsWith("..") ? path : short, ...rest };
  };
  const { detect, segment, regions } = document;
  return {
    ...document,
    detect: below(detect),
    ...(segment !== undefined && { segment: below(segment) }),
    ...(regions !== undefined && { regions: below(regions) }),
  };
}

function describe(
  isSame: boolean,
  differences: readonly Difference[],
  titles: readonly [string, string],
): string {
  const table =
    differences.length === 0
      ? ""
      : formatTable(
          [{ title: "" }, { title: titles[0] }, { title: titles[1] }],
          differences.map(({ key, first = "-", second = "-" }) => [key, first, second]),
        );
  return isSame ? `${table}The recipes are the same: results of one are results of both.\n` : table;
}

function toText(document: RecipeDocument): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
