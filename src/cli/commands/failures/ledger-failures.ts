import { openLedger } from "../../../ledger/open-ledger.ts";
import {
  countFailedPhotos,
  type FailedPhoto,
  type FailedPhotosOptions,
  readFirstFailedPhotos,
} from "../../../ledger/results/failed-photos.ts";
import { readFailures, readRecipes } from "../../../ledger/results/stored-results.ts";
import { chooseRecipe } from "../../../results/choose-recipe.ts";
import { displayPath, photoFromCaller } from "../../options/caller-paths.ts";
import {
  defaultResults,
  resultsFromCaller,
  type TakenArguments,
} from "../../options/results-options.ts";
import type { FailureRow, FailureSource } from "./failure-source.ts";

export interface LedgerFailuresOptions extends TakenArguments {
  readonly recipe?: string;
  readonly under?: string;
  readonly code?: string;
}

/** Opens the recorded failures of results. */
export async function openLedgerFailures(
  results = defaultResults,
  { recipe, under, code, takenAfter, takenBefore }: LedgerFailuresOptions,
): Promise<FailureSource> {
  await using stack = new AsyncDisposableStack();
  const ledger = stack.use(await openLedger(resultsFromCaller(results), { readOnly: true }));
  const wanted: FailedPhotosOptions = {
    under: under && photoFromCaller(under),
    recipeHash: recipe && chooseRecipe(await readRecipes(ledger), recipe).hash,
    code,
    takenAfter,
    takenBefore,
  };
  const owned = stack.move();
  return {
    name: displayPath(ledger.location),
    hint: "`orangery run` and `orangery enqueue` try them again with --retry.",
    describeNone: async () => "",
    count: () => countFailedPhotos(ledger, wanted),
    async *read(limit = 0) {
      const photos =
        limit === 0
          ? readFailures(ledger, wanted)
          : await readFirstFailedPhotos(ledger, { ...wanted, limit });
      for await (const photo of photos) yield toRow(photo);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function toRow({ source, recipeHash, reason }: FailedPhoto): FailureRow {
  return { photo: source, recipe: recipeHash, code: reason.code, message: reason.message };
}
