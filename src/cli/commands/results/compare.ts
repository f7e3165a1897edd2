import { open } from "node:fs/promises";
import { basename } from "node:path";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { readCountedScores } from "../../../ledger/results/read-counts.ts";
import { readRecipes, type StoredRecipe } from "../../../ledger/results/stored-results.ts";
import { chooseRecipe } from "../../../results/choose-recipe.ts";
import { type Comparison, compareResults } from "../../../results/compare/compare-results.ts";
import { createComparePage } from "../../../results/compare/page/create-compare-page.ts";
import { readTruth } from "../../../results/compare/truth/read-truth.ts";
import type { Truth } from "../../../results/compare/truth/truth.ts";
import { readTruthResults } from "../../../results/compare/truth/truth-results.ts";
import { OutputFile } from "../../../results/export/output-file.ts";
import { displayPath, fromCaller } from "../../options/caller-paths.ts";
import {
  type QuestionArguments,
  readQuestion,
  readSelection,
  resultsFromCaller,
  type SelectionArguments,
} from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible, whileReading } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { recipeFromCaller, refuseToReplace } from "./choose-results.ts";
import { formatComparison, toJson } from "./comparison-tables.ts";
import { openInBrowser } from "./open-in-browser.ts";

export interface CompareArguments extends SelectionArguments, QuestionArguments {
  readonly truthRecipe?: string;
  readonly json?: boolean;
  readonly html?: string;
  readonly open?: boolean;
  readonly quiet?: boolean;
}

/** Runs `orangery compare`; resolves to the exit status. */
export async function compare(
  output: StandardOutput,
  [results, wanted]: readonly [results: string, truth: string],
  options: CompareArguments,
): Promise<number> {
  const location = resultsFromCaller(results);
  const truthLocation = resultsFromCaller(wanted);
  const page = options.html === undefined ? undefined : fromCaller(options.html);
  using progress = new ProgressDisplay({ quiet: options.quiet });
  return await interruptible(async ({ stop: signal }) => {
    for (const read of page === undefined ? [] : [location, truthLocation]) {
      await refuseToReplace(read, page!);
    }
    await using ledger = await openLedger(location, { readOnly: true });
    const selection = readSelection(options);
    const recipe = await recipeFromCaller(ledger, options.recipe, selection);
    const truth = await findTruth(truthLocation, { ledger, recipe, options, signal });
    await using file = page === undefined ? undefined : await OutputFile.create(page);
    progress.setTotals({ total: recipe.done, done: 0, failed: 0 });
    const comparison = await compareResults(ledger, {
      ...selection,
      recipe,
      truth,
      question: readQuestion(options),
      signal,
      onPhoto: () => progress.photoDone(),
    });
    const files = [basename(ledger.location), basename(truthLocation)] as const;
    await file?.write(await createComparePage(comparison, { files, signal }));
    await file?.finish();
    progress[Symbol.dispose]();
    await print(output, comparison, options);
    if (page !== undefined) {
      if (!options.json) await output.write(`\nComparison  ${displayPath(page)}\n`);
      if (options.open) openInBrowser(page);
    }
    return exitStatus.ok;
  }, whileReading);
}

async function print(
  output: StandardOutput,
  comparison: Comparison,
  { json }: CompareArguments,
): Promise<void> {
  if (json) await output.writeJson(toJson(comparison));
  else await output.write(formatComparison(comparison));
}

interface TruthContext {
  readonly ledger: Ledger;
  readonly recipe: StoredRecipe;
  readonly options: CompareArguments;
  readonly signal: AbortSignal;
}

async function findTruth(
  location: string,
  { ledger, recipe, options, signal }: TruthContext,
): Promise<Truth> {
  const { truthRecipe } = options;
  if (!(await isResults(location))) {
    if (truthRecipe !== undefined) throw onlyForResults(location);
    const recipeHash = recipe.hash;
    const { names } =
      (await readCountedScores(ledger, { recipeHash, signal })).get(recipeHash) ?? {};
    return await readTruth(fromCaller(location), names ?? []);
  }
  const isSame = location === ledger.location;
  await using others = isSame ? undefined : await openLedger(location, { readOnly: true });
  const truthLedger = others ?? ledger;
  const { hash } = chooseRecipe(await readRecipes(truthLedger), truthRecipe);
  if (isSame && hash === recipe.hash) throw sameRecipe(recipe);
  return await readTruthResults(truthLedger, { recipeHash: hash, signal });
}

const sqliteMark = Buffer.from("SQLite format 3\0");

async function isResults(location: string): Promise<boolean> {
  if (urlScheme(location) !== undefined) return true;
  try {
    await using file = await open(location);
    const { buffer } = await file.read({ buffer: Buffer.alloc(sqliteMark.length), position: 0 });
    return buffer.equals(sqliteMark);
  } catch {
    // A folder, or nothing: whoever reads it says so.
    return false;
  }
}

function onlyForResults(location: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected --truth-recipe only where the truth is results, got ${displayPath(location)}. ` +
      "Leave it out.",
  );
}

function sameRecipe({ hash }: StoredRecipe): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected two recipes to compare, got ${hash.slice(0, 8)} twice. ` +
      "Name the recipe of the truth with --truth-recipe, and the other with --recipe.",
  );
}
