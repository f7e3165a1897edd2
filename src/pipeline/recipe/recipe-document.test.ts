import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OrangeryError } from "../../errors.ts";
import { type CountOptions, countVersion, recipeOf } from "./count-recipe.ts";
import { parseRecipe, readRecipe, writeRecipe } from "./recipe-document.ts";

const sha256 = { detect: "a".repeat(64), segment: "b".repeat(64), regions: undefined };
const plain = { ...sha256, segment: undefined };
const drawn = { ...plain, regions: "c".repeat(64) };

const counts: Record<string, CountOptions> = {
  "one model": { detect: { file: "/m/plants.pt" } },
  "options of a model": {
    detect: {
      file: "/m/plants.pt",
      options: {
        confidence: 0.3,
        iou: 0.6,
        maxDetections: 5,
        classes: [0, 2],
        classAgnostic: true,
        imageSize: [480, 640],
      },
    },
  },
  "classes, and objects that do not count": {
    detect: {
      file: "/m/plants.pt",
      options: { classes: [0, 2], classConfidence: [[0, 0.4]], confidence: 0.3 },
    },
    recordFrom: 0.05,
  },
  "two models, slices and samples": {
    name: "plants-2026",
    detect: { file: "sample:seedlings", options: { imageSize: 640 } },
    segment: { file: "/m/beds.onnx", options: { confidence: 0.5 } },
    slicing: { slice: 640, overlap: [0.1, 0.2], merge: { method: "nms" }, batchSize: 4 },
    samples: { bands: [3, 2, 1], valueRange: [0, 4095] },
  },
  "regions of its own": { detect: { file: "/m/plants.pt" }, regions: { file: "/m/plots.geojson" } },
  "JPEGs at a fraction of their size": { detect: { file: "/m/plants.pt" }, decode: "fast" },
  "models in float16": {
    detect: { file: "/m/plants.pt", precision: "float16" },
    segment: { file: "/m/beds.pt", precision: "float16" },
  },
  "automatic slices": { detect: { file: "/m/plants.pt" }, slicing: {} },
};

for (const [what, count] of Object.entries(counts)) {
  test(`a recipe of ${what} is read as it was written`, () => {
    const made = recipeOf(count, count.segment ? sha256 : count.regions ? drawn : plain);
    const json = JSON.stringify(writeRecipe(count, made));
    const read = parseRecipe(json, "r.json");
    assert.deepEqual(read.recipe, made.recipe);
    assert.deepEqual(read.sha256, made.sha256);
    assert.equal(read.count.detect.file, count.detect.file);
    assert.equal(JSON.stringify(writeRecipe(read.count, read)), json);
  });
}

test("a recipe is another one where JPEGs are decoded at a fraction of their size", () => {
  const hashOf = (decode?: "exact" | "fast") =>
    recipeOf({ ...counts["one model"]!, decode }, plain).recipe.hash;
  assert.equal(hashOf("exact"), hashOf());
  assert.notEqual(hashOf("fast"), hashOf());
});

test("a recipe is another one in another precision, which its name says", () => {
  const { detect } = counts["one model"]!;
  const recipeIn = (precision?: "float16") =>
    recipeOf({ detect: { ...detect, precision } }, plain).recipe;
  assert.equal(recipeIn().hash, recipeOf({ detect }, plain).recipe.hash);
  assert.notEqual(recipeIn("float16").hash, recipeIn().hash);
  assert.equal(recipeIn("float16").name, "plants-float16");
});

test("a recipe's name is made of its models, and decides nothing", () => {
  const { recipe } = recipeOf(counts["one model"]!, plain);
  assert.equal(recipe.name, "plants");
  const named = recipeOf({ ...counts["one model"]!, name: "Beete_2026" }, plain).recipe;
  assert.deepEqual([named.name, named.hash], ["Beete_2026", recipe.hash]);
  const odd: CountOptions = {
    detect: { file: "/m/my plants (1).pt" },
    segment: { file: "sample:beds" },
  };
  assert.equal(recipeOf(odd, sha256).recipe.name, "my-plants-1--in-beds");
  for (const name of ["", "a b", "a/b", "x".repeat(65)]) {
    assert.throws(() => recipeOf({ ...odd, name }, sha256), { code: "INVALID_ARGUMENT" });
  }
});

