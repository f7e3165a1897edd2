import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CountedScores, type CountingRecipe } from "./count-question.ts";

const names = ["plant", "weed", "stone"];
const plain: CountingRecipe = { detect: { confidence: 0.25 } };
const byClass: CountingRecipe = {
  detect: { confidence: 0.3, classes: [0, 1], classConfidence: [[1, 0.6]] },
  recordFrom: 0.05,
};

const thresholdsOf = (counted: CountedScores) =>
  Array.from(names.keys(), (classId) => counted.thresholdOf(classId));

describe("what counts", () => {
  test("is all that is recorded, unless something else is asked", () => {
    const counted = new CountedScores(plain, names);
    assert.equal(counted.isOfRecipe, true);
    assert.deepEqual(thresholdsOf(counted), [-Infinity, -Infinity, -Infinity]);
    const same = new CountedScores(plain, names, { minScore: 0.25 });
    assert.deepEqual(thresholdsOf(same), [-Infinity, -Infinity, -Infinity]);
  });

  test("is what a recipe counts, where it records from a lower score", () => {
    const thresholds = thresholdsOf(new CountedScores(byClass, names));
    assert.deepEqual(thresholds, [Math.fround(0.3), Math.fround(0.6), Infinity]);
  });

  test("follows the scores that are asked for, of a class before those of all", () => {
    const question = { minScore: 0.5, classConfidence: { weed: 0.7 } };
    const counted = new CountedScores(plain, names, question);
    assert.equal(counted.isOfRecipe, false);
    assert.deepEqual(thresholdsOf(counted), [0.5, Math.fround(0.7), 0.5]);
    const lower = new CountedScores(byClass, names, { minScore: 0.1 });
    assert.deepEqual(thresholdsOf(lower), [Math.fround(0.1), Math.fround(0.1), Infinity]);
  });

  test("are the classes that are asked for, by name or id", () => {
    const counted = new CountedScores(plain, names, { classes: ["weed", 2] });
    assert.deepEqual(thresholdsOf(counted), [Infinity, -Infinity, -Infinity]);
  });

  test("is refused where it was not recorded", () => {
    const asking = (recipe: CountingRecipe, question: object) => () =>
      new CountedScores(recipe, names, question);
    assert.throws(
      asking(plain, { minScore: 0.2 }),
      /Expected a score of 0\.25 or more for .* plant/,
    );
    assert.throws(asking(byClass, { minScore: 0.04 }), /0\.05 or more/);
    assert.throws(asking(byClass, { classes: ["stone"] }), /stone was left out of its --classes/);
    assert.throws(asking(plain, { classes: ["weeds"] }), /0 plant, 1 weed, 2 stone, got `weeds`/);
    assert.throws(asking(plain, { minScore: 2 }), { code: "INVALID_ARGUMENT" });
    assert.throws(asking(plain, { minscore: 0.5 } as object), { code: "INVALID_ARGUMENT" });
  });

  test("of a class that is not asked for may be below what is recorded", () => {
    const recorded: CountingRecipe = {
      detect: { confidence: 0.25, classConfidence: [[1, 0.6]] },
    };
    const counted = new CountedScores(recorded, names, { classes: ["plant"], minScore: 0.3 });
    assert.deepEqual(thresholdsOf(counted), [Math.fround(0.3), Infinity, Infinity]);
  });
});
