import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chooseClasses } from "./class-choice.ts";

describe("classes that are chosen", () => {
  test("are found by name, by id, and by the digits of an id", () => {
    const names = ["plant", "weed", "stone"];
    assert.deepEqual(chooseClasses(names, { classes: ["stone", 0, "2"] }).classes, [0, 2]);
    assert.deepEqual(chooseClasses(names, {}), { classes: undefined, classConfidence: undefined });
  });

  test("are found by a name of digits before an id", () => {
    const names = ["1", "0"];
    assert.deepEqual(chooseClasses(names, { classes: ["0"] }).classes, [1]);
    assert.deepEqual(chooseClasses(names, { classes: [0] }).classes, [0]);
  });

  test("are all that have the name", () => {
    const names = ["plant", "weed", "plant"];
    const { classConfidence } = chooseClasses(names, { classConfidence: [["plant", 0.4]] });
    assert.deepEqual(classConfidence, [
      [0, 0.4],
      [2, 0.4],
    ]);
  });

  test("have one score each", () => {
    const names = ["plant", "weed"];
    const asked = (scores: [string | number, number][]) => ({ classConfidence: scores });
    const twice = asked([
      ["plant", 0.4],
      [1, 0.3],
      ["0", 0.6],
    ]);
    assert.throws(() => chooseClasses(names, twice), {
      code: "INVALID_ARGUMENT",
      message: /one score of each class, got two of plant/,
    });
    const same = asked([
      ["plant", 0.4],
      [0, 0.4],
    ]);
    assert.deepEqual(chooseClasses(names, same).classConfidence, [[0, 0.4]]);
  });

  test("are listed where one is unknown, a great many in part", () => {
    const many = Array.from({ length: 200 }, (_, i) => `class${i}`);
    assert.throws(() => chooseClasses(many, { classes: ["plnt"] }), {
      code: "INVALID_ARGUMENT",
      message: /0 class0, .* 79 class79, and 120 more, got `plnt`/,
    });
  });
});
