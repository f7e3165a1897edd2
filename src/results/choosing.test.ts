import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import type { StoredRecipe } from "../ledger/results/stored-results.ts";
import { simplifyRing } from "../vision/masks/simplify-ring.ts";
import { chooseRecipe } from "./choose-recipe.ts";
import { Extremes } from "./report/data/extremes.ts";
import { PhotoNames } from "./report/page/photo-names.ts";

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
  });

  for (const [wanted, message] of [
    ["a", /several begin with "a": name more of aa11, ab22, cc33/],
    ["d", /begins with "d", but there is none\. There are aa11, ab22, cc33/],
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

test("Extremes keeps the least, of equals the first, and nothing without a rank", () => {
  const extremes = new Extremes<readonly [string, number]>(3, ([, rank]) => rank);
  for (const item of [
    ["a", 5],
    ["b", 1],
    ["c", 5],
    ["d", 1],
    ["e", 9],
    ["f", 5],
    ["g", 0],
  ] as const) {
    extremes.add(item);
  }
  assert.deepEqual(
    extremes.items.map(([name]) => name),
    ["g", "b", "d"],
  );
  const unranked = new Extremes<string>(3, () => Infinity);
  unranked.add("a");
  assert.deepEqual(unranked.items, []);
});

describe("PhotoNames", () => {
  const cases: [string[], string, string[]][] = [
    [[], "", []],
    [["/a/b/1.jpg"], "/a/b/", ["1.jpg"]],
    [["/a/b/1.jpg", "/a/c/1.jpg"], "/a/", ["b/1.jpg", "c/1.jpg"]],
    [["/ab/1.jpg", "/ac/1.jpg"], "/", ["ab/1.jpg", "ac/1.jpg"]],
    [["C:\\p\\1.jpg", "C:\\p\\q\\2.jpg"], "C:\\p\\", ["1.jpg", "q\\2.jpg"]],
    [["C:\\1.jpg", "D:\\1.jpg"], "", ["C:\\1.jpg", "D:\\1.jpg"]],
  ];
  for (const [sources, folder, names] of cases) {
    test(`leaves out what ${JSON.stringify(sources)} have in common`, () => {
      const photoNames = new PhotoNames(sources);
      assert.equal(photoNames.folder, folder);
      assert.deepEqual(
        sources.map((source) => photoNames.nameOf(source)),
        names,
      );
    });
  }
});

describe("simplifyRing", () => {
  test("leaves a box as it is and closed", () => {
    const box = [
      [0, 0],
      [4, 0],
      [4, 4],
      [0, 4],
      [0, 0],
    ] as const;
    assert.deepEqual(simplifyRing(box, 1), box);
  });

  test("keeps within the tolerance of a staircase", () => {
    const stairs = Array.from(
      { length: 100 },
      (_, i) => [Math.ceil(i / 2), Math.floor(i / 2)] as const,
    );
    const ring = [...stairs, [0, 49] as const, stairs[0]!];
    const simple = simplifyRing(ring, 1);
    assert.deepEqual(simple, [[0, 0], stairs[99], [0, 49], [0, 0]]);
  });
});
