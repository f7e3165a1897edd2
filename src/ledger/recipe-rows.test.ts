import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { readRecipeChoices } from "./browse/progress.ts";
import { openLedger } from "./open-ledger.ts";
import { createRecipe } from "./recipe.ts";
import { readSavedRecipes } from "./recipe-rows.ts";
import { readCountedScores } from "./results/read-counts.ts";
import { readRecipes } from "./results/stored-results.ts";
import { Worklist } from "./worklist/worklist.ts";

test("a recipe whose contents were changed in the file is refused", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-recipe-"));
  const file = join(folder.path, "results.db");
  const recipe = createRecipe({ detect: { calibration: { ranges: "AAAA" } } });
  await (await Worklist.open(file, recipe))[Symbol.asyncDispose]();
  await using ledger = await openLedger(file);
  assert.deepEqual(await readSavedRecipes(ledger), [recipe]);
  for (const changed of ["replace(recipe, 'AAAA', 'BBBB')", "'{'"]) {
    using database = new DatabaseSync(file);
    database.exec(`update recipe set recipe = ${changed}`);
    for (const read of [readSavedRecipes, readRecipes, readRecipeChoices, readCountedScores]) {
      await assert.rejects(read(ledger), {
        code: "LEDGER_UNREADABLE",
        message: new RegExp(`the recipe ${recipe.hash.slice(0, 12)} in .*results\\.db as it was`),
      });
    }
  }
});
