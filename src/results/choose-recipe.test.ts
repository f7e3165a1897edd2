import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import type { StoredRecipe } from "../ledger/results/stored-results.ts";
import { chooseRecipe } from "./choose-recipe.ts";

function recipe(hash: string, lastResultAt?: string): StoredRecipe {
  const counts = { done: 1, failed: 0, left: 0, objectCount: 0 };
  return { hash, json: "{}", models: {}, ...counts, firstResultAt: lastResultAt, lastResultAt };
}

describe("chooseRecipe", () => {
  const recipes = [
    recipe("aa11", "2026-06-02T00:00:00.000Z"),
    recipe("ab22", "2026-06-03T00:00:00.000Z"),
    recipe("cc33"),
  ];

  test("takes the one with the newest result", () => {
    assert.equal(chooseRecipe(recipes, undefined).hash, "ab22");
    assert.equal(chooseRecipe([recipe("aa"), recipe("bb")], undefined).hash, "bb");
  });

  test("takes the one whose hash begins as asked", () => {
    assert.equal(chooseRecipe(recipes, "CC").hash, "cc33");
    const named = [...recipes, { ...recipe("dd"), name: "ab" }];
    assert.equal(chooseRecipe([named[0]!, named[3]!], "ab").hash, "dd", "or by its name");
  });

  for (const [wanted, message] of [
    ["a", /"a" may be several: aa11, ab22\. Give more of the hash/],
    ["d", /"d" or whose hash begins so, but there is none\. There are aa11, ab22, cc33/],
  ] as const) {
    test(`refuses "${wanted}"`, () => {
      assert.throws(
        () => chooseRecipe(recipes, wanted),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT") && message.test(error.message),
      );
    });
  }

  test("refuses a file that no run has used", () => {
    assert.throws(() => chooseRecipe([], undefined), /no run has used this results file yet/);
  });
});