describe("a recipe is refused", () => {
  const good = writeRecipe(counts["one model"]!, recipeOf(counts["one model"]!, plain));
  const detect = good.detect as object;
  const cases: [what: string, document: unknown, message: RegExp][] = [
    ["that is no object", [], /`recipe` to be an object/],
    ["without a model", { ...good, detect: undefined }, /to have `detect`/],
    ["without a model's contents", { ...good, detect: { file: "a" } }, /to have `sha256`/],
    ["of another version", { ...good, version: countVersion + 1 }, /`version` to be/],
    ["of another job", { ...good, job: "weigh" }, /`job` to be count/],
    ["with a misspelt option", { ...good, detect: { ...detect, confidense: 1 } }, /`confidense`/],
    ["with an option out of range", { ...good, detect: { ...detect, iou: 2 } }, /`iou` to be/],
    [
      "with a precision of no use",
      { ...good, detect: { ...detect, precision: "float32" } },
      /`precision` to be float16/,
    ],
    ["with a size of none", { ...good, detect: { ...detect, imageSize: 0 } }, /`imageSize` to be/],
    ["with half a class", { ...good, detect: { ...detect, classes: [0.5] } }, /`classes` to be/],
    [
      "with a class that is named",
      { ...good, detect: { ...detect, classConfidence: [["plant", 0.4]] } },
      /`classConfidence` to be pairs of a class id and a score/,
    ],
    [
      "that records less than it counts",
      { ...good, recordFrom: 0.3 },
      /`recordFrom` to be a score/,
    ],
    ["without a path", { ...good, detect: { ...detect, file: " " } }, /`file` to be/],
    ["that decodes otherwise", { ...good, decode: "slow" }, /`decode` to be exact or fast/],
    [
      "with slices of half the pixels",
      { ...good, decode: "fast", slicing: {} },
      /to be exact where/,
    ],
    ["with a stray part", { ...good, slize: {} }, /nothing else, got `slize`/],
    ["with half a slice", { ...good, slicing: { slice: "half" } }, /`slice` to be/],
    ["that merges otherwise", { ...good, slicing: { merge: { method: "x" } } }, /`method` to be/],
    ["with a name of no use", { ...good, name: "a b" }, /`name` to be/],
  ];
  for (const [what, document, message] of cases) {
    test(what, () => {
      assert.throws(
        () => readRecipe(document, "r.json"),
        (error: OrangeryError) => {
          assert.equal(error.code, "RECIPE_INVALID");
          assert.match(error.message, /^r\.json: Expected/);
          assert.match(error.message, message);
          return true;
        },
      );
    });
  }

  test("that is no JSON", () => {
    assert.throws(() => parseRecipe("{", "r.json"), /^OrangeryError: r\.json: Expected JSON, got/);
  });
});

test("regions are found or drawn, and decide the recipe by what they are", () => {
  const count = counts["regions of its own"]!;
  const { recipe } = recipeOf(count, drawn);
  assert.equal(recipe.name, "plants-in-plots");
  const moved = { ...count, regions: { file: "/elsewhere/plots.json" } };
  assert.equal(recipeOf(moved, drawn).recipe.hash, recipe.hash);
  assert.notEqual(recipeOf(count, { ...drawn, regions: "d".repeat(64) }).recipe.hash, recipe.hash);
  const both = { ...count, segment: { file: "/m/beds.pt" } };
  assert.throws(() => recipeOf(both, { ...drawn, segment: "b".repeat(64) }), /got both/);
});
